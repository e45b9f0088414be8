// The extension module: what Python may call, and nothing else.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_cpu, m) { m.doc() = "CPU kernels of appkit's model runtime."; }
