#include <cmath>

#include "norm_sums.h"
#include "ops.h"

namespace appkit {

void layer_norm(Executor& executor, const float* x, int64_t num_rows, int64_t size, const float* weight,
                const float* bias, float eps, float* out) {
  for_row_runs(executor, num_rows, size, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* row = x + t * size;
      float* y = out + t * size;
      const float mean = sum<4>(row, size) / static_cast<float>(size);
      const float variance = sum_of_squares<4>(row, size, mean) / static_cast<float>(size);
      const float factor = 1.0f / std::sqrt(variance + eps);
      for (int64_t i = 0; i < size; ++i) y[i] = (row[i] - mean) * factor * weight[i] + bias[i];
    }
  });
}

}  // namespace appkit
