#include <cstring>

#include "formats/half.h"
#include "ops.h"

namespace appkit {
namespace {

void store(const float* values, int64_t count, bool is_half, void* stored, int64_t offset) {
  if (is_half) {
    uint16_t* out = static_cast<uint16_t*>(stored) + offset;
    for (int64_t i = 0; i < count; ++i) out[i] = float_to_half(values[i]);
  } else {
    std::memcpy(static_cast<float*>(stored) + offset, values, static_cast<size_t>(count) * sizeof(float));
  }
}

}  // namespace

void write_kv(Executor& executor, const KvLayer& layer, const PageTable& pages, const float* k, const float* v) {
  const int64_t size = layer.head_dim;
  executor.pool.parallel_for(pages.num_sequences, 0, [&](int64_t b, float*) {
    int64_t position = pages.first_position(b);
    for (int64_t t = pages.query_starts[b]; t < pages.query_starts[b + 1]; ++t, ++position) {
      const int64_t page_id = pages.page_id(b, position);
      for (int64_t head = 0; head < layer.num_kv_heads; ++head) {
        const int64_t row = (t * layer.num_kv_heads + head) * size;
        const int64_t slot = layer.offset(page_id, head) + position % kPageSize * size;
        store(k + row, size, layer.is_half, layer.k, slot);
        store(v + row, size, layer.is_half, layer.v, slot);
      }
    }
  });
}

}  // namespace appkit
