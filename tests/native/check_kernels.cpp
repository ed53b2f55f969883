// Holds the kernels of one instruction set to plain loops, without Python: for machines that we can
// only emulate, and for sanitizers. `make neon` builds it for 64-bit ARM. For the machine at hand:
//   g++ -std=c++20 -O3 -ffp-contract=off -Isrc/native -DZK_ISA=avx2 -mavx2 -mfma -mprfchw
//       tests/native/check_kernels.cpp (the kernel files that CMakeLists.txt names)
// Exit code 0 and a count, or 1 and the first mistakes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels.hpp"

#define ZK_TEXT_OF(x) #x
#define ZK_TEXT(x) ZK_TEXT_OF(x)

namespace zk::ZK_ISA {
void fill(Kernels& table);
}

namespace {

using namespace zk;

long checks = 0, mistakes = 0;
std::mt19937 generator(20240229);

double random_number() { return static_cast<double>(generator()) / 2147483648.0 - 1.0; }

i64 one_to(i64 most) { return 1 + static_cast<i64>(generator()) % most; }

void expect(bool good, const std::string& what) {
    ++checks;
    if (!good && ++mistakes <= 20) std::printf("  wrong: %s\n", what.c_str());
}

// NaN agrees with NaN alone, and an infinity with itself.
void close(double got, double want, double tolerance, const std::string& what) {
    const bool same = std::isnan(want)   ? std::isnan(got)
                      : std::isinf(want) ? got == want
                                         : std::fabs(got - want) <= tolerance;
    expect(same, what + ": got " + std::to_string(got) + ", expected " + std::to_string(want));
}

template <class T>
constexpr double kEps = static_cast<double>(std::numeric_limits<T>::epsilon());

// Rows as they lie in an arena. What pads them is NaN: no result may hang on it.
template <class T>
struct Rows {
    i64 rows, columns, row;
    std::vector<T> data;
    Rows(i64 r, i64 c)
        : rows(r), columns(c), row(c <= 32 ? 32 : (c + 31) / 32 * 32),
          data(static_cast<std::size_t>(r * row + 1), std::numeric_limits<T>::quiet_NaN()) {
        for (i64 i = 0; i < r; ++i)
            for (i64 j = 0; j < c; ++j) at(i, j) = static_cast<T>(random_number());
    }
    T& at(i64 i, i64 j) { return data[static_cast<std::size_t>(i * row + j)]; }
    bool same(Rows& other) {
        for (i64 i = 0; i < rows; ++i)
            if (std::memcmp(&at(i, 0), &other.at(i, 0), sizeof(T) * static_cast<std::size_t>(columns)))
                return false;
        return true;
    }
};

// Numbers side by side, and behind them a fence that must stand.
template <class T>
struct Dense {
    i64 count;
    std::vector<T> data;
    explicit Dense(i64 n) : count(n), data(static_cast<std::size_t>(n + 64), T(77)) {
        for (i64 i = 0; i < n; ++i) at(i) = static_cast<T>(random_number());
    }
    T& at(i64 i) { return data[static_cast<std::size_t>(i)]; }
    bool fenced() {
        for (i64 i = count; i < count + 64; ++i)
            if (at(i) != T(77)) return false;
        return true;
    }
};

struct Shape { i64 rows, inputs, outputs; };

std::vector<Shape> shapes() {
    std::vector<Shape> list{{0, 3, 4},    {1, 1, 1},    {1, 130, 50},  {2, 5, 3},    {3, 17, 33},
                            {4, 64, 10},  {5, 0, 7},    {7, 321, 65},  {13, 40, 129}, {25, 31, 16},
                            {20, 50, 10}, {300, 9, 40}, {12, 700, 8},  {6, 8, 700},  {24, 32, 32},
                            {31, 150, 18}, {26, 785, 20}, {13, 90, 3}, {9, 140, 39},
                            {11, 300, 5},  {14, 200, 42}, {15, 1300, 50}, {17, 200, 48},
                            {29, 60, 45},  {19, 300, 24}, {23, 100, 13},  {10, 40, 11},
                            // A wide panel and a thin one: pieces of the depth, whole ones and a rest.
                            {17, 200, 49}, {21, 127, 51}, {16, 850, 52}, {9, 784, 26},  {10, 131, 25},
                            // Whole panels, of one part and of several.
                            {31, 100, 64}, {50, 850, 128}};
    for (int i = 0; i < 12; ++i)
        list.push_back({one_to(40), one_to(90), one_to(90)});
    return list;
}

double activated(Activation act, double x) {
    if (act == Activation::relu) return x <= 0 ? 0 : x;
    if (act == Activation::sigmoid) return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
    if (act == Activation::tanh) return std::tanh(x);
    return x;
}

double slope(Activation act, double y) {
    if (act == Activation::relu) return y <= 0 ? 0 : 1;
    if (act == Activation::sigmoid) return y * (1 - y);
    if (act == Activation::tanh) return 1 - y * y;
    return 1;
}

constexpr Activation kActivations[] = {Activation::none, Activation::relu, Activation::sigmoid,
                                       Activation::tanh};

std::string name(const char* kernel, const Shape& s, int act, bool few) {
    return std::string(kernel) + " (" + std::to_string(s.rows) + ", " + std::to_string(s.inputs) + ", " +
           std::to_string(s.outputs) + ") act " + std::to_string(act) + (few ? " few" : "");
}

i64 up(i64 value, i64 to) { return (value + to - 1) / to * to; }

// What calls may be told to ask for: anything, anywhere.
const std::vector<char> kElsewhere(5000);
const Stretch kNext[] = {{kElsewhere.data(), 900}, {kElsewhere.data() + 7, 1}, {kElsewhere.data() + 960, 4000},
                         {kElsewhere.data() + 64, 0}};
Ahead ahead(i64 count) { return {kNext, count}; }

// f(from, to) over [0, count), cut in two at a multiple of `unit`.
template <class F>
void in_two(i64 count, i64 unit, F&& f) {
    const i64 cut = std::min(count, up(count / 3, unit));
    f(i64{0}, cut);
    f(cut, count);
}

// A product as program_depth.cpp computes it: part after part of its depth, of which each sees only its own
// columns of x. The bits are those of the whole.
template <class T>
void check_by_depth(const Math<T>& math, const AffineForward<T>& whole, Rows<T>& x, Rows<T>& want) {
    Rows<T> total(x.rows, whole.outputs), sums(x.rows, whole.outputs);
    const i64 parts = math.depth_parts(whole.inputs);
    expect(math.depth_cut(whole.inputs, 0) == 0 && math.depth_cut(whole.inputs, parts) == whole.inputs,
           "the parts of a depth are not all of it");
    for (i64 part = 0; part < parts; ++part) {
        const i64 k = math.depth_cut(whole.inputs, part), k_end = math.depth_cut(whole.inputs, part + 1);
        Rows<T> own(x.rows, x.columns);
        for (i64 i = 0; i < x.rows; ++i)
            for (i64 j = 0; j < x.columns; ++j)
                own.at(i, j) = j >= k && j < k_end ? x.at(i, j) : std::numeric_limits<T>::quiet_NaN();
        AffineForward<T> op = whole;
        op.x = &own.at(0, 0);
        op.y = &sums.at(0, 0);
        op.read_next = ahead(part % 5);
        math.affine_part(op, 0, x.rows, part);
        for (i64 i = 0; i < x.rows; ++i)
            for (i64 j = 0; j < whole.outputs; ++j)
                total.at(i, j) = part == 0 ? sums.at(i, j) : total.at(i, j) + sums.at(i, j);
    }
    AffineForward<T> op = whole;
    op.y = &total.at(0, 0);
    math.finish_affine(op, 0, x.rows);
    expect(total.same(want), "affine by parts of its depth");
}

// Packing only what has changed gives what packing all of it does, also where the change is but a sign of zero.
template <class T>
void check_packed_again(const Math<T>& math, const Shape& s, const Dense<T>& w, const std::vector<T>& packed) {
    Dense<T> other = w;
    std::vector<T> once = packed, anew = packed;
    const auto pack = [&](const Dense<T>& from, std::vector<T>& to, bool changed_only) {
        math.pack_forward(from.data.data(), s.inputs, s.outputs, 0, s.inputs, 0, s.outputs, to.data(), changed_only);
    };
    const double special[] = {0.0, -0.0, NAN, INFINITY, 1e-41};
    for (i64 i = 0, at = 0; i < s.inputs * s.outputs; i += one_to(60), ++at) other.at(i) = static_cast<T>(special[at % 5]);
    const auto same = [](const std::vector<T>& a, const std::vector<T>& b) {
        return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
    };
    pack(w, once, false);
    pack(w, anew, true);
    expect(same(once, anew), name("packing again", s, 0, false));
    pack(other, once, false);
    pack(other, anew, true);
    expect(same(once, anew), name("packing what changed", s, 0, false));
    for (i64 i = 0; i < s.inputs * s.outputs; ++i)
        if (other.at(i) == 0) other.at(i) = std::signbit(double(other.at(i))) ? T(0) : -T(0);
    pack(other, once, false);
    pack(other, anew, true);
    expect(same(once, anew), name("packing signs of zero", s, 0, false));
}

// dx from dy in panels and W as it is stored, into `dx`: whole and in parts, the same bits. What the panels hold beyond
// the rows is NaN, and so are the sums at first.
template <class T>
void check_turned(const Math<T>& math, const Shape& s, AffineBackward<T> op, i64 dx_row, Rows<T>& dx) {
    const auto nan = [](i64 count) {
        return std::vector<T>(static_cast<std::size_t>(count), std::numeric_limits<T>::quiet_NaN());
    };
    std::vector<T> turned = nan(s.outputs * up(s.rows, math.panel) + 1), sums = nan(math.turned_scratch(s.rows));
    in_two(s.rows, math.panel, [&](i64 i, i64 i_end) {
        math.turn_rows(op.dy, op.dy_row, s.rows, s.outputs, i, i_end, turned.data());
    });
    Rows<T> cut(s.rows, s.inputs);
    op.packed = nullptr;
    op.turned = turned.data();
    op.rows = s.rows;
    op.sums = sums.data();
    op.dx = &dx.at(0, 0);
    op.dx_row = dx_row;
    math.affine_back(op, 0, s.rows, 0, s.inputs, false);
    op.dx = &cut.at(0, 0);
    for (const bool distant : {false, true}) {
        op.distant = distant;
        in_two(s.rows, math.panel, [&](i64 i, i64 i_end) {
            in_two(s.inputs, math.panel, [&](i64 k, i64 k_end) { math.affine_back(op, i, i_end, k, k_end, false); });
        });
        expect(dx.same(cut), name("affine_back of dy turned, in parts", s, static_cast<int>(op.act), false));
    }
}

template <class T>
void check_affine(const Math<T>& math, const Shape& s) {
    Rows<T> x(s.rows, s.inputs), dy(s.rows, s.outputs);
    Dense<T> w(s.inputs * s.outputs), b(s.outputs);
    std::vector<T> forward(static_cast<std::size_t>(s.inputs * up(s.outputs, math.panel) + 1));
    std::vector<T> back(static_cast<std::size_t>(s.outputs * up(s.inputs, math.panel) + 1));
    const i64 unit = s.outputs <= math.undivided ? math.undivided : math.panel;
    in_two(s.inputs, math.panel, [&](i64 k, i64 k_end) {
        in_two(s.outputs, unit, [&](i64 j, i64 j_end) {
            math.pack_forward(&w.at(0), s.inputs, s.outputs, k, k_end, j, j_end, forward.data(), false);
            math.pack_backward(&w.at(0), s.inputs, s.outputs, k, k_end, j, j_end, back.data());
        });
    });
    check_packed_again(math, s, w, forward);
    for (const Activation act : kActivations) for (const bool few : {false, true}) {
        const int number = static_cast<int>(act);
        Rows<T> y(s.rows, s.outputs), cut(s.rows, s.outputs);
        AffineForward<T> op{&x.at(0, 0), x.row, &w.at(0),  forward.data(), &b.at(0), nullptr, &y.at(0, 0),
                            y.row,       s.inputs, s.outputs, act};
        math.affine(op, 0, s.rows, 0, s.outputs, few);
        op.y = &cut.at(0, 0);
        op.read_next = ahead(number + 1);
        for (const bool distant : {false, true}) {
            op.distant = distant;
            in_two(s.rows, 1, [&](i64 i, i64 i_end) {
                in_two(s.outputs, unit,
                       [&](i64 j, i64 j_end) { math.affine(op, i, i_end, j, j_end, few); });
            });
            expect(y.same(cut), name("affine in parts", s, number, few));
        }
        if (!few) check_by_depth(math, op, x, y);
        if (!few && s.outputs % math.panel == 0) {  // W as it is stored
            op.packed = nullptr;
            for (const bool distant : {false, true}) {
                Rows<T> again(s.rows, s.outputs);  // nothing of what the panels gave
                op.distant = distant;
                op.y = &again.at(0, 0);
                in_two(s.rows, 1, [&](i64 i, i64 i_end) {
                    in_two(s.outputs, unit,
                           [&](i64 j, i64 j_end) { math.affine(op, i, i_end, j, j_end, few); });
                });
                expect(y.same(again), name("affine of W as it is stored", s, number, few));
                check_by_depth(math, op, x, y);
            }
        }
        for (i64 i = 0; i < s.rows; ++i) for (i64 j = 0; j < s.outputs; ++j) {
            double sum = b.at(j), size = std::fabs(sum);
            for (i64 k = 0; k < s.inputs; ++k) {
                const double term = double(x.at(i, k)) * double(w.at(k * s.outputs + j));
                sum += term, size += std::fabs(term);
            }
            const double tolerance = kEps<T> * (double(s.inputs + 4) * size + 16);
            close(double(y.at(i, j)), activated(act, sum), tolerance, name("affine", s, number, few));
        }
        Rows<T> dx(s.rows, s.inputs), dx_cut(s.rows, s.inputs), out(s.rows, s.inputs);
        Rows<T> noise(s.rows, s.inputs);
        const T scale = act == Activation::relu && s.inputs % 3 == 0 ? T(1.25) : T(1);
        const bool noisy = scale == T(1) && (s.rows + s.inputs) % 2 == 0;
        AffineBackward<T> turn{&dy.at(0, 0), dy.row, &w.at(0), back.data(), &dx.at(0, 0), dx.row,
                               &out.at(0, 0), out.row, noisy ? &noise.at(0, 0) : nullptr,
                               noise.row, s.inputs, s.outputs, act, scale};
        math.affine_back(turn, 0, s.rows, 0, s.inputs, few);
        turn.dx = &dx_cut.at(0, 0);
        turn.read_next = ahead(number);
        in_two(s.rows, 1, [&](i64 i, i64 i_end) {
            in_two(s.inputs, math.panel,
                   [&](i64 j, i64 j_end) { math.affine_back(turn, i, i_end, j, j_end, few); });
        });
        expect(dx.same(dx_cut), name("affine_back in parts", s, number, few));
        Rows<T> other_way(s.rows, s.inputs);
        if (!few) check_turned(math, s, turn, dx.row, other_way);
        for (i64 i = 0; i < s.rows; ++i) for (i64 k = 0; k < s.inputs; ++k) {
            double sum = 0, size = 0;
            for (i64 j = 0; j < s.outputs; ++j) {
                const double term = double(dy.at(i, j)) * double(w.at(k * s.outputs + j));
                sum += term, size += std::fabs(term);
            }
            sum *= double(scale), size *= double(scale);
            if (noisy) sum *= double(noise.at(i, k)), size *= std::fabs(double(noise.at(i, k)));
            const double tolerance = kEps<T> * double(s.outputs + 8) * (size + 1);
            const double want = sum * slope(act, double(out.at(i, k)));
            close(double(dx.at(i, k)), want, tolerance, name("affine_back", s, number, few));
            if (!few)
                close(double(other_way.at(i, k)), want, tolerance, name("affine_back of dy turned", s, number, few));
        }
    }
}

template <class T>
void check_gradient(const Math<T>& math, const Shape& s) {
    Rows<T> x(s.rows, s.inputs), dy(s.rows, s.outputs);
    Dense<T> dw(s.inputs * s.outputs), cut(s.inputs * s.outputs), db(s.outputs);
    AffineGradient<T> op{&x.at(0, 0), x.row, &dy.at(0, 0), dy.row, s.rows, s.inputs, s.outputs};
    math.weight_gradient(op, 0, s.inputs, 0, s.outputs, &dw.at(0), s.outputs);
    math.bias_gradient(op, &db.at(0));
    op.read_next = ahead(s.rows % 5);
    op.write_next = ahead(s.inputs % 5);
    in_two(s.inputs, 1, [&](i64 k, i64 k_end) {
        in_two(s.outputs, math.panel, [&](i64 j, i64 j_end) {
            math.weight_gradient(op, k, k_end, j, j_end, &cut.at(0) + k * s.outputs + j, s.outputs);
        });
    });
    expect(dw.data == cut.data, name("weight_gradient in parts", s, 0, false));
    expect(dw.fenced() && cut.fenced() && db.fenced(), name("gradient beyond its end", s, 0, false));
    const double tolerance = kEps<T> * double(s.rows + 4) * double(s.rows + 1);
    for (i64 j = 0; j < s.outputs; ++j) {
        double bias = 0;
        for (i64 i = 0; i < s.rows; ++i) bias += double(dy.at(i, j));
        close(double(db.at(j)), bias, tolerance, name("bias_gradient", s, 0, false));
        for (i64 k = 0; k < s.inputs; ++k) {
            double sum = 0;
            for (i64 i = 0; i < s.rows; ++i) sum += double(x.at(i, k)) * double(dy.at(i, j));
            close(double(dw.at(k * s.outputs + j)), sum, tolerance, name("weight_gradient", s, 0, false));
        }
    }
}

template <class T>
void check_rows(const Math<T>& math, const Shape& s) {
    const i64 c = s.outputs;
    Rows<T> a(s.rows, c), b(s.rows, c), out(s.rows, c);
    Elementwise<T> op{&a.at(0, 0), a.row, &b.at(0, 0), b.row, &out.at(0, 0), out.row, c, Activation::none,
                      Curve::elu, T(0)};
    // Numbers, and those that are none: they must come through.
    const double special[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e30, -1e30, 1e-40, 87.0, -87.0};
    for (i64 j = 0; j < c && s.rows > 1; ++j) a.at(1, j) = static_cast<T>(special[j % 10]);
    const auto each = [&](const char* what, double tolerance, auto want) {
        for (i64 i = 0; i < s.rows; ++i) for (i64 j = 0; j < c; ++j)
            close(double(out.at(i, j)), want(double(a.at(i, j)), double(b.at(i, j))),
                  tolerance * (1 + std::fmin(std::fabs(double(a.at(i, j))), 1e30)), name(what, s, 0, false));
    };
    for (const Activation act : kActivations) {
        op.act = act;
        math.activate(op, 0, s.rows);
        each("activate", 8 * kEps<T>, [&](double x, double) { return activated(act, x); });
        math.activate_back(op, 0, s.rows);
        if (act != Activation::relu)
            each("activate_back", 8 * kEps<T>, [&](double dy, double y) { return dy * slope(act, y); });
        else
            each("activate_back", 0, [&](double dy, double y) { return y <= 0 ? 0 : dy; });
    }
    math.add(op, 0, s.rows);
    each("add", kEps<T>, [](double x, double y) { return x + y; });
    math.multiply(op, 0, s.rows);
    each("multiply", kEps<T>, [](double x, double y) { return x * y; });
    math.softmax(op, 0, s.rows);
    for (i64 i = 0; i < s.rows; ++i) {
        double most = -INFINITY, sum = 0;
        for (i64 j = 0; j < c; ++j) most = std::fmax(most, double(a.at(i, j)));
        for (i64 j = 0; j < c; ++j) sum += std::exp(double(a.at(i, j)) - most);
        for (i64 j = 0; j < c; ++j)
            close(double(out.at(i, j)), std::exp(double(a.at(i, j)) - most) / sum, double(c + 16) * kEps<T>,
                  name("softmax", s, 0, false));
    }
    math.softmax_back(op, 0, s.rows);
    for (i64 i = 0; i < s.rows; ++i) {
        double sum = 0;
        if (i == 1) continue;  // the row of special numbers: infinities of both signs
        for (i64 j = 0; j < c; ++j) sum += double(a.at(i, j)) * double(b.at(i, j));
        for (i64 j = 0; j < c; ++j)
            close(double(out.at(i, j)), double(b.at(i, j)) * (double(a.at(i, j)) - sum),
                  kEps<T> * double(c + 4) * double(c), name("softmax_back", s, 0, false));
    }
}

#include "check_dropout.hpp"
#include "check_images.hpp"
#include "check_normalize.hpp"
#include "check_zeros.hpp"
#include "check_more.hpp"

}  // namespace

int main() {
    Kernels table{};
    zk::ZK_ISA::fill(table);
    check_gather(table);
    check_philox();
    check_dropout(table.f32);
    check_dropout(table.f64);
    check_format(table.f32);
    check_format(table.f64);
    std::printf("kernels for %s: %ld checks, %ld mistakes\n", ZK_TEXT(ZK_ISA), checks, mistakes);
    return mistakes == 0 ? 0 : 1;
}
