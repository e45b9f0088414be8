// Q5_K: 256 weights of 5 bits in 8 groups of 32. w = d · scale · q − dmin · min
//
//   byte  0  1 | 2  3  | 4 … 15                  | 16 … 47               | 48 … 175
//         d    | dmin  | scales, see k_scales.h  | qh: bit g of byte i   | qs: byte 32·p + i holds the low four bits of
//              |       |                         | is the fifth bit of   |     q[64·p + i] (low half) and
//              |       |                         | q[32·g + i]           |     q[64·p + 32 + i] (high half)
#pragma once

#include "half.h"
#include "k_scales.h"

namespace appkit {

struct Q5_K {
  static constexpr const char* kName = "Q5_K";
  static constexpr int kBlockSize = 256;
  struct Block {
    Bytes2 d;
    Bytes2 dmin;
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    const float dmin = load_half(block.dmin);
    const KScales scales(block.scales);
    for (int group = 0; group < 8; ++group) {
      const float scale = d * static_cast<float>(scales.scale[group]);
      const float min = dmin * static_cast<float>(scales.min[group]);
      const uint8_t* qs = block.qs + 32 * (group / 2);
      const int shift = 4 * (group % 2);
      for (int i = 0; i < 32; ++i) {
        const int q = ((qs[i] >> shift) & 15) | (((block.qh[i] >> group) & 1) << 4);
        out[32 * group + i] = scale * static_cast<float>(q) - min;
      }
    }
  }
};
static_assert(sizeof(Q5_K::Block) == 176 && alignof(Q5_K::Block) == 1);

}  // namespace appkit
