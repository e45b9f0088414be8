#include <algorithm>

#include "training_rows.h"

namespace appkit {
namespace {

constexpr int64_t kBlock = 2048;  // values summed while they are still in the first cache; whole vectors

struct Loss {
  void* logits;
  int64_t size;
  const int64_t* targets;
  float softcap;
  bool keeps_gradient;
  float* mass;
  float* chosen;
};

// The wide row stays in the second cache from one pass to the next; the logits are read once and written once.
template <int kWidth, class T>
APPKIT_INLINE void loss(const Loss& task, int64_t begin, int64_t end, float* wide) {
  const int64_t size = task.size;
  const float cap = task.softcap;
  for (int64_t row = begin; row < end; ++row) {
    T* logits = static_cast<T*>(task.logits) + row * size;
    const int64_t target = task.targets[row];
    for (int64_t i = 0; i < size; ++i) wide[i] = widen(logits[i]);
    if (cap != 0) {
      for (int64_t i = 0; i < size; ++i) wide[i] = cap * tanh_f32(wide[i] / cap);
    }
    const float top = largest<kWidth>(wide, size);
    task.chosen[row] = wide[target] - top;
    Lanes<kWidth> sums;
    sums.clear();
    for (int64_t start = 0; start < size; start += kBlock) {
      const int64_t count = std::min(kBlock, size - start);
      float* values = wide + start;
      for (int64_t i = 0; i < count; ++i) values[i] = exp_f32(values[i] - top);
      add_all(sums, values, count);
    }
    const float mass = sums.sum();
    task.mass[row] = mass;
    if (!task.keeps_gradient) continue;
    const float factor = 1.0f / mass;
    if (cap == 0) {
      const float at_target = wide[target] * factor - 1.0f;
      for (int64_t i = 0; i < size; ++i) logits[i] = narrow<T>(wide[i] * factor);
      logits[target] = narrow<T>(at_target);
    } else {
      for (int64_t i = 0; i < size; ++i) wide[i] *= factor;
      wide[target] -= 1.0f;
      for (int64_t i = 0; i < size; ++i) {
        const float bend = tanh_f32(widen(logits[i]) / cap);
        logits[i] = narrow<T>(wide[i] * (1.0f - bend * bend));
      }
    }
  }
}
APPKIT_ROW_KERNEL(loss, Loss)

}  // namespace

void train_loss(const Team& team, Element element, void* logits, int64_t num_rows, int64_t size, const int64_t* targets,
                float softcap, bool keeps_gradient, float* mass, float* chosen) {
  run_loss(team, element, num_rows, size, size, {logits, size, targets, softcap, keeps_gradient, mass, chosen});
}

}  // namespace appkit
