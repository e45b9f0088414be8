#include <algorithm>
#include <limits>

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
    // Whole vectors, as far as the row goes: what lies past the position weighs nothing and comes out as zero.
    const int64_t span = std::min((count + kLanes - 1) / kLanes * kLanes, length - first);
    T* scores = static_cast<T*>(task.scores) + row * length;
    T* dprobs = static_cast<T*>(task.dprobs) + row * length;
    for (int64_t i = 0; i < span; ++i) {
      probs[i] = widen(scores[first + i]) * task.scale;
      slopes[i] = widen(dprobs[first + i]);
    }
    std::fill(probs + count, probs + span, -std::numeric_limits<float>::infinity());
    std::fill(slopes + count, slopes + span, 0.0f);
    const float top = largest<kWidth>(probs, span);
    for (int64_t i = 0; i < span; ++i) probs[i] = exp_f32(probs[i] - top);
    const float factor = 1.0f / total<kWidth>(probs, span);
    const float mean = dot<kWidth>(probs, slopes, span) * factor;
    for (int64_t i = 0; i < span; ++i) {
      const float prob = probs[i] * factor;
      scores[first + i] = narrow<T>(prob);
      dprobs[first + i] = narrow<T>(prob * (slopes[i] - mean) * task.scale);
    }
    std::fill(scores, scores + first, T{});
    std::fill(dprobs, dprobs + first, T{});
    std::fill(scores + first + span, scores + length, T{});
    std::fill(dprobs + first + span, dprobs + length, T{});
  }
}
APPKIT_ROW_KERNEL(attention_gradient, AttentionGradient)

}  // namespace

void train_attention_gradient(const Team& team, Element element, void* scores, void* dprobs, int64_t num_rows,
                              int64_t length, int64_t window, float scale) {
  run_attention_gradient(team, element, num_rows, length, 2 * length, {scores, dprobs, length, window, scale});
}

}  // namespace appkit
