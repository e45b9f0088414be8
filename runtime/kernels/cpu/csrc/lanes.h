// Sixteen float32 partial sums, whatever the machine's vectors hold.
//
// Every sum over a row (a dot product, a sum of squares, a softmax denominator) is defined here: element i goes to
// lane i % 16 in order, and the lanes are added as a tree, l + 8, l + 4, l + 2, l + 1. `kWidth` floats share a
// register; it is the only thing that differs between instruction sets, and it changes no bit.
#pragma once

#include <cstdint>
#include <cstring>

#include "multiversion.h"

namespace appkit {

inline constexpr int kLanes = 16;

// A vector type of the compiler's, in a struct because template arguments lose the attribute.
template <int kFloats>
struct VectorOf {
  typedef float type __attribute__((vector_size(kFloats * sizeof(float))));
};

template <int kWidth>
struct Lanes {
  static constexpr int kRegisters = kLanes / kWidth;
  using Register = typename VectorOf<kWidth>::type;
  Register part[kRegisters];

  APPKIT_INLINE void clear() {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) part[r] = Register{};
  }

  APPKIT_INLINE void load(const float* values) {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) std::memcpy(&part[r], values + r * kWidth, sizeof(Register));
  }

  // The first `count` of sixteen values, the rest zero.
  APPKIT_INLINE void load_partial(const float* values, int64_t count) {
    float padded[kLanes] = {};
    std::memcpy(padded, values, static_cast<size_t>(count) * sizeof(float));
    load(padded);
  }

  APPKIT_INLINE void store(float* values) const {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) std::memcpy(values + r * kWidth, &part[r], sizeof(Register));
  }

  APPKIT_INLINE void add(const Lanes& other) {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) part[r] += other.part[r];
  }

  APPKIT_INLINE void add_product(const Lanes& a, const Lanes& b) {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) part[r] += a.part[r] * b.part[r];
  }

  APPKIT_INLINE void add_scaled(const Lanes& a, float scale) {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) part[r] += a.part[r] * scale;
  }

  // The larger of each pair; a NaN in `other` is passed over.
  APPKIT_INLINE void raise_to(const Lanes& other) {
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) part[r] = other.part[r] > part[r] ? other.part[r] : part[r];
  }

  APPKIT_INLINE float max() const {
    float values[kLanes];
    store(values);
    float largest = values[0];
    for (int lane = 1; lane < kLanes; ++lane) largest = values[lane] > largest ? values[lane] : largest;
    return largest;
  }

  APPKIT_INLINE float sum() const {
    Lanes sums = *this;
#pragma GCC unroll 2
    for (int half = kRegisters / 2; half > 0; half /= 2) {
#pragma GCC unroll 2
      for (int r = 0; r < half; ++r) sums.part[r] += sums.part[r + half];
    }
    return sum_of_register<kWidth>(sums.part[0]);
  }

 private:
  template <int kFloats>
  APPKIT_INLINE static float sum_of_register(const typename VectorOf<kFloats>::type& values) {
    if constexpr (kFloats == 4) {
      return (values[0] + values[2]) + (values[1] + values[3]);
    } else {
      typename VectorOf<kFloats / 2>::type low, high;
      std::memcpy(&low, &values, sizeof(low));
      std::memcpy(&high, reinterpret_cast<const char*>(&values) + sizeof(low), sizeof(high));
      low += high;
      return sum_of_register<kFloats / 2>(low);
    }
  }
};

}  // namespace appkit
