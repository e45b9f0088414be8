// Q8_0: 32 signed weights of 8 bits. w = d · q
//
//   byte  0  1 | 2 … 33
//         d    | qs: int8 q[0 … 31]
#pragma once

#include "codes.h"
#include "half.h"

namespace appkit {

struct Q8_0 {
  static constexpr const char* kName = "Q8_0";
  static constexpr int kBlockSize = 32;
  struct Block {
    Bytes2 d;
    int8_t qs[32];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    scale_codes<32>(block.qs, load_half(block.d), 0, out);
  }
};
static_assert(sizeof(Q8_0::Block) == 34 && alignof(Q8_0::Block) == 1);

}  // namespace appkit
