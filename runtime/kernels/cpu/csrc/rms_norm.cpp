#include <cmath>

#include "norm_sums.h"
#include "ops.h"

namespace appkit {

// The portable width serves every machine: a norm is a thousandth of a step's arithmetic.
void rms_norm(Executor& executor, const float* x, int64_t num_rows, int64_t size, const float* weight, float eps,
              float* out) {
  for_row_runs(executor, num_rows, size, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* row = x + t * size;
      float* y = out + t * size;
      const float mean_square = sum_of_squares<4>(row, size, 0.0f) / static_cast<float>(size);
      const float factor = 1.0f / std::sqrt(mean_square + eps);
      for (int64_t i = 0; i < size; ++i) y[i] = row[i] * factor * weight[i];
    }
  });
}

}  // namespace appkit
