// Attention of a tile of query rows over one chunk of positions, and how chunks are combined.
//
// A chunk is kAttentionChunk positions at an absolute multiple, so which positions are reduced together depends on
// nothing else in the step. Within a chunk a row's softmax is taken over what it sees; chunks are then merged in order
// (Dao et al., arXiv:2205.14135; the split over chunks for few queries: Flash-Decoding). A row therefore has the same
// bits whether its chunks are computed one after the other or on different threads, and whoever shares its tile.
#pragma once

#include <cstdint>

#include "multiversion.h"

namespace appkit {

inline constexpr int64_t kAttentionChunk = 256;  // ATTENTION_CHUNK of ops.py

// A softmax in progress for `count` rows: max score, Σ eˢ⁻ᵐᵃˣ, Σ eˢ⁻ᵐᵃˣ · v.
struct SoftmaxState {
  float* max;     // [count]
  float* sum;     // [count]
  float* values;  // [count, D]
};

// The queries of a tile against one chunk.
struct ChunkInput {
  int64_t num_rows;
  int64_t head_dim;
  const float* q;  // [num_rows, D]
  const float* k;  // position p of the chunk at k + p * kv_stride
  const float* v;
  int64_t kv_stride;
  const int32_t* begin;  // [num_rows] positions begin … end − 1 of the chunk are seen; both clipped to the chunk
  const int32_t* end;
  float scale;
  float softcap;  // 0 for none
  float* scores;  // [num_rows, kAttentionChunk] of room
};

// Computes the softmax over the chunk alone into `out`. Rows that see nothing of it are left alone.
using AttendChunk = void (*)(const ChunkInput& input, const SoftmaxState& out);
extern const Versions<AttendChunk> kAttendChunk;

// Merges a chunk's softmax into the state, rows in place. Rows that saw nothing of the chunk keep their state.
using MergeChunk = void (*)(const ChunkInput& input, const SoftmaxState& chunk, const SoftmaxState& state);
extern const Versions<MergeChunk> kMergeChunk;

}  // namespace appkit
