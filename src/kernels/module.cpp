// The extension module inorder.kernels._compiled: one binding function per algorithm.

#include <nanobind/nanobind.h>

namespace inorder {
void bind_smoothing(nanobind::module_& m);
void bind_state_space(nanobind::module_& m);
void bind_structural(nanobind::module_& m);
}

NB_MODULE(_compiled, m) {
    m.doc() = "Compiled loops. Their faces, with checks and documentation, are the modules of inorder.kernels.";
    inorder::bind_smoothing(m);
    inorder::bind_state_space(m);
    inorder::bind_structural(m);
}
