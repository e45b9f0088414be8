// IQ4_XS: 256 weights of 4 bits in 8 groups of 32, over IQ4_NL's levels. w = d · (scale − 32) · level[q]
//
//   byte  0  1 | 2  3                    | 4 … 7                       | 8 … 135
//         d    | scales_h: two high bits | scales_l: low four bits of  | qs: byte 16·g + i holds q[32·g + i] in its low
//              | of scale g at bit 2·g   | scale 2·j (low half) and    |     half, q[32·g + 16 + i] in its high half
//              |                         | 2·j + 1 (high half)         |
#pragma once

#include "half.h"
#include "iq4_nl.h"

namespace appkit {

struct IQ4_XS {
  static constexpr const char* kName = "IQ4_XS";
  static constexpr int kBlockSize = 256;
  struct Block {
    Bytes2 d;
    Bytes2 scales_h;
    uint8_t scales_l[4];
    uint8_t qs[128];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    const int high_bits = load_u16(block.scales_h);
    for (int group = 0; group < 8; ++group) {
      const int low = (block.scales_l[group / 2] >> (4 * (group % 2))) & 15;
      const int high = (high_bits >> (2 * group)) & 3;
      const float scale = d * static_cast<float>((low | (high << 4)) - 32);
      const uint8_t* qs = block.qs + 16 * group;
      for (int i = 0; i < 16; ++i) {
        out[32 * group + i] = scale * kIq4Levels[qs[i] & 15];
        out[32 * group + 16 + i] = scale * kIq4Levels[qs[i] >> 4];
      }
    }
  }
};
static_assert(sizeof(IQ4_XS::Block) == 136 && alignof(IQ4_XS::Block) == 1);

}  // namespace appkit
