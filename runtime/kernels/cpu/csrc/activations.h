// The activations of the op contract, elementwise.
#pragma once

#include "float_math.h"

namespace appkit {

enum class Activation { kNone, kSilu, kGelu, kGeluTanh };

// x · sigmoid(x)
APPKIT_INLINE float silu(float x) {
  return x / (1.0f + exp_f32(-x));
}

// x · Φ(x), Φ the normal distribution's cumulative function. Source: Hendrycks & Gimpel, arXiv:1606.08415.
APPKIT_INLINE float gelu(float x) {
  return 0.5f * x * (1.0f + erf_f32(x * 0.70710678f));
}

// Its approximation by tanh, from the same paper.
APPKIT_INLINE float gelu_tanh(float x) {
  return 0.5f * x * (1.0f + tanh_f32(0.79788456f * (x + 0.044715f * x * x * x)));
}

// Applies `activation` to `count` values in place.
APPKIT_INLINE void activate(Activation activation, float* values, int64_t count) {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kSilu:
      for (int64_t i = 0; i < count; ++i) values[i] = silu(values[i]);
      break;
    case Activation::kGelu:
      for (int64_t i = 0; i < count; ++i) values[i] = gelu(values[i]);
      break;
    case Activation::kGeluTanh:
      for (int64_t i = 0; i < count; ++i) values[i] = gelu_tanh(values[i]);
      break;
  }
}

}  // namespace appkit
