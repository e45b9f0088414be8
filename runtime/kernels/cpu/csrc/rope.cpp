#include <cmath>
#include <cstring>

#include "ops.h"

namespace appkit {
namespace {

// One head: cos and sin have dim / 2 values each.
void rotate(const float* x, const float* cos, const float* sin, int64_t dim, bool is_interleaved, float* out) {
  const int64_t half = dim / 2;
  const int64_t step = is_interleaved ? 2 : 1;
  const int64_t distance = is_interleaved ? 1 : half;
  for (int64_t i = 0; i < half; ++i) {
    const float first = x[i * step];
    const float second = x[i * step + distance];
    out[i * step] = first * cos[i] - second * sin[i];
    out[i * step + distance] = second * cos[i] + first * sin[i];
  }
}

}  // namespace

void rope(Executor& executor, const float* x, int64_t num_rows, int64_t num_heads, int64_t head_dim,
          const int32_t* positions, const double* frequencies, int64_t dim, bool is_interleaved, float* out) {
  const int64_t half = dim / 2;
  executor.pool.parallel_for(num_rows, static_cast<size_t>(dim), [&](int64_t t, float* scratch) {
    float* cos = scratch;
    float* sin = scratch + half;
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(positions[t]) * frequencies[i];
      cos[i] = static_cast<float>(std::cos(angle));
      sin[i] = static_cast<float>(std::sin(angle));
    }
    for (int64_t h = 0; h < num_heads; ++h) {
      const int64_t offset = (t * num_heads + h) * head_dim;
      rotate(x + offset, cos, sin, dim, is_interleaved, out + offset);
      std::memcpy(out + offset + dim, x + offset + dim, static_cast<size_t>(head_dim - dim) * sizeof(float));
    }
  });
}

}  // namespace appkit
