// W and W^T in panels, as packed products read them.
#include "simd.hpp"
#include "tables.hpp"
#include "tile.hpp"
#include "transpose.hpp"

namespace zk::ZK_ISA {
namespace {

// Bytes of W that are asked for ahead where only changes are written: what is compared at every call has left the
// cache since the call before.
constexpr i64 kCompareAhead = 4096;

// Writes a vector; with `changed_only`, if another is there.
template <class T>
inline void put(T* to, Vector<T> v, bool changed_only) {
    if (!changed_only || !same_bits<T>(load(to), v)) store(to, v);
}

// Panels of W: panel p holds the columns [p * kPanel, ...), row after row. The last columns may be a
// single vector's panel, and what it holds beyond W is 0; a thin one, which holds column after column;
// or the one and then the other. A narrow W is one wide panel, with a thin one behind it or none.
template <class T>
void pack_forward(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end, i64 column,
                  i64 column_end, T* to, bool changed_only) {
    const bool can_be_thin = pays_thin<T>(inputs);
    for (i64 j = column, width = 0; j < column_end; j += width) {
        const i64 rest = outputs - j;
        width = panel_width<T>(rest, can_be_thin, j == 0);
        T* panel = to + j * inputs;
        if (can_be_thin && is_thin<T>(rest)) {
            for (i64 k = row; k < row_end; ++k)
                for (i64 c = 0; c < rest; ++c) {
                    T& packed = panel[c * inputs + k];
                    const T& number = weights[k * outputs + j + c];
                    if (!changed_only || std::memcmp(&packed, &number, sizeof number) != 0) packed = number;
                }
            continue;
        }
        for (i64 k = row; k < row_end; ++k) {
            const T* from = weights + k * outputs + j;
            if (changed_only) {
                const char* const ahead = reinterpret_cast<const char*>(from) + kCompareAhead;
                for (i64 at = 0; at < width * static_cast<i64>(sizeof(T)); at += 64)
                    __builtin_prefetch(ahead + at, 0, 2);
            }
            for (i64 v = 0; v < width; v += kLanes<T>) {
                const i64 count = rest - v;
                const Vector<T> line = count >= kLanes<T> ? load(from + v)
                                       : count > 0        ? load_part(from + v, count)
                                                          : Vector<T>{};
                put(panel + k * width + v, line, changed_only);
            }
        }
    }
}

// Panels of a matrix turned: panel p holds the rows [p * kPanel, ...), row after row of what is turned. The last rows
// may be a thin panel, which holds them as they are.
template <class T>
void pack_turned(const T* data, i64 data_row, i64 rows, i64 columns, bool can_be_thin, i64 row, i64 row_end, i64 column,
                 i64 column_end, T* to) {
    for (i64 i = row, width = 0; i < row_end; i += width) {
        const i64 rest = rows - i;
        width = panel_width<T>(rest, can_be_thin, false);
        T* panel = to + i * columns;
        if (can_be_thin && is_thin<T>(rest)) {
            for (i64 at = 0; at < rest; ++at)
                for (i64 j = column; j < column_end; ++j)
                    panel[at * columns + j] = data[(i + at) * data_row + j];
            continue;
        }
        // All vectors of a line before the next line: its bytes are then written while they are near.
        for (i64 j = column; j < column_end; j += kLanes<T>) {
            const i64 across = at_most_lanes<T>(column_end - j);
            for (i64 v = 0; v < width; v += kLanes<T>) {
                const i64 lines = at_most_lanes<T>(rest - v);
                turn_square(data + (i + v) * data_row + j, data_row, lines, across, panel + j * width + v, width);
            }
        }
    }
}

// Panels of W^T.
template <class T>
void pack_backward(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end, i64 column,
                   i64 column_end, T* to) {
    pack_turned(weights, outputs, inputs, outputs, pays_thin<T>(outputs), row, row_end, column, column_end, to);
}

// Panels of dy^T: of whole vectors, so that a row's bits do not hang on where in the batch it is.
template <class T>
void turn_rows(const T* dy, i64 dy_row, i64 rows, i64 outputs, i64 row, i64 row_end, T* to) {
    pack_turned(dy, dy_row, rows, outputs, false, row, row_end, 0, outputs, to);
}

template <class T>
void fill(Math<T>& math) {
    math.pack_forward = pack_forward<T>;
    math.pack_backward = pack_backward<T>;
    math.turn_rows = turn_rows<T>;
}

}  // namespace

void add_pack(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
