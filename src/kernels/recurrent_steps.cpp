#include "recurrent.hpp"

#include <algorithm>
#include <cmath>

#include "clones.hpp"

namespace inorder {
namespace {

constexpr double NORM_EPSILON = 1e-5;

}  // namespace

// The steps once for each set of instructions and kind of number (a function with target_clones would have its vectors split up for the
// smallest set before it is cloned). Double precision, which is for checks rather than for training, does without the widest.

#define INORDER_ALWAYS __attribute__((always_inline)) inline  // or loops over them are not taken several numbers at a time

#define REAL float
#if defined(__GNUC__) && defined(__x86_64__)

namespace avx512_float {
#define INORDER_TARGET __attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma")))
#define INORDER_WIDTH 16
#define INORDER_ROWS 12
#include "recurrent_steps.inc"
#undef INORDER_TARGET
#undef INORDER_WIDTH
#undef INORDER_ROWS
}  // namespace avx512_float

namespace avx2_float {
#define INORDER_TARGET __attribute__((target("avx2,fma")))
#define INORDER_WIDTH 8
#define INORDER_ROWS 6
#include "recurrent_steps.inc"
#undef INORDER_TARGET
#undef INORDER_WIDTH
}  // namespace avx2_float

namespace plain_float {
#define INORDER_TARGET
#define INORDER_WIDTH 4
#include "recurrent_steps.inc"
#undef INORDER_WIDTH
}  // namespace plain_float

#undef REAL
#define REAL double

namespace plain_double {
#define INORDER_WIDTH 2
#include "recurrent_steps.inc"
#undef INORDER_TARGET
}  // namespace plain_double

namespace avx2_double {
#define INORDER_TARGET __attribute__((target("avx2,fma")))
#undef INORDER_WIDTH
#define INORDER_WIDTH 4
#include "recurrent_steps.inc"
}  // namespace avx2_double

template <>
const Steps<float>& steps<float>() {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) return avx512_float::all_steps();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2_float::all_steps() : plain_float::all_steps();
}

template <>
const Steps<double>& steps<double>() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2_double::all_steps() : plain_double::all_steps();
}

#elif defined(__GNUC__)  // elsewhere registers of 16 bytes

#define INORDER_TARGET
#define INORDER_ROWS 6
namespace plain_float {
#define INORDER_WIDTH 4
#include "recurrent_steps.inc"
#undef INORDER_WIDTH
}  // namespace plain_float
#undef REAL
#define REAL double
namespace plain_double {
#define INORDER_WIDTH 2
#include "recurrent_steps.inc"
}  // namespace plain_double

template <>
const Steps<float>& steps<float>() {
    return plain_float::all_steps();
}

template <>
const Steps<double>& steps<double>() {
    return plain_double::all_steps();
}

#else
#error "The recurrent kernels need the vector types of GCC or Clang."
#endif

template <typename Real>
Packed<Real> pack(const Real* source, std::int64_t rows, std::int64_t columns, std::int64_t down, std::int64_t right) {
    const std::int64_t panel = steps<Real>().panel, count = (columns + panel - 1) / panel;
    Packed<Real> m{rows, columns, count * panel, Line<Real>(static_cast<std::size_t>(count * panel * rows))};
    // read in the order in which it lies
    const auto place = [&](std::int64_t i, std::int64_t j) { return m.values.data() + (j / panel * rows + i) * panel + j % panel; };
    if (right == 1) {
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < columns; j += panel) std::copy_n(source + i * down + j, std::min(panel, columns - j), place(i, j));
    } else {
        for (std::int64_t j = 0; j < columns; ++j) {
            Real* to = place(0, j);
            for (std::int64_t i = 0; i < rows; ++i) to[i * panel] = source[i * down + j * right];
        }
    }
    return m;
}

template Packed<float> pack(const float*, std::int64_t, std::int64_t, std::int64_t, std::int64_t);
template Packed<double> pack(const double*, std::int64_t, std::int64_t, std::int64_t, std::int64_t);

}  // namespace inorder
