// Recurrences whose gates do not look at the state: what is left to do one after the other is a multiplication and an addition.
//
//     h[t] = keep[t] · h[t-1] + fresh[t]
//
//     scan      keep, fresh are given
//     minGRU    keep = 1 - σ(k),            fresh = σ(k) · g(v)
//     minLSTM   keep = σ(f) / (σ(f) + σ(i)), fresh = (1 - keep) · g(v)
//
// g(v) is v, or the positive v + 1/2 where v >= 0 and σ(v) elsewhere. Gates are made on the way, forward and again backward, so that
// memory is read and written once. A row of the batch is dealt out in blocks of units; no number depends on how.
//
// Equations and source: inorder/textbook/minimal.py.

#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "clones.hpp"
#include "exponential.hpp"
#include "flush.hpp"
#include "parallel.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

using Int = std::int64_t;
using Address = std::uintptr_t;

constexpr Int BLOCK = 256;        // units of a block at most: their states stay in the first cache
constexpr Int LEAST = 32;         // and at least
constexpr Int WORTH = 32 * 1024;  // states that a further thread has to pay for

enum Kind { SCAN = 0, GRU = 1, GRU_POSITIVE = 2, LSTM = 3, LSTM_POSITIVE = 4 };

constexpr Int row(int kind, Int hidden) { return kind == SCAN ? hidden : kind >= LSTM ? 3 * hidden : 2 * hidden; }
constexpr bool positive(int kind) { return kind == GRU_POSITIVE || kind == LSTM_POSITIVE; }

// Arrays: pre (batch, time, parts · hidden), for a scan keep and fresh (batch, time, hidden) each; first, last (batch, hidden);
// output (batch, time, hidden).
template <typename Real>
struct Scan {
    Int batch, time, hidden;
    bool reverse;
    const Int* lengths;  // null: time
    const Real *pre, *fresh, *first;
    Real *output, *last;
    const Real *d_output, *d_last;  // backward
    Real *d_pre, *d_fresh, *d_first;

    Int length(Int b) const { return lengths ? std::clamp<Int>(lengths[b], 0, time) : time; }
};

template <typename Real>
struct Gate {
    Real keep, fresh, candidate;
    Real d_first, d_second;  // factors of the pre-activations' gradients
    Real slope;              // g'(v)
};

template <int kind, typename Real>
INORDER_INLINE Gate<Real> gate(Real first, Real second, Real third) {
    const Real one = 1;
    if (kind == SCAN) return {first, second, 0, 0, 0, 0};
    const Real v = kind >= LSTM ? third : second;
    Real c = v, slope = one;
    if (positive(kind)) {
        const Real s = one / (one + exponential(-v));
        c = v >= 0 ? v + Real(0.5) : s;
        slope = v >= 0 ? one : s * (one - s);
    }
    if (kind >= LSTM) {  // the shares of f and i, from e^-f and e^-i
        const Real ef = exponential(-first), ei = exponential(-second);
        const Real whole = one / (one + one + ef + ei), keep = (one + ei) * whole, enter = (one + ef) * whole, both = keep * enter;
        return {keep, enter * c, c, both * (ef / (one + ef)), -both * (ei / (one + ei)), enter * slope};
    }
    const Real e = exponential(-first), enter = one / (one + e), keep = e * enter;
    return {keep, enter * c, c, -enter * keep, 0, enter * slope};
}

template <int kind, typename Real>
INORDER_INLINE void run(const Scan<Real>& m, Int b, Int from, Int width) {
    const Int n = m.hidden, wide = row(kind, n), length = m.length(b);
    Real state[BLOCK];
    std::memcpy(state, m.first + b * n + from, sizeof(Real) * width);
    for (Int s = 0; s < length; ++s) {
        const Int t = b * m.time + (m.reverse ? length - 1 - s : s);
        const Real* INORDER_RESTRICT x = m.pre + t * wide + from;
        const Real *INORDER_RESTRICT y = kind == SCAN ? m.fresh + t * n + from : x + n, *INORDER_RESTRICT z = kind >= LSTM ? y + n : y;
        Real* INORDER_RESTRICT out = m.output + t * n + from;
        INORDER_APART
        for (Int j = 0; j < width; ++j) {
            const Gate<Real> g = gate<kind, Real>(x[j], y[j], z[j]);
            out[j] = state[j] = g.keep * state[j] + g.fresh;
        }
    }
    for (Int t = b * m.time + length; t < (b + 1) * m.time; ++t) std::memset(m.output + t * n + from, 0, sizeof(Real) * width);
    std::memcpy(m.last + b * n + from, state, sizeof(Real) * width);
}

