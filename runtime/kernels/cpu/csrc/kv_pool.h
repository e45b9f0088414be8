// Where keys and values are stored: the page layout of runtime/kernels/ops.py.
#pragma once

#include <cstdint>

namespace appkit {

inline constexpr int64_t kPageSize = 16;  // PAGE_SIZE of ops.py

// K and V of one layer, each [num_pages, K, kPageSize, D], as float32 or float16 (uint16_t).
struct KvLayer {
  void* k;
  void* v;
  bool is_half;
  int64_t num_pages;
  int64_t num_kv_heads;
  int64_t head_dim;

  // Offset of the first slot of a page's head, in elements; slots follow each other.
  int64_t offset(int64_t page_id, int64_t kv_head) const {
    return (page_id * num_kv_heads + kv_head) * kPageSize * head_dim;
  }
};

// Which pages each sequence of a step lives in; see PageTable in ops.py.
struct PageTable {
  const int32_t* page_ids;      // [B, max_pages]
  const int32_t* query_starts;  // [B + 1]
  const int32_t* kv_lens;       // [B]
  int64_t num_sequences;
  int64_t max_pages;

  int64_t page_id(int64_t sequence, int64_t position) const {
    return page_ids[sequence * max_pages + position / kPageSize];
  }
  // The position of a sequence's first new token.
  int64_t first_position(int64_t sequence) const {
    return kv_lens[sequence] - (query_starts[sequence + 1] - query_starts[sequence]);
  }
};

// Throws std::invalid_argument, with the values, unless every page that a step of `num_tokens` new tokens reads or
// writes lies within `num_pages` and the lengths agree with each other.
void check_page_table(const PageTable& pages, int64_t num_tokens, int64_t num_pages);

// Throws std::invalid_argument unless `starts` [num_runs + 1] rises from 0 to `num_rows`.
void check_starts(const char* name, const int32_t* starts, int64_t num_runs, int64_t num_rows);

}  // namespace appkit
