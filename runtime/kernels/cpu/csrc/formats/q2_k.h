// Q2_K: 256 weights of 2 bits in 16 groups of 16. w = d · scale · q − dmin · min
//
//   byte  0 … 15                        | 16 … 79                        | 80 81 | 82 83
//         scales: group g's scale (low  | qs: byte 32·h + i holds, two   | d     | dmin
//         half) and min (high half)     | bits each from the lowest on,  |
//                                       | q[128·h + i + 0, 32, 64, 96]   |
#pragma once

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q2_K {
  static constexpr const char* kName = "Q2_K";
  static constexpr int kBlockSize = 256;
  struct Block {
    uint8_t scales[16];
    uint8_t qs[64];
    Bytes2 d;
    Bytes2 dmin;
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    const float dmin = load_half(block.dmin);
    uint8_t codes[256];
    for (int group = 0; group < 16; ++group) {
      const Codes qs = load_codes(block.qs + 32 * (group / 8) + 16 * (group % 2));
      store_codes((qs >> (2 * (group % 8 / 2))) & 3, codes + 16 * group);
    }
    for (int group = 0; group < 16; ++group) {
      const float scale = d * static_cast<float>(block.scales[group] & 15);
      const float min = dmin * static_cast<float>(block.scales[group] >> 4);
      scale_and_offset_codes<16>(codes + 16 * group, scale, -min, out + 16 * group);
    }
  }
};
static_assert(sizeof(Q2_K::Block) == 84 && alignof(Q2_K::Block) == 1);

}  // namespace appkit
