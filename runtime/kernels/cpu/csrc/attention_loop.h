// The loop that paged and packed attention share: tiles of queries, chunk after chunk.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "attention_tile.h"
#include "ops.h"

namespace appkit {

inline constexpr int64_t kTileRows = 32;  // enough to share what a chunk's keys and values cost to load

// Some tokens of one sequence times some query heads of one kv head; a row is (token, head), heads next to each other.
struct AttentionTile {
  int64_t sequence;
  int64_t first_token;  // row of the step
  int64_t num_tokens;
  int64_t first_position;  // of first_token in its sequence
  int64_t kv_head;
  int64_t first_head;
  int64_t num_heads;

  int64_t num_rows() const { return num_tokens * num_heads; }
};

// Positions begin … end − 1.
struct Positions {
  int64_t begin;
  int64_t end;
};

// Adds the tiles of one sequence: tokens first_token … first_token + num_tokens − 1.
inline void add_tiles(std::vector<AttentionTile>& tiles, const AttentionSettings& settings, int64_t sequence,
                      int64_t first_token, int64_t num_tokens, int64_t first_position) {
  const int64_t group_size = settings.num_heads / settings.num_kv_heads;
  const int64_t heads_per_tile = std::min(group_size, kTileRows);
  const int64_t tokens_per_tile = kTileRows / heads_per_tile;
  for (int64_t token = 0; token < num_tokens; token += tokens_per_tile) {
    for (int64_t kv_head = 0; kv_head < settings.num_kv_heads; ++kv_head) {
      for (int64_t head = 0; head < group_size; head += heads_per_tile) {
        tiles.push_back({sequence, first_token + token, std::min(tokens_per_tile, num_tokens - token),
                         first_position + token, kv_head, kv_head * group_size + head,
                         std::min(heads_per_tile, group_size - head)});
      }
    }
  }
}

// Keys and values of a chunk: position p at k + p · stride.
struct ChunkRows {
  const float* k;
  const float* v;
  int64_t stride;
};

// Attention of every tile. `visible(tile, token)` gives the absolute Positions that a token of the tile sees, growing
// with the token. `load(tile, chunk_begin, positions, room)` gives the rows of `positions`, all within the chunk at
// chunk_begin, numbered from it; `room` holds 2 · kAttentionChunk · D floats it may use.
template <class Visible, class Load>
class AttentionLoop {
 public:
  AttentionLoop(Executor& executor, const float* q, const AttentionSettings& settings, const Visible& visible,
                const Load& load, float* out)
      : executor_(executor),
        q_(q),
        settings_(settings),
        visible_(visible),
        load_(load),
        out_(out),
        attend_(kAttendChunk.select(executor.instruction_set)),
        merge_(kMergeChunk.select(executor.instruction_set)) {}

  void run(const std::vector<AttentionTile>& tiles) {
    const int64_t num_tiles = static_cast<int64_t>(tiles.size());
    int64_t num_chunks = 0;
    for (const AttentionTile& tile : tiles) num_chunks += chunks(tile).end - chunks(tile).begin;
    // With few tiles the threads share their chunks as well. The bits are the same; memory for the parts is not needed
    // otherwise.
    if (num_tiles < 4 * executor_.pool.num_threads() && num_chunks > num_tiles) {
      run_split(tiles, num_chunks);
      return;
    }
    executor_.pool.parallel_for(num_tiles, workspace_floats(), [&](int64_t item, float* scratch) {
      const AttentionTile& tile = tiles[static_cast<size_t>(item)];
      Workspace work(*this, tile, scratch);
      for (int64_t chunk = chunks(tile).begin; chunk < chunks(tile).end; ++chunk) {
        work.attend(chunk, work.part);
        work.merge(work.part);
      }
      work.finish();
    });
  }

 private:
  void run_split(const std::vector<AttentionTile>& tiles, int64_t num_chunks) {
    struct Item {
      const AttentionTile* tile;
      int64_t chunk;
    };
    std::vector<Item> items;
    for (const AttentionTile& tile : tiles) {
      for (int64_t chunk = chunks(tile).begin; chunk < chunks(tile).end; ++chunk) items.push_back({&tile, chunk});
    }
    const int64_t part_floats = kTileRows * (2 + settings_.head_dim);
    const std::unique_ptr<float[]> parts(new float[static_cast<size_t>(num_chunks * part_floats)]);
    executor_.pool.parallel_for(num_chunks, workspace_floats(), [&](int64_t index, float* scratch) {
      const Item& item = items[static_cast<size_t>(index)];
      Workspace work(*this, *item.tile, scratch);
      work.attend(item.chunk, state_at(parts.get() + index * part_floats));
    });
    executor_.pool.parallel_for(static_cast<int64_t>(tiles.size()), workspace_floats(), [&](int64_t t, float* scratch) {
      const AttentionTile& tile = tiles[static_cast<size_t>(t)];
      Workspace work(*this, tile, scratch);
      int64_t index = 0;
      while (items[static_cast<size_t>(index)].tile != &tile) ++index;
      for (int64_t chunk = chunks(tile).begin; chunk < chunks(tile).end; ++chunk, ++index) {
        work.see(chunk);
        work.merge(state_at(parts.get() + index * part_floats));
      }
      work.finish();
    });
  }

