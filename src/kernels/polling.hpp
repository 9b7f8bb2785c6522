// A long search asks from time to time whether it should go on. After Ctrl-C, or when the time that its caller was allowed is used up, the answer is a Python
// exception, which leaves the search as any other does. What is asked is `inorder.kernels.stopping.check`, so that nothing about threads or times is kept here.

#pragma once

#include <nanobind/nanobind.h>

#include <chrono>

namespace inorder {

class Poll {
public:
    // To be called often, without Python's lock: all but one call in POLLED do nothing but read a clock.
    void operator()() {
        const auto now = std::chrono::steady_clock::now();
        if (now < next_) return;
        const nanobind::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) throw nanobind::python_error();  // Ctrl-C, where this is the main thread
        nanobind::module_::import_("inorder.kernels.stopping").attr("check")();
        next_ = std::chrono::steady_clock::now() + POLLED;
    }

private:
    static constexpr std::chrono::milliseconds POLLED{50};
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + POLLED;
};

}  // namespace inorder
