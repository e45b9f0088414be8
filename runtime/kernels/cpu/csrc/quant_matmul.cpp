#include <algorithm>

#include "dot_products.h"
#include "ops.h"

namespace appkit {
namespace {

constexpr int64_t kOutputsPerItem = 32;  // outputs a thread takes at once
constexpr int64_t kPanelRows = 16;       // weight rows dequantised at once: read from cache by every activation row
constexpr int64_t kDecodePanelRows = 4;  // with few activation rows a panel is read once, so it should fit the L1 cache
constexpr int64_t kFewRows = 4;

// Outputs begin … end − 1 of a product, for all rows of x.
struct Range {
  const float* x;
  int64_t num_rows;
  const Weight* weight;
  int64_t begin;
  int64_t end;
  float* out;
  float* panel;  // kPanelRows × K floats
};

template <int kWidth>
APPKIT_INLINE void multiply(const Range& range, DequantizeRow dequantize_row) {
  const Weight& weight = *range.weight;
  const int64_t size = weight.num_inputs;
  const int64_t panel_rows = range.num_rows <= kFewRows ? kDecodePanelRows : kPanelRows;
  for (int64_t begin = range.begin; begin < range.end; begin += panel_rows) {
    const int64_t count = std::min(panel_rows, range.end - begin);
    for (int64_t i = 0; i < count; ++i) dequantize_row(weight.row(begin + i), size, range.panel + i * size);
    dot_products<kWidth>({range.panel, size, count}, {range.x, size, range.num_rows}, size,
                         {range.out + begin, 1, weight.num_outputs});
  }
}

APPKIT_INLINE void finish(const Range& range, const Epilogue& epilogue) {
  const int64_t num_outputs = range.weight->num_outputs;
  const int64_t count = range.end - range.begin;
  for (int64_t t = 0; t < range.num_rows; ++t) {
    const int64_t offset = t * num_outputs + range.begin;
    float* y = range.out + offset;
    if (epilogue.addend != nullptr) {
      for (int64_t i = 0; i < count; ++i) y[i] += epilogue.addend[offset + i];
    }
    if (epilogue.row_scale != nullptr) {
      for (int64_t i = 0; i < count; ++i) y[i] *= epilogue.row_scale[range.begin + i];
    }
    if (epilogue.bias != nullptr) {
      for (int64_t i = 0; i < count; ++i) y[i] += epilogue.bias[range.begin + i];
    }
    activate(epilogue.activation, y, count);
    if (epilogue.residual != nullptr) {
      for (int64_t i = 0; i < count; ++i) y[i] += epilogue.residual[offset + i];
    }
    if (epilogue.softcap != 0) {
      const float cap = epilogue.softcap;
      for (int64_t i = 0; i < count; ++i) y[i] = cap * tanh_f32(y[i] / cap);
    }
  }
}

template <int kWidth>
APPKIT_INLINE void multiply_and_finish(const Range& range, DequantizeRow dequantize_row, const Epilogue& epilogue) {
  multiply<kWidth>(range, dequantize_row);
  finish(range, epilogue);
}

using RangeFunction = void (*)(const Range&, DequantizeRow, const Epilogue&);

void range_portable(const Range& range, DequantizeRow dequantize_row, const Epilogue& epilogue) {
  multiply_and_finish<4>(range, dequantize_row, epilogue);
}
APPKIT_TARGET_AVX2 void range_avx2(const Range& range, DequantizeRow dequantize_row, const Epilogue& epilogue) {
  multiply_and_finish<8>(range, dequantize_row, epilogue);
}
APPKIT_TARGET_AVX512 void range_avx512(const Range& range, DequantizeRow dequantize_row, const Epilogue& epilogue) {
  multiply_and_finish<16>(range, dequantize_row, epilogue);
}
constexpr Versions<RangeFunction> kRangeVersions = {range_portable, range_avx2, range_avx512};

int64_t num_items(const Weight& weight) {
  return (weight.num_outputs + kOutputsPerItem - 1) / kOutputsPerItem;
}

Range item_range(int64_t item, const float* x, int64_t num_rows, const Weight& weight, float* out, float* panel) {
  const int64_t begin = item * kOutputsPerItem;
  return {x, num_rows, &weight, begin, std::min(begin + kOutputsPerItem, weight.num_outputs), out, panel};
}

size_t panel_floats(const Weight& weight) {
  return static_cast<size_t>(kPanelRows * weight.num_inputs);
}

}  // namespace

void quant_matmul(Executor& executor, const float* x, int64_t num_rows, const Weight& weight, const Epilogue& epilogue,
                  float* out) {
  const RangeFunction compute = kRangeVersions.select(executor.instruction_set);
  const DequantizeRow dequantize_row = weight.format->dequantize_row.select(executor.instruction_set);
  executor.pool.parallel_for(num_items(weight), panel_floats(weight), [&](int64_t item, float* panel) {
    compute(item_range(item, x, num_rows, weight, out, panel), dequantize_row, epilogue);
  });
}

void gated_matmul(Executor& executor, const float* x, int64_t num_rows, const Weight& gate, const Weight& up,
                  const Epilogue& gate_epilogue, const Epilogue& up_epilogue, float* gated, float* out) {
  const RangeFunction compute = kRangeVersions.select(executor.instruction_set);
  const DequantizeRow dequantize_gate = gate.format->dequantize_row.select(executor.instruction_set);
  const DequantizeRow dequantize_up = up.format->dequantize_row.select(executor.instruction_set);
  executor.pool.parallel_for(num_items(gate), panel_floats(gate), [&](int64_t item, float* panel) {
    const Range range = item_range(item, x, num_rows, gate, gated, panel);
    compute(range, dequantize_gate, gate_epilogue);
    compute(item_range(item, x, num_rows, up, out, panel), dequantize_up, up_epilogue);
    for (int64_t t = 0; t < num_rows; ++t) {
      for (int64_t i = t * gate.num_outputs + range.begin; i < t * gate.num_outputs + range.end; ++i) {
        out[i] *= gated[i];
      }
    }
  });
}

}  // namespace appkit
