// Sixteen quantised weights at a time: what the formats' bit layouts are made of.
//
// Bits are taken apart in the compiler's vectors of bytes, which every instruction set has; the codes then go through
// a small array into a plain loop, which compilers vectorise at the width they are compiled for. Each result is the
// scalar formula's, bit for bit.
#pragma once

#include <cstdint>
#include <cstring>

#include "../multiversion.h"

namespace appkit {

typedef uint8_t Codes __attribute__((vector_size(16)));

APPKIT_INLINE Codes load_codes(const uint8_t* bytes) {
  Codes codes;
  std::memcpy(&codes, bytes, sizeof(codes));
  return codes;
}

APPKIT_INLINE void store_codes(Codes codes, uint8_t* bytes) {
  std::memcpy(bytes, &codes, sizeof(codes));
}

// 1 where bit i of the sixteen is set, else 0.
APPKIT_INLINE Codes unpack_bits(const uint8_t* two_bytes) {
  constexpr Codes kFirstByte = {1, 2, 4, 8, 16, 32, 64, 128};  // lanes that read bits of the first byte, zero elsewhere
  constexpr Codes kSecondByte = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128};
  const Codes first = Codes{} + two_bytes[0];
  const Codes second = Codes{} + two_bytes[1];
  return Codes(((first & kFirstByte) | (second & kSecondByte)) != 0) & 1;
}

// out[i] = scale · (codes[i] − zero). Not unrolled by hand: an unrolled loop is no longer vectorised.
template <int kCount, class Code>
APPKIT_INLINE void scale_codes(const Code* __restrict codes, float scale, int zero, float* __restrict out) {
#pragma GCC unroll 1
  for (int i = 0; i < kCount; ++i) out[i] = static_cast<float>(codes[i] - zero) * scale;
}

// out[i] = scale · codes[i] + offset
template <int kCount>
APPKIT_INLINE void scale_and_offset_codes(const uint8_t* __restrict codes, float scale, float offset,
                                          float* __restrict out) {
#pragma GCC unroll 1
  for (int i = 0; i < kCount; ++i) out[i] = static_cast<float>(codes[i]) * scale + offset;
}

}  // namespace appkit
