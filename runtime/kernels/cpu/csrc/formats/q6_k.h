// Q6_K: 256 weights of 6 bits in 16 groups of 16. w = d · scale · (q − 32)
//
//   byte  0 … 127                          | 128 … 191                      | 192 … 207        | 208 209
//         ql: byte 64·h + i holds the low  | qh: byte 32·h + i holds the    | scales: int8     | d
//         four bits of q[128·h + i] (low   | high two bits, from the lowest | of each group    |
//         half), q[128·h + 64 + i] (high)  | on, of q[128·h + i + 0, 32,    |                  |
//                                          | 64, 96]                        |                  |
#pragma once

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q6_K {
  static constexpr const char* kName = "Q6_K";
  static constexpr int kBlockSize = 256;
  struct Block {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    Bytes2 d;
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    const float d = load_half(block.d);
    uint8_t codes[256];
    for (int group = 0; group < 16; ++group) {
      const int half = group / 8;
      const Codes ql = load_codes(block.ql + 64 * half + 16 * (group % 4));
      const Codes qh = load_codes(block.qh + 32 * half + 16 * (group % 2));
      const Codes low_bits = (ql >> (4 * (group % 8 / 4))) & 15;
      const Codes high_bits = (qh >> (2 * (group % 8 / 2))) & 3;
      store_codes(low_bits | (high_bits << 4), codes + 16 * group);
    }
    for (int group = 0; group < 16; ++group) {
      const float scale = d * static_cast<float>(block.scales[group]);
      scale_codes<16>(codes + 16 * group, scale, 32, out + 16 * group);
    }
  }
};
static_assert(sizeof(Q6_K::Block) == 210 && alignof(Q6_K::Block) == 1);

}  // namespace appkit
