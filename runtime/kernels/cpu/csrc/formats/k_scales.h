// The eight 6-bit scales and minimums that Q4_K and Q5_K pack in twelve bytes.
//
//   bytes 0 … 3    scale g in the low six bits, the high two bits of scale g + 4 above them
//   bytes 4 … 7    min g in the low six bits, the high two bits of min g + 4 above them
//   bytes 8 … 11   the low four bits of scale g + 4 (low half) and of min g + 4 (high half)
#pragma once

#include <cstdint>

#include "../multiversion.h"

namespace appkit {

struct KScales {
  uint8_t scale[8];
  uint8_t min[8];

  APPKIT_INLINE explicit KScales(const uint8_t (&packed)[12]) {
    for (int g = 0; g < 4; ++g) {
      scale[g] = packed[g] & 63;
      min[g] = packed[4 + g] & 63;
      scale[4 + g] = static_cast<uint8_t>((packed[8 + g] & 15) | ((packed[g] >> 6) << 4));
      min[4 + g] = static_cast<uint8_t>((packed[8 + g] >> 4) | ((packed[4 + g] >> 6) << 4));
    }
  }
};

}  // namespace appkit
