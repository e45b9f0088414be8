#include <cmath>

#include "training_rows.h"

namespace appkit {
namespace {

struct Norm {
  const void* x;
  const void* delta;
  int64_t size;
  const float* weight;
  float eps;
  void* sum;
  void* y;
  float* inverse_rms;
};

template <int kWidth, class T>
APPKIT_INLINE void norm(const Norm& task, int64_t begin, int64_t end, float* wide) {
  const int64_t size = task.size;
  const float* weight = task.weight;
  for (int64_t t = begin; t < end; ++t) {
    const T* x = static_cast<const T*>(task.x) + t * size;
    T* y = static_cast<T*>(task.y) + t * size;
    if (task.delta == nullptr) {
      for (int64_t i = 0; i < size; ++i) wide[i] = widen(x[i]);
    } else {
      const T* delta = static_cast<const T*>(task.delta) + t * size;
      T* sum = static_cast<T*>(task.sum) + t * size;
      for (int64_t i = 0; i < size; ++i) sum[i] = narrow<T>(widen(x[i]) + widen(delta[i]));
      for (int64_t i = 0; i < size; ++i) wide[i] = widen(sum[i]);
    }
    const float mean_square = dot<kWidth>(wide, wide, size) / static_cast<float>(size);
    const float inverse = 1.0f / std::sqrt(mean_square + task.eps);
    task.inverse_rms[t] = inverse;
    for (int64_t i = 0; i < size; ++i) y[i] = narrow<T>(wide[i] * inverse * weight[i]);
  }
}
APPKIT_ROW_KERNEL(norm, Norm)

struct NormGradient {
  const void* x;
  const void* dy;
  const void* dsum;
  int64_t size;
  const float* weight;
  const float* inverse_rms;
  void* dx;
};

// With n = x · inverse and s = dy · weight: dx = (s − n · mean(s · n)) · inverse.
template <int kWidth, class T>
APPKIT_INLINE void norm_gradient(const NormGradient& task, int64_t begin, int64_t end, float* scratch) {
  const int64_t size = task.size;
  const float* weight = task.weight;
  float* normed = scratch;
  float* scaled = scratch + size;
  for (int64_t t = begin; t < end; ++t) {
    const T* x = static_cast<const T*>(task.x) + t * size;
    const T* dy = static_cast<const T*>(task.dy) + t * size;
    T* dx = static_cast<T*>(task.dx) + t * size;
    const float inverse = task.inverse_rms[t];
    for (int64_t i = 0; i < size; ++i) {
      normed[i] = widen(x[i]) * inverse;
      scaled[i] = widen(dy[i]) * weight[i];
    }
    const float along = dot<kWidth>(normed, scaled, size) / static_cast<float>(size);
    if (task.dsum == nullptr) {
      for (int64_t i = 0; i < size; ++i) dx[i] = narrow<T>((scaled[i] - normed[i] * along) * inverse);
    } else {
      const T* dsum = static_cast<const T*>(task.dsum) + t * size;
      for (int64_t i = 0; i < size; ++i) {
        dx[i] = narrow<T>((scaled[i] - normed[i] * along) * inverse + widen(dsum[i]));
      }
    }
  }
}
APPKIT_ROW_KERNEL(norm_gradient, NormGradient)

}  // namespace

void train_norm(const Team& team, Values x, const void* delta, int64_t num_rows, int64_t size, const float* weight,
                float eps, void* sum, void* y, float* inverse_rms) {
  run_norm(team, x.element, num_rows, size, size, {x.data, delta, size, weight, eps, sum, y, inverse_rms});
}

void train_norm_gradient(const Team& team, Values x, const void* dy, const void* dsum, int64_t num_rows, int64_t size,
                         const float* weight, const float* inverse_rms, void* dx) {
  run_norm_gradient(team, x.element, num_rows, size, 2 * size, {x.data, dy, dsum, size, weight, inverse_rms, dx});
}

}  // namespace appkit
