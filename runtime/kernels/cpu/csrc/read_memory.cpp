#include <atomic>
#include <cstring>

#include "ops.h"

namespace appkit {

namespace {

constexpr int64_t kBytesPerItem = 1 << 20;

// In a struct, for template arguments lose the attribute.
template <int kWords>
struct WordsOf {
  typedef uint64_t type __attribute__((vector_size(kWords * sizeof(uint64_t))));
};

// Eight chains of additions hide their latency; memory, not arithmetic, is then what takes the time. Hardware prefetch
// stops at the end of each 4 KiB page, so lines are asked for 2 KiB ahead.
template <int kWords>
APPKIT_INLINE uint64_t sum_words(const uint64_t* words, int64_t count) {
  using Words = typename WordsOf<kWords>::type;
  constexpr int kChains = 8;
  Words sums[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kWords <= count; i += kChains * kWords) {
#pragma GCC unroll 8
    for (int chain = 0; chain < kChains; ++chain) {
      Words loaded;
      std::memcpy(&loaded, words + i + chain * kWords, sizeof(loaded));
      if (chain * kWords % 8 == 0) __builtin_prefetch(words + i + chain * kWords + 256, 0, 0);
      sums[chain] += loaded;
    }
  }
  uint64_t total = 0;
  for (; i < count; ++i) total += words[i];
  for (int chain = 0; chain < kChains; ++chain) {
    for (int word = 0; word < kWords; ++word) total += sums[chain][word];
  }
  return total;
}

uint64_t sum_words_portable(const uint64_t* words, int64_t count) {
  return sum_words<2>(words, count);
}
APPKIT_TARGET_AVX2 uint64_t sum_words_avx2(const uint64_t* words, int64_t count) {
  return sum_words<4>(words, count);
}
APPKIT_TARGET_AVX512 uint64_t sum_words_avx512(const uint64_t* words, int64_t count) {
  return sum_words<8>(words, count);
}

constexpr Versions<uint64_t (*)(const uint64_t*, int64_t)> kSumWords = {sum_words_portable, sum_words_avx2,
                                                                        sum_words_avx512};

}  // namespace

uint64_t read_memory(Executor& executor, const uint64_t* words, int64_t count) {
  const auto sum = kSumWords.select(executor.instruction_set);
  constexpr int64_t kPerItem = kBytesPerItem / static_cast<int64_t>(sizeof(uint64_t));
  std::atomic<uint64_t> total{0};
  executor.pool.parallel_for((count + kPerItem - 1) / kPerItem, 0, [&](int64_t item, float*) {
    const int64_t begin = item * kPerItem;
    total += sum(words + begin, std::min(kPerItem, count - begin));
  });
  return total;
}

}  // namespace appkit
