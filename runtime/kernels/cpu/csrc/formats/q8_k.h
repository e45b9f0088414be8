// Q8_K: 256 signed weights of 8 bits under one float32 scale. w = d · q
//
//   byte  0 … 3      | 4 … 259              | 260 … 291
//         d float32  | qs: int8 q[0 … 255]  | sums of each 16 q, int16; not needed here
#pragma once

#include <bit>

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q8_K {
  static constexpr const char* kName = "Q8_K";
  static constexpr int kBlockSize = 256;
  struct Block {
    uint8_t d[4];
    int8_t qs[256];
    uint8_t sums[32];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    scale_codes<256>(block.qs, std::bit_cast<float>(load_u32(block.d)), 0, out);
  }
};
static_assert(sizeof(Q8_K::Block) == 292 && alignof(Q8_K::Block) == 1);

}  // namespace appkit
