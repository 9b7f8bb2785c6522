// e^x for loops over many numbers: no table and no branch, so that the compiler makes vectors of it.
//
//     e^x = 2^n · e^r,   n = round(x / ln 2),   |r| <= ln 2 / 2,   e^r by its series
//
// The relative error is below 3 roundings. x is held within a range where neither e^x nor 1 / e^x overflows, so infinity gives a large number.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(_MSC_VER)
#define INORDER_INLINE __forceinline
#else
#define INORDER_INLINE inline __attribute__((always_inline))
#endif

namespace inorder {

INORDER_INLINE float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 87.0f ? 87.0f : x;
    constexpr float ROUND = 12582912.0f;  // 1.5 · 2^23: a sum with it has the nearest whole number in its last bits
    const float shifted = x * 1.44269504f + ROUND, n = shifted - ROUND;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts, the first of which multiplies without rounding
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    std::uint32_t bits, power;
    std::memcpy(&bits, &p, sizeof bits);
    std::memcpy(&power, &shifted, sizeof power);
    bits += power << 23;
    std::memcpy(&p, &bits, sizeof p);
    return p;
}

INORDER_INLINE double exponential(double x) {
    x = x < -708.0 ? -708.0 : x;
    x = x > 708.0 ? 708.0 : x;
    constexpr double ROUND = 6755399441055744.0;  // 1.5 · 2^52
    const double shifted = x * 1.4426950408889634 + ROUND, n = shifted - ROUND;
    const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    std::uint64_t bits, power;
    std::memcpy(&bits, &p, sizeof bits);
    std::memcpy(&power, &shifted, sizeof power);
    bits += power << 52;
    std::memcpy(&p, &bits, sizeof p);
    return p;
}

}  // namespace inorder
