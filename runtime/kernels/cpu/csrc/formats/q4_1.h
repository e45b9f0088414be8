// Q4_1: 32 weights of 4 bits above a minimum. w = d · q + m
//
//   byte  0  1 | 2  3 | 4 … 19
//         d    | m    | qs: byte i holds q[i] in its low half, q[i + 16] in its high half
#pragma once

#include "codes.h"
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
    const Codes qs = load_codes(block.qs);
    uint8_t codes[32];
    store_codes(qs & 15, codes);
    store_codes(qs >> 4, codes + 16);
    const float d = load_half(block.d);
    const float m = load_half(block.m);
    scale_and_offset_codes<16>(codes, d, m, out);
    scale_and_offset_codes<16>(codes + 16, d, m, out + 16);
  }
};
static_assert(sizeof(Q4_1::Block) == 20 && alignof(Q4_1::Block) == 1);

}  // namespace appkit
