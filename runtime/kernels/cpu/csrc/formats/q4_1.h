// Q4_1: 32 weights of 4 bits above a minimum. w = d · q + m
//
//   byte  0  1 | 2  3 | 4 … 19
//         d    | m    | qs: byte i holds q[i] in its low half, q[i + 16] in its high half
#pragma once

#include "half.h"

namespace appkit {

struct Q4_1 {
  static constexpr const char* kName = "Q4_1";
  static constexpr int kBlockSize = 32;
  struct Block {
    Bytes2 d;
    Bytes2 m;
    uint8_t qs[16];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    const float m = load_half(block.m);
    for (int i = 0; i < 16; ++i) {
      out[i] = d * static_cast<float>(block.qs[i] & 15) + m;
      out[i + 16] = d * static_cast<float>(block.qs[i] >> 4) + m;
    }
  }
};
static_assert(sizeof(Q4_1::Block) == 20 && alignof(Q4_1::Block) == 1);

}  // namespace appkit
