#include <cstring>

#include "attention_loop.h"
#include "formats/half.h"

namespace appkit {
namespace {

using ConvertHalves = void (*)(const uint16_t* halves, int64_t count, float* out);

APPKIT_INLINE void convert(const uint16_t* halves, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = half_to_float(halves[i]);
}
void convert_portable(const uint16_t* halves, int64_t count, float* out) {
  convert(halves, count, out);
}
APPKIT_TARGET_AVX2 void convert_avx2(const uint16_t* halves, int64_t count, float* out) {
  convert(halves, count, out);
}
APPKIT_TARGET_AVX512 void convert_avx512(const uint16_t* halves, int64_t count, float* out) {
  convert(halves, count, out);
}
constexpr Versions<ConvertHalves> kConvertVersions = {convert_portable, convert_avx2, convert_avx512};

}  // namespace

void paged_attention(Executor& executor, const float* q, const KvLayer& layer, const PageTable& pages,
                     const AttentionSettings& settings, float* out) {
  const int64_t head_dim = settings.head_dim;
  const ConvertHalves convert_halves = kConvertVersions.select(executor.instruction_set);

  const auto read = [&](const void* stored, int64_t offset, int64_t count, float* to) {
    if (layer.is_half) {
      convert_halves(static_cast<const uint16_t*>(stored) + offset, count, to);
    } else {
      std::memcpy(to, static_cast<const float*>(stored) + offset, static_cast<size_t>(count) * sizeof(float));
    }
  };
  const auto load = [&](const AttentionTile& tile, int64_t chunk_begin, const Positions& positions, float* room) {
    float* k = room;
    float* v = room + kAttentionChunk * head_dim;
    for (int64_t position = positions.begin; position < positions.end;) {
      const int64_t slot = position % kPageSize;
      const int64_t count = std::min(kPageSize - slot, positions.end - position);
      const int64_t from = layer.offset(pages.page_id(tile.sequence, position), tile.kv_head) + slot * head_dim;
      const int64_t to = (position - chunk_begin) * head_dim;
      read(layer.k, from, count * head_dim, k + to);
      read(layer.v, from, count * head_dim, v + to);
      position += count;
    }
    return ChunkRows{k, v, head_dim};
  };
  const auto visible = [&](const AttentionTile& tile, int64_t token) {
    const int64_t position = tile.first_position + token;
    return Positions{settings.window == 0 ? 0 : std::max<int64_t>(0, position - settings.window + 1), position + 1};
  };

  std::vector<AttentionTile> tiles;
  for (int64_t b = 0; b < pages.num_sequences; ++b) {
    add_tiles(tiles, settings, b, pages.query_starts[b], pages.query_starts[b + 1] - pages.query_starts[b],
              pages.first_position(b));
  }
  AttentionLoop(executor, q, settings, visible, load, out).run(tiles);
}

}  // namespace appkit
