// All dot products between a panel of rows `a` and rows `b`, several at a time in registers.
//
// Each product is summed as lanes.h defines, so its bits do not depend on how many others are computed beside it.
#pragma once

#include "lanes.h"

namespace appkit {

// How many rows of each side share the registers: one load of a serves kColumns products, one of b kRows.
template <int kWidth>
struct RegisterTile {
  static constexpr int kRows = kWidth == 16 ? 4 : 2;
  static constexpr int kColumns = kWidth == 16 ? 4 : (kWidth == 8 ? 2 : 1);
};

// Rows `stride` floats apart.
struct Rows {
  const float* data;
  int64_t stride;
  int64_t count;
};

// Where product (i, j) of row i of a and row j of b goes: data[i * a_stride + j * b_stride].
struct Products {
  float* data;
  int64_t a_stride;
  int64_t b_stride;
};

template <int kWidth, int kRows, int kColumns>
APPKIT_INLINE void dot_tile(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t size,
                            float* out, int64_t out_a_stride, int64_t out_b_stride) {
  Lanes<kWidth> sums[kRows][kColumns];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kColumns; ++j) sums[i][j].clear();
  }
  int64_t k = 0;
  for (; k + kLanes <= size; k += kLanes) {
    Lanes<kWidth> b_values[kColumns];
#pragma GCC unroll 8
    for (int j = 0; j < kColumns; ++j) b_values[j].load(b + j * b_stride + k);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      Lanes<kWidth> a_values;
      a_values.load(a + i * a_stride + k);
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; ++j) sums[i][j].add_product(a_values, b_values[j]);
    }
  }
  if (k < size) {
    for (int i = 0; i < kRows; ++i) {
      Lanes<kWidth> a_values;
      a_values.load_partial(a + i * a_stride + k, size - k);
      for (int j = 0; j < kColumns; ++j) {
        Lanes<kWidth> b_values;
        b_values.load_partial(b + j * b_stride + k, size - k);
        sums[i][j].add_product(a_values, b_values);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kColumns; ++j) out[i * out_a_stride + j * out_b_stride] = sums[i][j].sum();
  }
}

template <int kWidth, int kColumns>
APPKIT_INLINE void dot_columns(const Rows& a, const float* b, int64_t b_stride, int64_t size, float* out,
                               const Products& products) {
  constexpr int kRows = RegisterTile<kWidth>::kRows;
  int64_t i = 0;
  for (; i + kRows <= a.count; i += kRows) {
    dot_tile<kWidth, kRows, kColumns>(a.data + i * a.stride, a.stride, b, b_stride, size, out + i * products.a_stride,
                                      products.a_stride, products.b_stride);
  }
  for (; i < a.count; ++i) {
    dot_tile<kWidth, 1, kColumns>(a.data + i * a.stride, a.stride, b, b_stride, size, out + i * products.a_stride,
                                  products.a_stride, products.b_stride);
  }
}

// The products of every row of a with every row of b, each over `size` values.
template <int kWidth>
APPKIT_INLINE void dot_products(const Rows& a, const Rows& b, int64_t size, const Products& products) {
  constexpr int kColumns = RegisterTile<kWidth>::kColumns;
  int64_t j = 0;
  for (; j + kColumns <= b.count; j += kColumns) {
    dot_columns<kWidth, kColumns>(a, b.data + j * b.stride, b.stride, size, products.data + j * products.b_stride,
                                  products);
  }
  for (; j < b.count; ++j) {
    dot_columns<kWidth, 1>(a, b.data + j * b.stride, b.stride, size, products.data + j * products.b_stride, products);
  }
}

}  // namespace appkit
