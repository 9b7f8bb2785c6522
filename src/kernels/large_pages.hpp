// An allocator whose large rooms the system may give in large pages: a pass over numbers just made spends more time on being given pages of
// 4 KiB than on the arithmetic.

#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace inorder {

template <typename T>
struct LargePages {
    using value_type = T;
    LargePages() = default;
    template <typename U>
    LargePages(const LargePages<U>&) {}
    T* allocate(std::size_t count) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        constexpr std::size_t PAGE = std::size_t(1) << 21, LARGE = PAGE / 4;
        const std::size_t size = count * sizeof(T);
        if (size >= LARGE) {
            const std::size_t whole = (size + PAGE - 1) / PAGE * PAGE;
            void* room = std::aligned_alloc(PAGE, whole);
            if (!room) throw std::bad_alloc();
            madvise(room, whole, MADV_HUGEPAGE);  // advice: it may be declined
            return static_cast<T*>(room);
        }
#endif
        void* room = std::malloc(count * sizeof(T));
        if (!room) throw std::bad_alloc();
        return static_cast<T*>(room);
    }
    void deallocate(T* room, std::size_t) { std::free(room); }
    template <typename U>
    bool operator==(const LargePages<U>&) const { return true; }
    template <typename U>
    bool operator!=(const LargePages<U>&) const { return false; }
};

using Large = std::vector<double, LargePages<double>>;

}  // namespace inorder
