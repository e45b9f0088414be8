// BF16: the upper half of a float32, little endian. A "block" is one weight.
#pragma once

#include "half.h"

namespace appkit {

struct BF16 {
  static constexpr const char* kName = "BF16";
  static constexpr int kBlockSize = 1;
  struct Block {
    Bytes2 value;
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) {
    *out = bfloat_to_float(load_u16(block.value));
  }
};
static_assert(sizeof(BF16::Block) == 2 && alignof(BF16::Block) == 1);

}  // namespace appkit
