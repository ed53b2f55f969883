// Samples as the user has them, channel by channel, and as images, pixel by pixel.
#include "tables.hpp"
#include "transpose.hpp"

namespace zk::ZK_ISA {
namespace {

inline i64 at_most(i64 count, i64 most) { return count < most ? count : most; }

template <class T>
void to_image(const T* from, i64 channels, i64 height, i64 width, const Plane<T>& to) {
    const i64 area = height * width;
    // Lines without a border between them are one long line.
    const bool joined = to.line == width * to.pixel;
    const i64 lines = joined ? 1 : height, length = joined ? area : width;
    for (i64 y = 0; y < lines; ++y) {
        const T* line = from + y * length;
        T* out = to.data + y * to.line;
        if (channels == 1 && to.pixel == 1) {
            std::memcpy(out, line, static_cast<std::size_t>(length) * sizeof(T));
            continue;
        }
        if (channels == 1) {
            for (i64 x = 0; x < length; ++x) out[x * to.pixel] = line[x];
            continue;
        }
        for (i64 x = 0; x < length; x += kLanes<T>)
            for (i64 c = 0; c < channels; c += kLanes<T>)
                turn_square(line + c * area + x, area, at_most(channels - c, kLanes<T>),
                            at_most(length - x, kLanes<T>), out + x * to.pixel + c, to.pixel);
    }
}

template <class T>
void from_image(const Plane<const T>& from, i64 channels, i64 height, i64 width, T* to) {
    const i64 area = height * width;
    const bool joined = from.line == width * from.pixel;
    const i64 lines = joined ? 1 : height, length = joined ? area : width;
    const bool padded = from.pixel % kLanes<T> == 0;  // then there are whole vectors to read
    for (i64 y = 0; y < lines; ++y) {
        const T* line = from.data + y * from.line;
        T* out = to + y * length;
        for (i64 c = 0; c < channels; c += kLanes<T>) {
            const i64 columns = at_most(channels - c, kLanes<T>);
            for (i64 x = 0; x < length; x += kLanes<T>) {
                const T* const square = line + x * from.pixel + c;
                T* const turned = out + c * area + x;
                if (padded && length - x >= kLanes<T>) turn_lines(square, from.pixel, columns, turned, area);
                else turn_square(square, from.pixel, at_most(length - x, kLanes<T>), columns, turned, area);
            }
        }
    }
}

template <class T>
void fill(ImageMath<T>& math) {
    math.to_image = to_image<T>;
    math.from_image = from_image<T>;
}

}  // namespace

void add_layout(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
