// Q4_0: 32 weights of 4 bits around zero. w = d · (q − 8)
//
//   byte  0  1 | 2 … 17
//         d    | qs: byte i holds q[i] in its low half, q[i + 16] in its high half
#pragma once

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
    const float d = load_half(block.d);
    for (int i = 0; i < 16; ++i) {
      out[i] = d * static_cast<float>((block.qs[i] & 15) - 8);
      out[i + 16] = d * static_cast<float>((block.qs[i] >> 4) - 8);
    }
  }
};
static_assert(sizeof(Q4_0::Block) == 18 && alignof(Q4_0::Block) == 1);

}  // namespace appkit
