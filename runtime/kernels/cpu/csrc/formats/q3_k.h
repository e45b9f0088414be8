// Q3_K: 256 weights of 3 bits in 16 groups of 16. w = d · (scale − 32) · (q − 4)
//
//   byte  0 … 31                   | 32 … 95                       | 96 … 107            | 108 109
//         hmask: bit b of byte i   | qs: byte 32·h + i holds, two  | scales, six bits    | d
//         is the high bit of       | bits each from the lowest on, | each, as drawn      |
//         q[32·b + i]              | q[128·h + i + 0, 32, 64, 96]  | below               |
//
//   scales: bytes 0 … 7 hold the low four bits of scale g (low half) and g + 8 (high half);
//           bytes 8 … 11 hold the high two bits of scales g, g + 4, g + 8, g + 12 from the lowest on.
#pragma once

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q3_K {
  static constexpr const char* kName = "Q3_K";
  static constexpr int kBlockSize = 256;
  struct Block {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    Bytes2 d;
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    uint8_t codes[256];
    for (int group = 0; group < 16; ++group) {
      const Codes qs = load_codes(block.qs + 32 * (group / 8) + 16 * (group % 2));
      const Codes hmask = load_codes(block.hmask + 16 * (group % 2));
      const Codes low_bits = (qs >> (2 * (group % 8 / 2))) & 3;
      const Codes high_bit = (hmask >> (group / 2)) & 1;
      store_codes(low_bits | (high_bit << 2), codes + 16 * group);
    }
    for (int group = 0; group < 16; ++group) {
      const int low = (block.scales[group % 8] >> (4 * (group / 8))) & 15;
      const int high = (block.scales[8 + group % 4] >> (2 * (group / 4))) & 3;
      const float scale = d * static_cast<float>((low | (high << 4)) - 32);
      scale_codes<16>(codes + 16 * group, scale, 4, out + 16 * group);
    }
  }
};
static_assert(sizeof(Q3_K::Block) == 110 && alignof(Q3_K::Block) == 1);

}  // namespace appkit
