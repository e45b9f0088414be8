// Q4_K: 256 weights of 4 bits in 8 groups of 32. w = d · scale · q − dmin · min
//
//   byte  0  1 | 2  3  | 4 … 15                  | 16 … 143
//         d    | dmin  | scales, see k_scales.h  | qs: byte 32·p + i holds q[64·p + i] in its low half,
//              |       |                         |     q[64·p + 32 + i] in its high half
#pragma once

#include "codes.h"
#include "half.h"
#include "k_scales.h"

namespace appkit {

struct Q4_K {
  static constexpr const char* kName = "Q4_K";
  static constexpr int kBlockSize = 256;
  struct Block {
    Bytes2 d;
    Bytes2 dmin;
    uint8_t scales[12];
    uint8_t qs[128];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    const float dmin = load_half(block.dmin);
    const KScales scales(block.scales);
    uint8_t codes[256];
    for (int pair = 0; pair < 4; ++pair) {
      for (int i = 0; i < 32; i += 16) {
        const Codes qs = load_codes(block.qs + 32 * pair + i);
        store_codes(qs & 15, codes + 64 * pair + i);
        store_codes(qs >> 4, codes + 64 * pair + 32 + i);
      }
    }
    for (int group = 0; group < 8; ++group) {
      const float scale = d * static_cast<float>(scales.scale[group]);
      const float min = dmin * static_cast<float>(scales.min[group]);
      scale_and_offset_codes<32>(codes + 32 * group, scale, -min, out + 32 * group);
    }
  }
};
static_assert(sizeof(Q4_K::Block) == 144 && alignof(Q4_K::Block) == 1);

}  // namespace appkit
