// The threads that torch has already. Those of OpenMP wait in a loop for some time after each of torch's products, each on a core of its own;
// threads started beside them would stand in line for the same cores (measured: no gain at all from a second one). So the team that torch
// works with does our part too, by the entry that a compiler calls for `#pragma omp parallel`, in whichever library of OpenMP is loaded.

#pragma once

#include <cstdint>

#if defined(__linux__)
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace inorder {

#if defined(__linux__)

using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);

inline Parallel loaded_openmp() {
    for (const char* name : {"libgomp.so.1", "libiomp5.so", "libomp.so"})
        if (void* library = dlopen(name, RTLD_NOW | RTLD_NOLOAD))
            if (void* entry = dlsym(library, "GOMP_parallel")) return reinterpret_cast<Parallel>(entry);
    return nullptr;
}

inline const pid_t loaded_by = getpid();

// Whether `labour` was done, by each of `threads` threads; it must not throw. No team is to be had where torch brought none, and after a
// fork, when the threads of OpenMP are gone and would be waited for without end. (A process that forks while torch is at work, and loads this
// library in the child alone, is not told apart; there torch's own products wait too.)
template <typename Labour>
bool by_openmp(std::int64_t threads, Labour& labour) {
    static const Parallel parallel = loaded_openmp();
    if (!parallel || getpid() != loaded_by) return false;
    parallel([](void* given) { (*static_cast<Labour*>(given))(); }, &labour, static_cast<unsigned>(threads), 0);
    return true;
}

#else

template <typename Labour>
bool by_openmp(std::int64_t, Labour&) {
    return false;
}

#endif

}  // namespace inorder
