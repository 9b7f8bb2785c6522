// While a Flush stands, numbers below the smallest normal double count as zero. A derivative that decays by a factor each step ends
// among them, where arithmetic is about a hundred times slower; a search has no use for what they hold.

#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace inorder {

class Flush {
public:
#if defined(__x86_64__) || defined(_M_X64)
    Flush() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }  // results, and operands, to zero
    ~Flush() { _mm_setcsr(before_); }
    Flush(const Flush&) = delete;
    Flush& operator=(const Flush&) = delete;

private:
    unsigned before_;
#else
    Flush() {}
#endif
};

}  // namespace inorder