template <int kind, typename Real>
INORDER_INLINE void back(const Scan<Real>& m, Int b, Int from, Int width) {
    const Int n = m.hidden, wide = row(kind, n), length = m.length(b);
    Real carried[BLOCK];
    std::memcpy(carried, m.d_last + b * n + from, sizeof(Real) * width);
    for (Int s = length - 1; s >= 0; --s) {
        const Int t = b * m.time + (m.reverse ? length - 1 - s : s);
        const Real* INORDER_RESTRICT x = m.pre + t * wide + from;
        const Real *INORDER_RESTRICT y = kind == SCAN ? m.fresh + t * n + from : x + n, *INORDER_RESTRICT z = kind >= LSTM ? y + n : y;
        const Real* INORDER_RESTRICT before = s == 0 ? m.first + b * n + from : m.output + (m.reverse ? t + 1 : t - 1) * n + from;
        const Real* INORDER_RESTRICT given = m.d_output + t * n + from;
        Real* INORDER_RESTRICT dx = m.d_pre + t * wide + from;
        Real *INORDER_RESTRICT dy = kind == SCAN ? m.d_fresh + t * n + from : dx + n, *INORDER_RESTRICT dz = kind >= LSTM ? dy + n : dy;
        INORDER_APART
        for (Int j = 0; j < width; ++j) {
            const Gate<Real> g = gate<kind, Real>(x[j], y[j], z[j]);
            const Real d = given[j] + carried[j];
            carried[j] = d * g.keep;
            if (kind == SCAN) {
                dx[j] = d * before[j];
                dy[j] = d;
            } else {
                const Real change = d * (before[j] - g.candidate);
                dx[j] = change * g.d_first;
                if (kind >= LSTM) {
                    dy[j] = change * g.d_second;
                    dz[j] = d * g.slope;
                } else {
                    dy[j] = d * g.slope;
                }
            }
        }
    }
    for (Int t = b * m.time + length; t < (b + 1) * m.time; ++t) {
        for (Int k = 0; k < wide; k += n) std::memset(m.d_pre + t * wide + k + from, 0, sizeof(Real) * width);
        if (kind == SCAN) std::memset(m.d_fresh + t * n + from, 0, sizeof(Real) * width);
    }
    std::memcpy(m.d_first + b * n + from, carried, sizeof(Real) * width);
}

template <bool backward, typename Real>
INORDER_INLINE void any(int kind, const Scan<Real>& m, Int b, Int from, Int width) {
    if (backward) {
        if (kind == SCAN) back<SCAN>(m, b, from, width);
        if (kind == GRU) back<GRU>(m, b, from, width);
        if (kind == GRU_POSITIVE) back<GRU_POSITIVE>(m, b, from, width);
        if (kind == LSTM) back<LSTM>(m, b, from, width);
        if (kind == LSTM_POSITIVE) back<LSTM_POSITIVE>(m, b, from, width);
    } else {
        if (kind == SCAN) run<SCAN>(m, b, from, width);
        if (kind == GRU) run<GRU>(m, b, from, width);
        if (kind == GRU_POSITIVE) run<GRU_POSITIVE>(m, b, from, width);
        if (kind == LSTM) run<LSTM>(m, b, from, width);
        if (kind == LSTM_POSITIVE) run<LSTM_POSITIVE>(m, b, from, width);
    }
}

INORDER_FUSED_CLONES void forward_block(int kind, const Scan<float>& m, Int b, Int from, Int width) { any<false>(kind, m, b, from, width); }
INORDER_FUSED_CLONES void backward_block(int kind, const Scan<float>& m, Int b, Int from, Int width) { any<true>(kind, m, b, from, width); }
INORDER_FUSED_CLONES void forward_wide(int kind, const Scan<double>& m, Int b, Int from, Int width) { any<false>(kind, m, b, from, width); }
INORDER_FUSED_CLONES void backward_wide(int kind, const Scan<double>& m, Int b, Int from, Int width) { any<true>(kind, m, b, from, width); }

template <typename Real>
void share(bool backward, int kind, const Scan<Real>& m, Int threads, void (*forwards)(int, const Scan<Real>&, Int, Int, Int),
           void (*backwards)(int, const Scan<Real>&, Int, Int, Int)) {
    if (m.batch == 0) return;
    const Int parts = std::clamp<Int>(m.batch * m.time * m.hidden / WORTH, 1, std::max<Int>(threads, 1));
    const Int wanted = m.batch >= parts ? 1 : (parts + m.batch - 1) / m.batch;  // blocks of a row
    const Int width = std::clamp<Int>((m.hidden / wanted + LEAST - 1) / LEAST * LEAST, LEAST, BLOCK);
    const Int blocks = (m.hidden + width - 1) / width;
    for_each(m.batch * blocks, parts > 1 ? threads : 1, Team::torch, [&](Int item) {
        const Flush flush;
        const Int from = item % blocks * width;
        (backward ? backwards : forwards)(kind, m, item / blocks, from, std::min(width, m.hidden - from));
    });
}

// arrays: lengths, pre, fresh, first, output, last and, backward, d_output, d_last, d_pre, d_fresh, d_first; 0 where there is none.
template <typename Real>
void scan(bool backward, int kind, Int batch, Int time, Int hidden, bool reverse, const std::vector<Address>& arrays, Int threads) {
    const nb::gil_scoped_release unlocked;
    const auto read = [&](std::size_t i) { return reinterpret_cast<const Real*>(arrays.at(i)); };
    const auto write = [&](std::size_t i) { return reinterpret_cast<Real*>(arrays.at(i)); };
    const Scan<Real> m{batch,   time,    hidden,  reverse, reinterpret_cast<const Int*>(arrays.at(0)), read(1), read(2), read(3), write(4), write(5), read(6),
                       read(7), write(8), write(9), write(10)};
    if constexpr (sizeof(Real) == sizeof(float))
        share(backward, kind, m, threads, &forward_block, &backward_block);
    else
        share(backward, kind, m, threads, &forward_wide, &backward_wide);
}

}  // namespace

void bind_linear_scan(nb::module_& m) {
    m.def("linear_scan_float", &scan<float>);
    m.def("linear_scan_double", &scan<double>);
}

}  // namespace inorder
