// INORDER_CLONES before a function compiles it for several instruction sets; the loader picks one when the module is loaded.
// Off where the loader cannot do that, and under the sanitizers, which are not ready when it runs.

#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && !defined(INORDER_SANITIZE) && \
    ((defined(__GNUC__) && !defined(__clang__)) || (defined(__clang__) && __clang_major__ >= 14))
#define INORDER_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define INORDER_CLONES
#endif

// The same for a function whose multiplications and additions may be fused, which the smaller set needs to be told of.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && !defined(INORDER_SANITIZE) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define INORDER_FUSED_CLONES __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define INORDER_FUSED_CLONES INORDER_CLONES
#endif

#if defined(_MSC_VER)
#define INORDER_RESTRICT __restrict
#else
#define INORDER_RESTRICT __restrict__
#endif

// Before a loop: no round of it writes what another reads, which the compiler need not check.
#if defined(__clang__)
#define INORDER_APART _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INORDER_APART _Pragma("GCC ivdep")
#else
#define INORDER_APART
#endif
