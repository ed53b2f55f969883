#include "windows.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace zk {
namespace {

// The longest tap: a longer one is cut, so that its share of a panel stays in the first-level cache.
constexpr i64 kLongestTap = 384;

std::int32_t offset(i64 value) {
    if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
        throw std::invalid_argument("program: a window lies outside its image's slot");
    return static_cast<std::int32_t>(value);
}

void add_taps(std::vector<Tap>& taps, i64 from, i64 depth) {
    while (depth > 0) {
        const i64 part = std::min(depth, kLongestTap);
        taps.push_back({from, part});
        from += part;
        depth -= part;
    }
}

i64 depth_of(const std::vector<Tap>& taps) {
    i64 depth = 0;
    for (const Tap& tap : taps) depth += tap.depth;
    return depth;
}

// The rows or columns of W that meet the pixels with this remainder, in the order in which dy lies.
struct Meeting {
    std::vector<i64> entries;
    std::vector<i64> shifts;  // in lines or pixels of dy, from the place's own
};

Meeting meeting(const ConvShape& s, int axis, i64 remainder) {
    Meeting found;
    for (i64 i = s.size[axis] - 1; i >= 0; --i) {
        const i64 at = remainder + s.pad[axis] - i * s.dilation[axis];
        if (at % s.stride[axis] != 0) continue;
        found.entries.push_back(i);
        found.shifts.push_back(at / s.stride[axis]);
    }
    return found;
}

// Calls f(vertical remainder, horizontal remainder) for every class of pixels.
template <class F>
void each_class(const ConvShape& s, F&& f) {
    for (i64 y = 0; y < s.stride[0]; ++y)
        for (i64 x = 0; x < s.stride[1]; ++x) f(y, x);
}

i64 packed_columns(i64 columns, i64 panel) { return (columns + panel - 1) / panel * panel; }

}  // namespace

i64 packed_at(i64 k, i64 column, i64 depth, i64 columns, i64 lanes, i64 panel) {
    const i64 first = column / panel * panel;
    const i64 width = columns - first <= lanes ? lanes : panel;
    return first * depth + k * width + (column - first);
}

Windows forward_windows(const ConvShape& s, const Lay& x, const Lay& y) {
    Windows made;
    for (i64 oy = 0; oy < s.out_height; ++oy) {
        for (i64 ox = 0; ox < s.out_width; ++ox) {
            const i64 from = x.origin + (oy * s.stride[0] - s.pad[0]) * x.line +
                             (ox * s.stride[1] - s.pad[1]) * x.pixel;
            const std::int32_t to = offset(y.origin + oy * y.line + ox * y.pixel);
            made.places.push_back({offset(from), to, to});
        }
    }
    // Pixels side by side without padding between them are one long tap.
    const bool dense = s.dilation[1] == 1 && x.pixel == s.channels;
    for (i64 i = 0; i < s.size[0]; ++i) {
        const i64 line = i * s.dilation[0] * x.line;
        if (dense) add_taps(made.taps, line, s.size[1] * s.channels);
        else
            for (i64 j = 0; j < s.size[1]; ++j)
                add_taps(made.taps, line + j * s.dilation[1] * x.pixel, s.channels);
    }
    made.depth = depth_of(made.taps);
    return made;
}

std::vector<Windows> back_windows(const ConvShape& s, const Lay& dy, const Lay& dx, const Lay& act,
                                  i64 panel) {
    std::vector<Windows> all;
    i64 start = 0;
    each_class(s, [&](i64 ry, i64 rx) {
        Windows made;
        made.start = start;
        const Meeting rows = meeting(s, 0, ry), columns = meeting(s, 1, rx);
        for (i64 y = ry; y < s.height; y += s.stride[0]) {
            for (i64 x = rx; x < s.width; x += s.stride[1]) {
                const i64 from = dy.origin + y / s.stride[0] * dy.line + x / s.stride[1] * dy.pixel;
                made.places.push_back({offset(from),
                                       offset(dx.origin + y * dx.line + x * dx.pixel),
                                       offset(act.origin + y * act.line + x * act.pixel)});
            }
        }
        const bool dense = s.stride[1] == 1 && s.dilation[1] == 1 && dy.pixel == s.filters;
        for (std::size_t i = 0; i < rows.entries.size(); ++i) {
            const i64 line = rows.shifts[i] * dy.line;
            if (dense) {
                add_taps(made.taps, line + columns.shifts[0] * dy.pixel, s.size[1] * s.filters);
            } else {
                for (const i64 shift : columns.shifts)
                    add_taps(made.taps, line + shift * dy.pixel, s.filters);
            }
        }
        made.depth = depth_of(made.taps);
        start += made.depth * packed_columns(s.channels, panel);
        all.push_back(std::move(made));
    });
    return all;
}

std::vector<Run> window_runs(const ConvShape& s, const Lay& x, const Lay& dy) {
    std::vector<Run> runs;
    for (i64 oy = 0; oy < s.out_height; ++oy) {
        const i64 from = x.origin + (oy * s.stride[0] - s.pad[0]) * x.line - s.pad[1] * x.pixel;
        runs.push_back({offset(from), offset(dy.origin + oy * dy.line), offset(s.out_width)});
    }
    return runs;
}

Packing forward_packing(const ConvShape& s, i64 lanes, i64 panel) {
    const i64 area = s.size[0] * s.size[1], depth = area * s.channels;
    Packing made;
    made.size = depth * packed_columns(s.filters, panel);
    for (i64 f = 0; f < s.filters; ++f)
        for (i64 c = 0; c < s.channels; ++c)
            for (i64 place = 0; place < area; ++place)
                made.at.push_back(
                    offset(packed_at(place * s.channels + c, f, depth, s.filters, lanes, panel)));
    return made;
}

Packing back_packing(const ConvShape& s, i64 lanes, i64 panel) {
    const i64 area = s.size[0] * s.size[1];
    Packing made;
    made.at.resize(static_cast<std::size_t>(s.filters * s.channels * area));
    each_class(s, [&](i64 ry, i64 rx) {
        const Meeting rows = meeting(s, 0, ry), columns = meeting(s, 1, rx);
        const i64 across = static_cast<i64>(columns.entries.size());
        const i64 depth = static_cast<i64>(rows.entries.size()) * across * s.filters;
        for (i64 i = 0; i < static_cast<i64>(rows.entries.size()); ++i) {
            for (i64 j = 0; j < across; ++j) {
                const i64 entry = rows.entries[static_cast<std::size_t>(i)] * s.size[1] +
                                  columns.entries[static_cast<std::size_t>(j)];
                for (i64 f = 0; f < s.filters; ++f) {
                    const i64 k = (i * across + j) * s.filters + f;
                    for (i64 c = 0; c < s.channels; ++c)
                        made.at[static_cast<std::size_t>((f * s.channels + c) * area + entry)] =
                            offset(made.size + packed_at(k, c, depth, s.channels, lanes, panel));
                }
            }
        }
        made.size += depth * packed_columns(s.channels, panel);
    });
    return made;
}

}  // namespace zk
