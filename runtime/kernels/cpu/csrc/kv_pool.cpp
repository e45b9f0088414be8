#include "kv_pool.h"

#include <stdexcept>
#include <string>

namespace appkit {
namespace {

std::string indexed(const char* name, int64_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

}  // namespace

void check_starts(const char* name, const int32_t* starts, int64_t num_runs, int64_t num_rows) {
  if (starts[0] != 0 || starts[num_runs] != num_rows) {
    throw std::invalid_argument(std::string(name) + " runs from " + std::to_string(starts[0]) + " to " +
                                std::to_string(starts[num_runs]) + "; it must rise from 0 to the " +
                                std::to_string(num_rows) + " rows given.");
  }
  for (int64_t i = 0; i < num_runs; ++i) {
    if (starts[i] > starts[i + 1]) {
      throw std::invalid_argument(std::string(name) + " falls from " + std::to_string(starts[i]) + " to " +
                                  std::to_string(starts[i + 1]) + " at " + std::to_string(i + 1) +
                                  "; it must rise from 0 to the " + std::to_string(num_rows) + " rows given.");
    }
  }
}

void check_page_table(const PageTable& pages, int64_t num_tokens, int64_t num_pages) {
  check_starts("query_starts", pages.query_starts, pages.num_sequences, num_tokens);
  for (int64_t b = 0; b < pages.num_sequences; ++b) {
    const int64_t kv_len = pages.kv_lens[b];
    const int64_t num_new = pages.query_starts[b + 1] - pages.query_starts[b];
    if (kv_len < num_new || kv_len > pages.max_pages * kPageSize) {
      throw std::invalid_argument(indexed("kv_lens", b) + " is " + std::to_string(kv_len) + "; sequence " +
                                  std::to_string(b) + " has " + std::to_string(num_new) + " new tokens and " +
                                  std::to_string(pages.max_pages) + " pages of " + std::to_string(kPageSize) + ".");
    }
    for (int64_t position = 0; position < kv_len; position += kPageSize) {
      const int64_t page_id = pages.page_id(b, position);
      if (page_id < 0 || page_id >= num_pages) {
        throw std::invalid_argument(indexed("page_ids", b) + " holds " + std::to_string(page_id) +
                                    "; indices must lie in 0 … " + std::to_string(num_pages - 1) + ".");
      }
    }
  }
}

}  // namespace appkit
