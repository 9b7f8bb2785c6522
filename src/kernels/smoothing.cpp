// Exponential smoothing.

#include <nanobind/nanobind.h>

namespace inorder {
void bind_smoothing(nanobind::module_&) {}
}  // namespace inorder
