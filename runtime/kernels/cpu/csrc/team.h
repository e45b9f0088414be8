// Loops on the threads that another library of the process computes with.
//
// Training goes back and forth between torch's products and our rows thousands of times a second. OpenMP's threads spin
// for milliseconds after a loop, so threads of our own would take turns with them on the same cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "flush_denormals.h"
#include "multiversion.h"
#include "thread_pool.h"

namespace appkit {

// OpenMP's threads where the process has loaded a library of it, else a pool.
class Team {
 public:
  Team(int num_threads, InstructionSet instruction_set);

  int num_threads() const { return num_threads_; }
  bool is_borrowed() const { return pool_ == nullptr; }
  InstructionSet instruction_set() const { return instruction_set_; }

  // Calls body(begin, end, scratch) over runs of rows big enough to be worth handing to a thread. Which thread computes
  // a row is not fixed. `scratch` is `scratch_floats` uninitialised floats of the run.
  template <class Body>
  void for_row_runs(int64_t num_rows, int64_t row_size, size_t scratch_floats, const Body& body) const {
    constexpr int64_t kValuesPerItem = 32768;
    const int64_t rows_per_item = std::max<int64_t>(1, kValuesPerItem / std::max<int64_t>(1, row_size));
    const int64_t num_items = (num_rows + rows_per_item - 1) / rows_per_item;
    const auto item_body = [&](int64_t item, float* scratch) {
      body(item * rows_per_item, std::min(num_rows, (item + 1) * rows_per_item), scratch);
    };
    if (pool_ != nullptr) {
      pool_->parallel_for(num_items, scratch_floats, item_body);
    } else {
      borrow(num_items, scratch_floats, item_body);
    }
  }

 private:
  template <class Body>
  struct Loop {
    std::atomic<int64_t> next{0};
    int64_t count;
    size_t scratch_floats;
    const Body* body;
  };

  template <class Body>
  void borrow(int64_t count, size_t scratch_floats, const Body& body) const {
    Loop<Body> loop;
    loop.count = count;
    loop.scratch_floats = scratch_floats;
    loop.body = &body;
    const int64_t threads = std::min<int64_t>(num_threads_, count);
    if (threads > 1) {
      parallel_(run_items<Body>, &loop, static_cast<unsigned>(threads), 0);
    } else {
      run_items<Body>(&loop);
    }
  }

  template <class Body>
  static void run_items(void* context) {
    Loop<Body>& loop = *static_cast<Loop<Body>*>(context);
    const FlushDenormals flush;
    const std::unique_ptr<float[]> scratch(new float[loop.scratch_floats]);
    for (int64_t item = loop.next.fetch_add(1); item < loop.count; item = loop.next.fetch_add(1)) {
      (*loop.body)(item, scratch.get());
    }
  }

  using Parallel = void (*)(void (*function)(void*), void* context, unsigned num_threads, unsigned flags);
  int num_threads_;
  InstructionSet instruction_set_;
  Parallel parallel_;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace appkit
