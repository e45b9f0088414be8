// Q4_0: 32 weights of 4 bits around zero. w = d · (q − 8)
//
//   byte  0  1 | 2 … 17
//         d    | qs: byte i holds q[i] in its low half, q[i + 16] in its high half
#pragma once

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q4_0 {
  static constexpr const char* kName = "Q4_0";
  static constexpr int kBlockSize = 32;
  struct Block {
    Bytes2 d;
    uint8_t qs[16];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const Codes qs = load_codes(block.qs);
    uint8_t codes[32];
    store_codes(qs & 15, codes);
    store_codes(qs >> 4, codes + 16);
    const float d = load_half(block.d);
    scale_codes<16>(codes, d, 8, out);
    scale_codes<16>(codes + 16, d, 8, out + 16);
  }
};
static_assert(sizeof(Q4_0::Block) == 18 && alignof(Q4_0::Block) == 1);

}  // namespace appkit
