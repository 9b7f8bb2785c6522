// The extension module inorder.kernels._compiled: one binding function per algorithm.

#include <nanobind/nanobind.h>

namespace inorder {
void bind_ets(nanobind::module_& m);
void bind_ces(nanobind::module_& m);
void bind_detect(nanobind::module_& m);
void bind_smoothing(nanobind::module_& m);
void bind_theta(nanobind::module_& m);
void bind_arima(nanobind::module_& m);
void bind_stl(nanobind::module_& m);
void bind_state_space(nanobind::module_& m);
void bind_structural(nanobind::module_& m);
void bind_linear_scan(nanobind::module_& m);
void bind_crf(nanobind::module_& m);
void bind_recurrent(nanobind::module_& m);
}

NB_MODULE(_compiled, m) {
    m.doc() = "Compiled loops. Their faces, with checks and documentation, are the modules of inorder.kernels.";
    inorder::bind_ets(m);
    inorder::bind_ces(m);
    inorder::bind_detect(m);
    inorder::bind_smoothing(m);
    inorder::bind_theta(m);
    inorder::bind_arima(m);
    inorder::bind_stl(m);
    inorder::bind_state_space(m);
    inorder::bind_structural(m);
    inorder::bind_linear_scan(m);
    inorder::bind_crf(m);
    inorder::bind_recurrent(m);
}
