// 16-bit floats and little-endian fields, written so that loops over them vectorise.
//
// Everything is integer arithmetic plus one subtraction of normal numbers, so flushing denormals to zero
// (see flush_denormals.h) does not lose the small float16 values.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "../multiversion.h"

namespace appkit {

// Bytes of a 16-bit field inside a block; blocks have alignment 1, so that they may lie anywhere in a file.
using Bytes2 = uint8_t[2];

APPKIT_INLINE uint16_t load_u16(const uint8_t* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

APPKIT_INLINE uint32_t load_u32(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// float16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. Exact.
APPKIT_INLINE float half_to_float(uint16_t half) {
  constexpr uint32_t kRebias = (127 - 15) << 23;  // from float16's exponent bias to float32's
  const uint32_t magnitude = (half & 0x7fffu) << 13;
  const uint32_t sign = (half & 0x8000u) << 16;
  // A denormal is mantissa · 2⁻²⁴: put the mantissa under exponent 2⁻¹⁴ and take the implied 2⁻¹⁴ away again.
  const float denormal = std::bit_cast<float>(magnitude + kRebias + (1u << 23)) - std::bit_cast<float>(113u << 23);
  const uint32_t is_special = 0u - static_cast<uint32_t>(magnitude >= (31u << 23));  // infinity and NaN
  const uint32_t normal = magnitude + kRebias + (kRebias & is_special);
  const uint32_t is_denormal = 0u - static_cast<uint32_t>(magnitude < (1u << 23));  // masks: branches do not vectorise
  const uint32_t bits = (std::bit_cast<uint32_t>(denormal) & is_denormal) | (normal & ~is_denormal);
  return std::bit_cast<float>(bits | sign);
}

// Rounds to nearest, ties to even, as numpy does; above 65504 + half a step it gives infinity, a NaN stays one.
APPKIT_INLINE uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t odd = (magnitude >> 13) & 1u;
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + odd) >> 13;
  // Below 2⁻¹⁴: adding 0.5 leaves the rounded mantissa in the low bits.
  const uint32_t denormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t finite = magnitude < 0x38800000u ? denormal : normal;
  const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  return static_cast<uint16_t>(sign | (magnitude >= 0x47800000u ? special : finite));  // 65536 and more
}

APPKIT_INLINE float bfloat_to_float(uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<uint32_t>(bfloat) << 16);
}

APPKIT_INLINE float load_half(const Bytes2& bytes) {
  return half_to_float(load_u16(bytes));
}

}  // namespace appkit
