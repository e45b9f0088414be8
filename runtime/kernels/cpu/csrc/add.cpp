#include "ops.h"

namespace appkit {

void add(Executor& executor, const float* x, const float* y, int64_t count, float* out) {
  for_row_runs(executor, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = x[i] + y[i];
  });
}

}  // namespace appkit
