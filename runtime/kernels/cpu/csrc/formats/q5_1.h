// Q5_1: 32 weights of 5 bits above a minimum. w = d · q + m
//
//   byte  0  1 | 2  3 | 4 … 7               | 8 … 23
//         d    | m    | qh: bit i is q[i]'s | qs: byte i holds the low four bits of q[i] (low half)
//              |      | fifth bit           |     and q[i + 16] (high half)
#pragma once

#include "half.h"

namespace appkit {

struct Q5_1 {
  static constexpr const char* kName = "Q5_1";
  static constexpr int kBlockSize = 32;
  struct Block {
    Bytes2 d;
    Bytes2 m;
    uint8_t qh[4];
    uint8_t qs[16];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    const float m = load_half(block.m);
    const uint32_t high = load_u32(block.qh);
    for (int i = 0; i < 16; ++i) {
      const int low_half = (block.qs[i] & 15) | static_cast<int>(((high >> i) & 1) << 4);
      const int high_half = (block.qs[i] >> 4) | static_cast<int>(((high >> (i + 16)) & 1) << 4);
      out[i] = d * static_cast<float>(low_half) + m;
      out[i + 16] = d * static_cast<float>(high_half) + m;
    }
  }
};
static_assert(sizeof(Q5_1::Block) == 24 && alignof(Q5_1::Block) == 1);

}  // namespace appkit
