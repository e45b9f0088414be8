// Sums over one row, in the order of lanes.h.
#pragma once

#include "lanes.h"

namespace appkit {

// Σ (x − shift)²
template <int kWidth>
APPKIT_INLINE float sum_of_squares(const float* x, int64_t size, float shift) {
  Lanes<kWidth> sums;
  sums.clear();
  for (int64_t i = 0; i < size; i += kLanes) {
    float centred[kLanes] = {};
    const int64_t count = size - i < kLanes ? size - i : kLanes;
    for (int64_t lane = 0; lane < count; ++lane) centred[lane] = x[i + lane] - shift;
    Lanes<kWidth> values;
    values.load(centred);
    sums.add_product(values, values);
  }
  return sums.sum();
}

// Σ x
template <int kWidth>
APPKIT_INLINE float sum(const float* x, int64_t size) {
  Lanes<kWidth> sums;
  sums.clear();
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    Lanes<kWidth> values;
    values.load(x + i);
    sums.add(values);
  }
  if (i < size) {
    Lanes<kWidth> values;
    values.load_partial(x + i, size - i);
    sums.add(values);
  }
  return sums.sum();
}

}  // namespace appkit