  // Chunks that any row of the tile sees.
  Positions chunks(const AttentionTile& tile) const {
    return {visible_(tile, 0).begin / kAttentionChunk,
            (visible_(tile, tile.num_tokens - 1).end + kAttentionChunk - 1) / kAttentionChunk};
  }

  SoftmaxState state_at(float* memory) const { return {memory, memory + kTileRows, memory + 2 * kTileRows}; }

  size_t workspace_floats() const {
    const int64_t states = 2 * kTileRows * (2 + settings_.head_dim);
    const int64_t queries = kTileRows * settings_.head_dim;
    const int64_t scores = kTileRows * kAttentionChunk;
    return static_cast<size_t>(2 * kAttentionChunk * settings_.head_dim + queries + scores + states);
  }

  // One tile at work in one thread's scratch memory.
  struct Workspace {
    Workspace(const AttentionLoop& loop, const AttentionTile& tile, float* scratch)
        : loop(loop), tile(tile), room(scratch) {
      const int64_t head_dim = loop.settings_.head_dim;
      float* queries = scratch + 2 * kAttentionChunk * head_dim;
      float* scores = queries + kTileRows * head_dim;
      state = loop.state_at(scores + kTileRows * kAttentionChunk);
      part = loop.state_at(state.values + kTileRows * head_dim);
      input = {tile.num_rows(),
               head_dim,
               queries,
               nullptr,
               nullptr,
               0,
               begin.data(),
               end.data(),
               loop.settings_.scale,
               loop.settings_.softcap,
               scores};
      std::fill_n(state.max, tile.num_rows(), -std::numeric_limits<float>::infinity());
      std::fill_n(state.sum, tile.num_rows(), 0.0f);
      std::fill_n(state.values, tile.num_rows() * head_dim, 0.0f);
      for (int64_t token = 0; token < tile.num_tokens; ++token) {
        std::memcpy(queries + token * tile.num_heads * head_dim, loop.q_ + loop.offset(tile, token),
                    static_cast<size_t>(tile.num_heads * head_dim) * sizeof(float));
      }
    }

    // Notes what each row sees of the chunk.
    Positions see(int64_t chunk) {
      const int64_t chunk_begin = chunk * kAttentionChunk;
      Positions seen = {kAttentionChunk, 0};
      for (int64_t token = 0; token < tile.num_tokens; ++token) {
        const Positions visible = loop.visible_(tile, token);
        const int64_t first = std::clamp<int64_t>(visible.begin - chunk_begin, 0, kAttentionChunk);
        const int64_t last = std::clamp<int64_t>(visible.end - chunk_begin, 0, kAttentionChunk);
        if (first < last) seen = {std::min(seen.begin, first), std::max(seen.end, last)};
        for (int64_t head = 0; head < tile.num_heads; ++head) {
          begin[static_cast<size_t>(token * tile.num_heads + head)] = static_cast<int32_t>(first);
          end[static_cast<size_t>(token * tile.num_heads + head)] = static_cast<int32_t>(last);
        }
      }
      return {chunk_begin + seen.begin, chunk_begin + seen.end};
    }

    void attend(int64_t chunk, const SoftmaxState& result) {
      const Positions seen = see(chunk);
      const ChunkRows rows = loop.load_(tile, chunk * kAttentionChunk, seen, room);
      input.k = rows.k;
      input.v = rows.v;
      input.kv_stride = rows.stride;
      loop.attend_(input, result);
    }

    void merge(const SoftmaxState& chunk_state) { loop.merge_(input, chunk_state, state); }

    void finish() {
      const int64_t head_dim = loop.settings_.head_dim;
      for (int64_t row = 0; row < tile.num_rows(); ++row) {
        float* out = loop.out_ + loop.offset(tile, row / tile.num_heads) + row % tile.num_heads * head_dim;
        for (int64_t d = 0; d < head_dim; ++d) out[d] = state.values[row * head_dim + d] / state.sum[row];
      }
    }

    const AttentionLoop& loop;
    const AttentionTile& tile;
    float* room;
    ChunkInput input;
    SoftmaxState state;
    SoftmaxState part;
    std::array<int32_t, kTileRows> begin;
    std::array<int32_t, kTileRows> end;
  };

  // Where a token's first head of the tile lies in q and out.
  int64_t offset(const AttentionTile& tile, int64_t token) const {
    return ((tile.first_token + token) * settings_.num_heads + tile.first_head) * settings_.head_dim;
  }

  Executor& executor_;
  const float* q_;
  const AttentionSettings& settings_;
  const Visible& visible_;
  const Load& load_;
  float* out_;
  AttendChunk attend_;
  MergeChunk merge_;
};

}  // namespace appkit
