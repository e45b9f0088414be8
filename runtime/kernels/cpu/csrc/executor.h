// What an op runs on: a thread pool and the instruction set chosen when the backend was made.
#pragma once

#include <algorithm>
#include <cstdint>

#include "multiversion.h"
#include "thread_pool.h"

namespace appkit {

struct Executor {
  ThreadPool pool;
  InstructionSet instruction_set;
};

// Calls body(begin, end) over runs of rows big enough to be worth handing to a thread.
template <class Body>
void for_row_runs(Executor& executor, int64_t num_rows, int64_t row_size, const Body& body) {
  constexpr int64_t kValuesPerItem = 16384;
  const int64_t rows_per_item = std::max<int64_t>(1, kValuesPerItem / std::max<int64_t>(1, row_size));
  const int64_t num_items = (num_rows + rows_per_item - 1) / rows_per_item;
  executor.pool.parallel_for(num_items, 0, [&](int64_t item, float*) {
    body(item * rows_per_item, std::min(num_rows, (item + 1) * rows_per_item));
  });
}

}  // namespace appkit
