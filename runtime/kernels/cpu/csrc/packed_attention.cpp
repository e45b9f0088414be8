#include "attention_loop.h"

namespace appkit {

void packed_attention(Executor& executor, const float* q, const float* k, const float* v, const int32_t* starts,
                      int64_t num_sequences, bool is_causal, const AttentionSettings& settings, float* out) {
  const int64_t head_dim = settings.head_dim;
  const int64_t stride = settings.num_kv_heads * head_dim;
  const auto load = [&](const AttentionTile& tile, int64_t chunk_begin, const Positions&, float*) {
    const int64_t first = (starts[tile.sequence] + chunk_begin) * stride + tile.kv_head * head_dim;
    return ChunkRows{k + first, v + first, stride};
  };
  const auto visible = [&](const AttentionTile& tile, int64_t token) {
    const int64_t len = starts[tile.sequence + 1] - starts[tile.sequence];
    return Positions{0, is_causal ? tile.first_position + token + 1 : len};
  };

  std::vector<AttentionTile> tiles;
  for (int64_t b = 0; b < num_sequences; ++b) add_tiles(tiles, settings, b, starts[b], starts[b + 1] - starts[b], 0);
  AttentionLoop(executor, q, settings, visible, load, out).run(tiles);
}

}  // namespace appkit
