#include "training_rows.h"

namespace appkit {
namespace {

// The transcendental part of an activation, x by x in a loop of its own: what follows is then plain arithmetic, and
// compilers vectorise both.
template <Activation kActivation>
APPKIT_INLINE float inner(float x) {
  if constexpr (kActivation == Activation::kSilu) return 1.0f / (1.0f + exp_f32(-x));
  if constexpr (kActivation == Activation::kGelu) return erf_f32(x * 0.70710678f);
  if constexpr (kActivation == Activation::kGeluTanh) return tanh_f32(0.79788456f * (x + 0.044715f * x * x * x));
  return x;
}

// The activation of x, given its inner part.
template <Activation kActivation>
APPKIT_INLINE float value(float x, float inner) {
  if constexpr (kActivation == Activation::kSilu) return x * inner;
  if constexpr (kActivation == Activation::kNone) return x;
  return 0.5f * x * (1.0f + inner);
}

// Its derivative; `bell` is exp(−x² / 2), which GELU alone needs.
template <Activation kActivation>
APPKIT_INLINE float slope(float x, float inner, float bell) {
  if constexpr (kActivation == Activation::kSilu) return inner * (1.0f + x * (1.0f - inner));
  if constexpr (kActivation == Activation::kGelu) return 0.5f * (1.0f + inner) + x * 0.39894228f * bell;
  if constexpr (kActivation == Activation::kGeluTanh) {
    const float argument_slope = 0.79788456f * (1.0f + 3.0f * 0.044715f * x * x);
    return 0.5f * (1.0f + inner) + 0.5f * x * (1.0f - inner * inner) * argument_slope;
  }
  return 1.0f;
}

struct Gate {
  const void* gate_up;
  int64_t size;
  Activation activation;
  void* hidden;
};

template <Activation kActivation, class T>
APPKIT_INLINE void gate_rows(const Gate& task, int64_t begin, int64_t end, float* inners) {
  const int64_t size = task.size;
  for (int64_t t = begin; t < end; ++t) {
    const T* gate = static_cast<const T*>(task.gate_up) + 2 * t * size;
    const T* up = gate + size;
    T* hidden = static_cast<T*>(task.hidden) + t * size;
    for (int64_t i = 0; i < size; ++i) inners[i] = inner<kActivation>(widen(gate[i]));
    for (int64_t i = 0; i < size; ++i) {
      hidden[i] = narrow<T>(value<kActivation>(widen(gate[i]), inners[i]) * widen(up[i]));
    }
  }
}

template <int kWidth, class T>
APPKIT_INLINE void gate(const Gate& task, int64_t begin, int64_t end, float* scratch) {
  switch (task.activation) {
    case Activation::kNone:
      return gate_rows<Activation::kNone, T>(task, begin, end, scratch);
    case Activation::kSilu:
      return gate_rows<Activation::kSilu, T>(task, begin, end, scratch);
    case Activation::kGelu:
      return gate_rows<Activation::kGelu, T>(task, begin, end, scratch);
    case Activation::kGeluTanh:
      return gate_rows<Activation::kGeluTanh, T>(task, begin, end, scratch);
  }
}
APPKIT_ROW_KERNEL(gate, Gate)

struct GateGradient {
  const void* gate_up;
  const void* dhidden;
  int64_t size;
  Activation activation;
  void* dgate_up;
  void* hidden;
};

template <Activation kActivation, class T>
APPKIT_INLINE void gate_gradient_rows(const GateGradient& task, int64_t begin, int64_t end, float* scratch) {
  const int64_t size = task.size;
  float* inners = scratch;
  float* bells = scratch + size;
  for (int64_t t = begin; t < end; ++t) {
    const T* gate = static_cast<const T*>(task.gate_up) + 2 * t * size;
    const T* up = gate + size;
    const T* dhidden = static_cast<const T*>(task.dhidden) + t * size;
    T* dgate = static_cast<T*>(task.dgate_up) + 2 * t * size;
    T* dup = dgate + size;
    T* hidden = static_cast<T*>(task.hidden) + t * size;
    for (int64_t i = 0; i < size; ++i) inners[i] = inner<kActivation>(widen(gate[i]));
    if constexpr (kActivation == Activation::kGelu) {
      for (int64_t i = 0; i < size; ++i) bells[i] = exp_f32(-0.5f * widen(gate[i]) * widen(gate[i]));
    }
    for (int64_t i = 0; i < size; ++i) {
      const float activated = value<kActivation>(widen(gate[i]), inners[i]);
      hidden[i] = narrow<T>(activated * widen(up[i]));
      dup[i] = narrow<T>(widen(dhidden[i]) * activated);
    }
    for (int64_t i = 0; i < size; ++i) {
      const float bell = kActivation == Activation::kGelu ? bells[i] : 0.0f;
      dgate[i] = narrow<T>(widen(dhidden[i]) * widen(up[i]) * slope<kActivation>(widen(gate[i]), inners[i], bell));
    }
  }
}

template <int kWidth, class T>
APPKIT_INLINE void gate_gradient(const GateGradient& task, int64_t begin, int64_t end, float* scratch) {
  switch (task.activation) {
    case Activation::kNone:
      return gate_gradient_rows<Activation::kNone, T>(task, begin, end, scratch);
    case Activation::kSilu:
      return gate_gradient_rows<Activation::kSilu, T>(task, begin, end, scratch);
    case Activation::kGelu:
      return gate_gradient_rows<Activation::kGelu, T>(task, begin, end, scratch);
    case Activation::kGeluTanh:
      return gate_gradient_rows<Activation::kGeluTanh, T>(task, begin, end, scratch);
  }
}
APPKIT_ROW_KERNEL(gate_gradient, GateGradient)

}  // namespace

void train_gate(const Team& team, Values gate_up, int64_t num_rows, int64_t size, Activation activation, void* hidden) {
  run_gate(team, gate_up.element, num_rows, size, size, {gate_up.data, size, activation, hidden});
}

void train_gate_gradient(const Team& team, Values gate_up, const void* dhidden, int64_t num_rows, int64_t size,
                         Activation activation, void* dgate_up, void* hidden) {
  run_gate_gradient(team, gate_up.element, num_rows, size, 2 * size,
                    {gate_up.data, dhidden, size, activation, dgate_up, hidden});
}

}  // namespace appkit
