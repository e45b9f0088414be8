// Threads that live as long as their owner and share one loop at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace appkit {

// Runs loops over independent items. The caller is thread 0 and takes part; the others spin for a moment after a loop,
// because the next usually follows within microseconds, and then sleep, so an idle process burns nothing.
//
// Which thread computes an item is not fixed, so an item must not depend on it. Calls from several threads at once
// queue up. After a fork the child has none of its parent's threads and makes its own at the first loop.
// An exception in an item ends the loop early and is thrown again in the caller; it never leaves a worker otherwise.
class ThreadPool {
 public:
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return num_threads_; }

  // Calls body(item, scratch) for every item in 0 … count − 1. `scratch` is `scratch_floats` uninitialised floats
  // of the calling thread, aligned to 64 bytes. Denormals count as zero inside the body.
  template <class Body>
  void parallel_for(int64_t count, size_t scratch_floats, const Body& body) {
    run(
        count, scratch_floats,
        [](const void* context, int64_t item, float* scratch) { (*static_cast<const Body*>(context))(item, scratch); },
        &body);
  }

 private:
  using ItemFunction = void (*)(const void* context, int64_t item, float* scratch);
  struct State;

  void run(int64_t count, size_t scratch_floats, ItemFunction function, const void* context);
  State& state();

  int num_threads_;
  std::atomic<State*> state_;
};

}  // namespace appkit
