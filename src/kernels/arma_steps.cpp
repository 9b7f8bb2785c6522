#include "arma_steps.hpp"

#include "clones.hpp"

namespace inorder {
namespace {

constexpr double SETTLED = 1e-12;  // F - 1 below which the steady recursion takes over

}  // namespace

// The steps once for each set of instructions: `Wide` is a register of WIDTH numbers, AFTER(x, y) is x without its first and then
// the first of y, BEFORE(x, y) the last of x and then y without its last.
// (A function with target_clones would have its vectors split up for the smallest set before it is cloned.)

#if defined(__GNUC__) && defined(__x86_64__)

#if defined(__clang__)
#define INORDER_AFTER4(x, y) __builtin_shufflevector(x, y, 1, 2, 3, 4)
#define INORDER_AFTER2(x, y) __builtin_shufflevector(x, y, 1, 2)
#define INORDER_BEFORE4(x, y) __builtin_shufflevector(x, y, 3, 4, 5, 6)
#else
#define INORDER_AFTER4(x, y) __builtin_shuffle(x, y, (Places){1, 2, 3, 4})
#define INORDER_AFTER2(x, y) __builtin_shuffle(x, y, (Places){1, 2})
#define INORDER_BEFORE4(x, y) __builtin_shuffle(x, y, (Places){3, 4, 5, 6})
#endif

namespace avx2 {
#define INORDER_TARGET __attribute__((target("avx2")))
#define INORDER_WIDTH 4
#define INORDER_AFTER INORDER_AFTER4
#define INORDER_BEFORE INORDER_BEFORE4
#include "arma_steps.inc"
#undef INORDER_TARGET
#undef INORDER_WIDTH
#undef INORDER_AFTER
#undef INORDER_BEFORE
}  // namespace avx2

namespace sse2 {
#define INORDER_TARGET
#define INORDER_WIDTH 2
#define INORDER_AFTER INORDER_AFTER2
#define INORDER_BEFORE INORDER_AFTER2
#include "arma_steps.inc"
}  // namespace sse2

std::int64_t run_dense(const Recursion& all, double F) { return __builtin_cpu_supports("avx2") ? avx2::run(all, F) : sse2::run(all, F); }

void retrace(int width, const double* phi, const double* inverse, const double* mark, std::int64_t steps, double* tape) {
    return __builtin_cpu_supports("avx2") ? avx2::trace(width, phi, inverse, mark, steps, tape) : sse2::trace(width, phi, inverse, mark, steps, tape);
}

void run_backward(Backward& all) { return __builtin_cpu_supports("avx2") ? avx2::back(all) : sse2::back(all); }

#else  // elsewhere one number at a time

namespace plain {
#define INORDER_TARGET
#define INORDER_WIDTH 1
#define INORDER_AFTER(x, y) ((void)(x), (y))
#define INORDER_BEFORE(x, y) ((void)(y), (x))
#include "arma_steps.inc"
}  // namespace plain

std::int64_t run_dense(const Recursion& all, double F) { return plain::run(all, F); }

void retrace(int width, const double* phi, const double* inverse, const double* mark, std::int64_t steps, double* tape) {
    plain::trace(width, phi, inverse, mark, steps, tape);
}

void run_backward(Backward& all) { plain::back(all); }

#endif

}  // namespace inorder
