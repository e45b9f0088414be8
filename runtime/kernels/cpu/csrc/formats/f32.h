// F32: plain float32, little endian. A "block" is one weight.
#pragma once

#include <cstdint>
#include <cstring>

#include "../multiversion.h"

namespace appkit {

struct F32 {
  static constexpr const char* kName = "F32";
  static constexpr int kBlockSize = 1;
  struct Block {
    uint8_t value[4];
  };
  APPKIT_INLINE static void dequantize(const Block& block, float* out) { std::memcpy(out, block.value, sizeof(float)); }
};
static_assert(sizeof(F32::Block) == 4 && alignof(F32::Block) == 1);

}  // namespace appkit
