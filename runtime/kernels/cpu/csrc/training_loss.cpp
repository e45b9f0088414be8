#include "training_rows.h"

namespace appkit {
namespace {

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
    for (int64_t i = 0; i < size; ++i) wide[i] = exp_f32(wide[i] - top);
    const float mass = total<kWidth>(wide, size);
    task.mass[row] = mass;
    if (!task.keeps_gradient) continue;
    const float factor = 1.0f / mass;
    for (int64_t i = 0; i < size; ++i) wide[i] *= factor;
    wide[target] -= 1.0f;
    if (cap != 0) {
      for (int64_t i = 0; i < size; ++i) {
        const float bend = tanh_f32(widen(logits[i]) / cap);
        wide[i] *= 1.0f - bend * bend;
      }
    }
    for (int64_t i = 0; i < size; ++i) logits[i] = narrow<T>(wide[i]);
  }
}
APPKIT_ROW_KERNEL(loss, Loss)

}  // namespace

void train_loss(const Team& team, Element element, void* logits, int64_t num_rows, int64_t size, const int64_t* targets,
                float softcap, bool keeps_gradient, float* mass, float* chosen) {
  run_loss(team, element, num_rows, size, size, {logits, size, targets, softcap, keeps_gradient, mass, chosen});
}

}  // namespace appkit
