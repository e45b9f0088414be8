// Rows of float32 or bfloat16 as float32, written so that loops over them vectorise.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "formats/half.h"
#include "lanes.h"
#include "training.h"

namespace appkit {

// A type of its own that compilers still see as an integer: loops over a struct are not vectorised.
enum class BFloat16 : uint16_t {};

APPKIT_INLINE float widen(float value) {
  return value;
}
APPKIT_INLINE float widen(BFloat16 value) {
  return bfloat_to_float(static_cast<uint16_t>(value));
}

// To the nearest T, ties to even, as torch does; a NaN stays one.
template <class T>
APPKIT_INLINE T narrow(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t is_nan = 0u - static_cast<uint32_t>((bits & 0x7fffffffu) > 0x7f800000u);
    return static_cast<BFloat16>((rounded & ~is_nan) | (0x7fc0u & is_nan));
  }
}

// Σ a · b in the order of lanes.h.
template <int kWidth>
APPKIT_INLINE float dot(const float* a, const float* b, int64_t size) {
  Lanes<kWidth> sums, x, y;
  sums.clear();
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    x.load(a + i);
    y.load(b + i);
    sums.add_product(x, y);
  }
  if (i < size) {
    x.load_partial(a + i, size - i);
    y.load_partial(b + i, size - i);
    sums.add_product(x, y);
  }
  return sums.sum();
}

// Adds the values to sums that have seen a multiple of kLanes values before.
template <int kWidth>
APPKIT_INLINE void add_all(Lanes<kWidth>& sums, const float* values, int64_t size) {
  Lanes<kWidth> x;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    x.load(values + i);
    sums.add(x);
  }
  if (i < size) {
    x.load_partial(values + i, size - i);
    sums.add(x);
  }
}

// Σ x in the order of lanes.h.
template <int kWidth>
APPKIT_INLINE float total(const float* values, int64_t size) {
  Lanes<kWidth> sums;
  sums.clear();
  add_all(sums, values, size);
  return sums.sum();
}

// The largest of `size` ≥ 1 values.
template <int kWidth>
APPKIT_INLINE float largest(const float* values, int64_t size) {
  float result = values[0];
  int64_t i = 0;
  if (size >= kLanes) {
    Lanes<kWidth> tops, x;
    tops.load(values);
    for (i = kLanes; i + kLanes <= size; i += kLanes) {
      x.load(values + i);
      tops.raise_to(x);
    }
    result = tops.max();
  }
  for (; i < size; ++i) result = values[i] > result ? values[i] : result;
  return result;
}

// A kernel `name<kWidth, T>(task, begin, end, scratch)` compiled for each instruction set and element; `Task` is all it
// reads. `APPKIT_ROW_KERNEL(name, Task)` defines `run_name(team, element, num_rows, row_size, scratch_floats, task)`.
#define APPKIT_ROW_KERNEL(name, Task)                                                                            \
  template <class T>                                                                                             \
  void name##_portable(const Task& task, int64_t begin, int64_t end, float* scratch) {                           \
    name<4, T>(task, begin, end, scratch);                                                                       \
  }                                                                                                              \
  template <class T>                                                                                             \
  APPKIT_TARGET_AVX2 void name##_avx2(const Task& task, int64_t begin, int64_t end, float* scratch) {            \
    name<8, T>(task, begin, end, scratch);                                                                       \
  }                                                                                                              \
  template <class T>                                                                                             \
  APPKIT_TARGET_AVX512 void name##_avx512(const Task& task, int64_t begin, int64_t end, float* scratch) {        \
    name<16, T>(task, begin, end, scratch);                                                                      \
  }                                                                                                              \
  void run_##name(const Team& team, Element element, int64_t num_rows, int64_t row_size, int64_t scratch_floats, \
                  const Task& task) {                                                                            \
    using Function = void (*)(const Task&, int64_t, int64_t, float*);                                            \
    constexpr Versions<Function> kWide = {name##_portable<float>, name##_avx2<float>, name##_avx512<float>};     \
    constexpr Versions<Function> kNarrow = {name##_portable<BFloat16>, name##_avx2<BFloat16>,                    \
                                            name##_avx512<BFloat16>};                                            \
    const Function compute = (element == Element::kFloat32 ? kWide : kNarrow).select(team.instruction_set());    \
    team.for_row_runs(num_rows, row_size, static_cast<size_t>(scratch_floats),                                   \
                      [&](int64_t begin, int64_t end, float* scratch) { compute(task, begin, end, scratch); });  \
  }

}  // namespace appkit
