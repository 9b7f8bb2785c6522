// The extension module inorder.kernels._compiled: one binding function per algorithm.

#include <nanobind/nanobind.h>

namespace inorder {
void bind_detect(nanobind::module_& m);
void bind_smoothing(nanobind::module_& m);
}

NB_MODULE(_compiled, m) {
    m.doc() = "Compiled loops. Their faces, with checks and documentation, are the modules of inorder.kernels.";
    inorder::bind_detect(m);
    inorder::bind_smoothing(m);
}
