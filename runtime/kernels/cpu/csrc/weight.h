// A matrix as its file stores it, and how its rows become float32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "multiversion.h"

namespace appkit {

// Writes `num_weights` float32 values (whole blocks) from the blocks at `row`.
using DequantizeRow = void (*)(const uint8_t* row, int64_t num_weights, float* out);

struct Format {
  const char* name;
  int64_t block_size;  // weights
  int64_t block_bytes;
  Versions<DequantizeRow> dequantize_row;

  int64_t row_bytes(int64_t num_weights) const { return num_weights / block_size * block_bytes; }
};

// The format called `name`, or nullptr.
const Format* find_format(const char* name);

// All formats, `num_formats` of them.
const Format* all_formats(size_t& num_formats);

// (N, K): N rows of K weights, one after the other. Does not own its bytes.
struct Weight {
  const uint8_t* data;
  const Format* format;
  int64_t num_outputs;
  int64_t num_inputs;

  const uint8_t* row(int64_t index) const { return data + index * format->row_bytes(num_inputs); }
};

}  // namespace appkit
