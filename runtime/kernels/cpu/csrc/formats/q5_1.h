// Q5_1: 32 weights of 5 bits above a minimum. w = d · q + m
//
//   byte  0  1 | 2  3 | 4 … 7               | 8 … 23
//         d    | m    | qh: bit i is q[i]'s | qs: byte i holds the low four bits of q[i] (low half)
//              |      | fifth bit           |     and q[i + 16] (high half)
#pragma once

#include "codes.h"
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
    const Codes qs = load_codes(block.qs);
    uint8_t codes[32];
    store_codes((qs & 15) | (unpack_bits(block.qh) << 4), codes);
    store_codes((qs >> 4) | (unpack_bits(block.qh + 2) << 4), codes + 16);
    const float d = load_half(block.d);
    const float m = load_half(block.m);
    scale_and_offset_codes<16>(codes, d, m, out);
    scale_and_offset_codes<16>(codes + 16, d, m, out + 16);
  }
};
static_assert(sizeof(Q5_1::Block) == 24 && alignof(Q5_1::Block) == 1);

}  // namespace appkit
