// IQ4_NL: 32 weights of 4 bits that index sixteen uneven levels. w = d · level[q]
//
//   byte  0  1 | 2 … 17
//         d    | qs: byte i holds q[i] in its low half, q[i + 16] in its high half
#pragma once

#include "half.h"

namespace appkit {

// Part of the format: the levels that files quantised as IQ4_NL and IQ4_XS refer to.
inline constexpr float kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

struct IQ4_NL {
  static constexpr const char* kName = "IQ4_NL";
  static constexpr int kBlockSize = 32;
  struct Block {
    Bytes2 d;
    uint8_t qs[16];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    for (int i = 0; i < 16; ++i) {
      out[i] = d * kIq4Levels[block.qs[i] & 15];
      out[i + 16] = d * kIq4Levels[block.qs[i] >> 4];
    }
  }
};
static_assert(sizeof(IQ4_NL::Block) == 18 && alignof(IQ4_NL::Block) == 1);

}  // namespace appkit
