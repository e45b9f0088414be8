// Q5_0: 32 weights of 5 bits around zero. w = d · (q − 16)
//
//   byte  0  1 | 2 … 5                | 6 … 21
//         d    | qh: bit i is q[i]'s  | qs: byte i holds the low four bits of q[i] (low half)
//              | fifth bit            |     and q[i + 16] (high half)
#pragma once

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q5_0 {
  static constexpr const char* kName = "Q5_0";
  static constexpr int kBlockSize = 32;
  struct Block {
    Bytes2 d;
    uint8_t qh[4];
    uint8_t qs[16];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const Codes qs = load_codes(block.qs);
    uint8_t codes[32];
    store_codes((qs & 15) | (unpack_bits(block.qh) << 4), codes);
    store_codes((qs >> 4) | (unpack_bits(block.qh + 2) << 4), codes + 16);
    const float d = load_half(block.d);
    scale_codes<16>(codes, d, 16, out);
    scale_codes<16>(codes + 16, d, 16, out + 16);
  }
};
static_assert(sizeof(Q5_0::Block) == 22 && alignof(Q5_0::Block) == 1);

}  // namespace appkit
