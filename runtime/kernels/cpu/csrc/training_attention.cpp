#include <algorithm>

#include "training_rows.h"

namespace appkit {
namespace {

struct AttentionGradient {
  void* scores;
  void* dprobs;
  int64_t length;
  int64_t window;
  float scale;
};

// With p the probabilities and d their gradient: dscores = p · (d − Σ p · d) · scale.
template <int kWidth, class T>
APPKIT_INLINE void attention_gradient(const AttentionGradient& task, int64_t begin, int64_t end, float* scratch) {
  const int64_t length = task.length;
  float* probs = scratch;
  float* slopes = scratch + length;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t position = row % length;
    const int64_t first = std::max<int64_t>(0, position - task.window + 1);
    const int64_t count = position + 1 - first;
    T* scores = static_cast<T*>(task.scores) + row * length;
    T* dprobs = static_cast<T*>(task.dprobs) + row * length;
    for (int64_t i = 0; i < count; ++i) {
      probs[i] = widen(scores[first + i]) * task.scale;
      slopes[i] = widen(dprobs[first + i]);
    }
    const float top = largest<kWidth>(probs, count);
    for (int64_t i = 0; i < count; ++i) probs[i] = exp_f32(probs[i] - top);
    const float factor = 1.0f / total<kWidth>(probs, count);
    const float mean = dot<kWidth>(probs, slopes, count) * factor;
    for (int64_t i = 0; i < count; ++i) {
      const float prob = probs[i] * factor;
      scores[first + i] = narrow<T>(prob);
      dprobs[first + i] = narrow<T>(prob * (slopes[i] - mean) * task.scale);
    }
    std::fill(scores, scores + first, T{});
    std::fill(dprobs, dprobs + first, T{});
    std::fill(scores + position + 1, scores + length, T{});
    std::fill(dprobs + position + 1, dprobs + length, T{});
  }
}
APPKIT_ROW_KERNEL(attention_gradient, AttentionGradient)

}  // namespace

void train_attention_gradient(const Team& team, Element element, void* scores, void* dprobs, int64_t num_rows,
                              int64_t length, int64_t window, float scale) {
  run_attention_gradient(team, element, num_rows, length, 2 * length, {scores, dprobs, length, window, scale});
}

}  // namespace appkit
