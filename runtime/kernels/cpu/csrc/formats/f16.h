// F16: IEEE binary16, little endian. A "block" is one weight.
#pragma once

#include "half.h"

namespace appkit {

struct F16 {
  static constexpr const char* kName = "F16";
  static constexpr int kBlockSize = 1;
  struct Block {
    Bytes2 value;
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) { *out = load_half(block.value); }
};
static_assert(sizeof(F16::Block) == 2 && alignof(F16::Block) == 1);

}  // namespace appkit
