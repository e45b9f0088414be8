// exp, tanh and erf in float32, written as straight-line arithmetic so that loops over them vectorise and give the
// same bits on every machine, which no C library promises. Errors are against the exact value.
#pragma once

#include <bit>
#include <cstdint>

#include "multiversion.h"

namespace appkit {

// eˣ within 1.5e-7 relative; 0 below −87.3, infinity above 88.3, NaN stays NaN.
// x = n · ln 2 + r with |r| ≤ ln 2 / 2; eʳ by its Taylor series to r⁷ (the next term is below 6e-9).
APPKIT_INLINE float exp_f32(float x) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693145752f;  // 15 bits, so n · kLn2High is exact
  constexpr float kLn2Low = 1.42860677e-6f;
  constexpr float kRound = 12582912.0f;  // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
  constexpr float kLowest = -87.3f;
  constexpr float kHighest = 88.3f;

  const float clamped = x < kLowest ? kLowest : (x > kHighest ? kHighest : x);  // a NaN passes both
  const float shifted = clamped * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;  // the bits of 2ⁿ
  const float value = series * std::bit_cast<float>(power);
  return x < kLowest ? 0.0f : (x > kHighest ? std::bit_cast<float>(0x7f800000u) : value);
}

// Within 4e-7 relative: odd series near zero, 1 − 2 / (e²ˣ + 1) elsewhere.
APPKIT_INLINE float tanh_f32(float x) {
  const float square = x * x;
  const float series = x + x * square * (-1.0f / 3 + square * (2.0f / 15 + square * (-17.0f / 315)));
  const float size = x < 0 ? -x : x;
  const float saturating = 1.0f - 2.0f / (exp_f32(2.0f * size) + 1.0f);
  return size < 0.2f ? series : (x < 0 ? -saturating : saturating);
}

// Within 3e-7 absolute. Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.26.
APPKIT_INLINE float erf_f32(float x) {
  const float size = x < 0 ? -x : x;
  const float t = 1.0f / (1.0f + 0.3275911f * size);
  const float series =
      ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
  const float value = 1.0f - series * exp_f32(-size * size);
  return x < 0 ? -value : value;
}

}  // namespace appkit
