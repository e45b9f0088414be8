#include "thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "flush_denormals.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace appkit {
namespace {

constexpr auto kSpinTime = std::chrono::microseconds(50);  // about what waking a sleeping thread costs
constexpr int kSpinsPerClockRead = 64;
constexpr size_t kAlignment = 64;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Counts forks: threads made before the last one exist only in the parent.
std::atomic<unsigned> fork_count{0};

void count_forks() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1); });
  (void)registered;
}

// Memory of one thread that grows when asked and is kept for the next loop.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { release(); }

  void reserve(size_t floats) {
    if (floats <= capacity_) return;
    release();
    data_ = static_cast<float*>(::operator new(floats * sizeof(float), std::align_val_t(kAlignment)));
    capacity_ = floats;
  }
  float* data() { return data_; }

 private:
  void release() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t(kAlignment));
    data_ = nullptr;
    capacity_ = 0;
  }
  float* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace

struct ThreadPool::State {
  explicit State(int num_threads) : made_after_fork(fork_count.load()), scratch(static_cast<size_t>(num_threads)) {
    try {
      for (int index = 1; index < num_threads; ++index) workers.emplace_back([this, index] { work(index); });
    } catch (...) {
      stop_workers();
      throw;
    }
  }
  ~State() { stop_workers(); }

  // The caller's side of one loop.
  void run(int64_t num_items, size_t scratch_floats, ItemFunction item_function, const void* item_context) {
    std::lock_guard<std::mutex> one_loop_at_a_time(run_mutex);
    for (Scratch& memory : scratch) memory.reserve(scratch_floats);
    function = item_function;
    context = item_context;
    count = num_items;
    next_item.store(0);
    error = nullptr;
    is_open.store(true);
    if (num_items > 1) {
      loop_number.fetch_add(1);
      if (num_sleeping.load() > 0) {
        std::lock_guard<std::mutex> lock(sleep_mutex);
        wake.notify_all();
      }
    }
    run_items(0);
    // A worker that comes late finds the loop closed and goes back, so nobody waits for a thread that was not running.
    is_open.store(false);
    for (int spins = 0; num_working.load() > 0; ++spins) {
      if (spins < 4096) {
        pause_briefly();
      } else {
        std::this_thread::yield();
      }
    }
    if (error) std::rethrow_exception(error);
  }

  const unsigned made_after_fork;

 private:
  void work(int index) {
    uint64_t seen = 0;
    while (wait_for_loop(seen)) {
      num_working.fetch_add(1);
      if (is_open.load()) run_items(index);  // the caller cannot end the loop once it sees num_working
      num_working.fetch_sub(1);
    }
  }

  // False when the pool is being destroyed.
  bool wait_for_loop(uint64_t& seen) {
    const auto has_news = [&] { return loop_number.load() != seen || is_stopping.load(); };
    const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
    while (!has_news()) {
      for (int spin = 0; spin < kSpinsPerClockRead && !has_news(); ++spin) pause_briefly();
      if (std::chrono::steady_clock::now() < deadline) continue;
      std::unique_lock<std::mutex> lock(sleep_mutex);
      num_sleeping.fetch_add(1);  // before the last look: the caller looks here after announcing a loop
      wake.wait(lock, has_news);
      num_sleeping.fetch_sub(1);
    }
    seen = loop_number.load();
    return !is_stopping.load();
  }

  void run_items(int index) {
    const FlushDenormals flush;
    float* memory = scratch[static_cast<size_t>(index)].data();
    try {
      for (int64_t item = next_item.fetch_add(1); item < count; item = next_item.fetch_add(1)) {
        function(context, item, memory);
      }
    } catch (...) {
      std::lock_guard<std::mutex> lock(error_mutex);
      if (!error) error = std::current_exception();
      next_item.store(count);
    }
  }

  void stop_workers() {
    is_stopping.store(true);
    {
      std::lock_guard<std::mutex> lock(sleep_mutex);
      wake.notify_all();
    }
    for (std::thread& worker : workers) worker.join();
  }

  // The loop being run; written by the caller before it opens the loop, read by workers that found it open.
  ItemFunction function = nullptr;
  const void* context = nullptr;
  int64_t count = 0;
  std::exception_ptr error;

  std::mutex run_mutex;
  std::mutex error_mutex;
  std::mutex sleep_mutex;
  std::condition_variable wake;
  alignas(kAlignment) std::atomic<int64_t> next_item{0};
  alignas(kAlignment) std::atomic<uint64_t> loop_number{0};
  std::atomic<int> num_sleeping{0};
  std::atomic<bool> is_open{false};
  std::atomic<bool> is_stopping{false};
  alignas(kAlignment) std::atomic<int> num_working{0};
  std::vector<Scratch> scratch;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int num_threads) : num_threads_(num_threads), state_(nullptr) {
  count_forks();
  state_.store(new State(num_threads));
}

ThreadPool::~ThreadPool() {
  State* current = state_.load();
  if (current->made_after_fork == fork_count.load()) delete current;  // else its threads are the parent's: leave it
}

void ThreadPool::run(int64_t count, size_t scratch_floats, ItemFunction function, const void* context) {
  if (count > 0) state().run(count, scratch_floats, function, context);
}

ThreadPool::State& ThreadPool::state() {
  State* current = state_.load();
  if (current->made_after_fork == fork_count.load()) return *current;
  // A forked child: the old state's threads stayed in the parent, and its locks may be held by them for ever.
  State* fresh = new State(num_threads_);
  if (state_.compare_exchange_strong(current, fresh)) return *fresh;
  delete fresh;  // another thread of the child was first
  return *current;
}

}  // namespace appkit
