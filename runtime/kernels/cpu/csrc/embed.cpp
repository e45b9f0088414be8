#include "ops.h"

namespace appkit {

void embed(Executor& executor, const int32_t* ids, int64_t num_rows, const Weight& table, float scale, float* out) {
  const DequantizeRow dequantize_row = table.format->dequantize_row.select(executor.instruction_set);
  const int64_t size = table.num_inputs;
  for_row_runs(executor, num_rows, size, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* row = out + t * size;
      dequantize_row(table.row(ids[t]), size, row);
      if (scale != 1.0f) {
        for (int64_t i = 0; i < size; ++i) row[i] *= scale;
      }
    }
  });
}

}  // namespace appkit
