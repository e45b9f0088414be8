#include "attention_tile.h"

#include <algorithm>
#include <limits>

#include "dot_products.h"
#include "float_math.h"
#include "lanes.h"

namespace appkit {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// Scores of one row become weights e^(score − max); returns the max and the sum of the weights.
template <int kWidth>
APPKIT_INLINE void softmax_row(const ChunkInput& input, int64_t row, float& max, float& sum) {
  float* scores = input.scores + row * kAttentionChunk;
  const int64_t begin = input.begin[row];
  const int64_t end = input.end[row];
  const int64_t first = begin / kLanes * kLanes;  // whole groups of lanes; what is not seen weighs nothing
  const int64_t last = (end + kLanes - 1) / kLanes * kLanes;
  for (int64_t p = begin; p < end; ++p) scores[p] *= input.scale;
  if (input.softcap != 0) {
    const float cap = input.softcap;
    for (int64_t p = begin; p < end; ++p) scores[p] = cap * tanh_f32(scores[p] / cap);
  }
  for (int64_t p = first; p < begin; ++p) scores[p] = kNothing;
  for (int64_t p = end; p < last; ++p) scores[p] = kNothing;

  Lanes<kWidth> maxima;
  maxima.load(scores + first);
  for (int64_t p = first + kLanes; p < last; p += kLanes) {
    Lanes<kWidth> candidates;
    candidates.load(scores + p);
    maxima.raise_to(candidates);
  }
  max = maxima.max();
  for (int64_t p = first; p < last; ++p) scores[p] = exp_f32(scores[p] - max);

  Lanes<kWidth> sums;
  sums.clear();
  for (int64_t p = first; p < last; p += kLanes) {
    Lanes<kWidth> weights;
    weights.load(scores + p);
    sums.add(weights);
  }
  sum = sums.sum();
}

// values[r] += Σ weight · v over positions begin … end − 1 in order, for kRows rows and kGroups · 16 dimensions.
template <int kWidth, int kRows, int kGroups>
APPKIT_INLINE void add_values(const float* weights, const float* v, int64_t kv_stride, int64_t begin, int64_t end,
                              float* values, int64_t head_dim) {
  Lanes<kWidth> sums[kRows][kGroups];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) sums[r][g].load(values + r * head_dim + g * kLanes);
  }
  for (int64_t p = begin; p < end; ++p) {
    Lanes<kWidth> v_values[kGroups];
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) v_values[g].load(v + p * kv_stride + g * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float weight = weights[r * kAttentionChunk + p];
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) sums[r][g].add_scaled(v_values[g], weight);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) sums[r][g].store(values + r * head_dim + g * kLanes);
  }
}

// The same for any head_dim.
template <int kWidth, int kRows>
APPKIT_INLINE void add_all_values(const ChunkInput& input, int64_t row, int64_t begin, int64_t end, float* values) {
  constexpr int kGroups = kWidth == 16 ? 4 : (kWidth == 8 ? 2 : 1);
  const float* weights = input.scores + row * kAttentionChunk;
  const int64_t head_dim = input.head_dim;
  float* out = values + row * head_dim;
  int64_t d = 0;
  for (; d + kGroups * kLanes <= head_dim; d += kGroups * kLanes) {
    add_values<kWidth, kRows, kGroups>(weights, input.v + d, input.kv_stride, begin, end, out + d, head_dim);
  }
  for (; d + kLanes <= head_dim; d += kLanes) {
    add_values<kWidth, kRows, 1>(weights, input.v + d, input.kv_stride, begin, end, out + d, head_dim);
  }
  for (; d < head_dim; ++d) {
    for (int r = 0; r < kRows; ++r) {
      float sum = out[r * head_dim + d];
      for (int64_t p = begin; p < end; ++p) sum += input.v[p * input.kv_stride + d] * weights[r * kAttentionChunk + p];
      out[r * head_dim + d] = sum;
    }
  }
}

// Neighbouring rows that see the same positions (the heads of one token) share each load of v.
template <int kWidth>
APPKIT_INLINE void attend(const ChunkInput& input, const SoftmaxState& out) {
  int64_t begin = kAttentionChunk;
  int64_t end = 0;
  for (int64_t row = 0; row < input.num_rows; ++row) {
    if (input.begin[row] >= input.end[row]) continue;
    begin = std::min<int64_t>(begin, input.begin[row]);
    end = std::max<int64_t>(end, input.end[row]);
  }
  if (begin >= end) return;
  dot_products<kWidth>({input.k + begin * input.kv_stride, input.kv_stride, end - begin},
                       {input.q, input.head_dim, input.num_rows}, input.head_dim,
                       {input.scores + begin, 1, kAttentionChunk});
  for (int64_t row = 0; row < input.num_rows; ++row) {
    if (input.begin[row] >= input.end[row]) continue;
    softmax_row<kWidth>(input, row, out.max[row], out.sum[row]);
    std::fill_n(out.values + row * input.head_dim, input.head_dim, 0.0f);
  }
  const auto sees_the_same = [&](int64_t row, int64_t other) {
    return other < input.num_rows && input.begin[row] == input.begin[other] && input.end[row] == input.end[other];
  };
  constexpr int kShared = 3;
  for (int64_t row = 0; row < input.num_rows;) {
    if (input.begin[row] >= input.end[row]) {
      ++row;
    } else if (sees_the_same(row, row + 1) && sees_the_same(row, row + 2)) {
      add_all_values<kWidth, kShared>(input, row, input.begin[row], input.end[row], out.values);
      row += kShared;
    } else {
      add_all_values<kWidth, 1>(input, row, input.begin[row], input.end[row], out.values);
      ++row;
    }
  }
}

APPKIT_INLINE void merge(const ChunkInput& input, const SoftmaxState& chunk, const SoftmaxState& state) {
  for (int64_t row = 0; row < input.num_rows; ++row) {
    if (input.begin[row] >= input.end[row]) continue;
    const float max = chunk.max[row] > state.max[row] ? chunk.max[row] : state.max[row];
    const float keep = exp_f32(state.max[row] - max);
    const float join = exp_f32(chunk.max[row] - max);
    state.max[row] = max;
    state.sum[row] = state.sum[row] * keep + chunk.sum[row] * join;
    const float* from = chunk.values + row * input.head_dim;
    float* to = state.values + row * input.head_dim;
    for (int64_t d = 0; d < input.head_dim; ++d) to[d] = to[d] * keep + from[d] * join;
  }
}

void attend_portable(const ChunkInput& input, const SoftmaxState& out) {
  attend<4>(input, out);
}
APPKIT_TARGET_AVX2 void attend_avx2(const ChunkInput& input, const SoftmaxState& out) {
  attend<8>(input, out);
}
APPKIT_TARGET_AVX512 void attend_avx512(const ChunkInput& input, const SoftmaxState& out) {
  attend<16>(input, out);
}

void merge_portable(const ChunkInput& input, const SoftmaxState& chunk, const SoftmaxState& state) {
  merge(input, chunk, state);
}
APPKIT_TARGET_AVX2 void merge_avx2(const ChunkInput& input, const SoftmaxState& chunk, const SoftmaxState& state) {
  merge(input, chunk, state);
}
APPKIT_TARGET_AVX512 void merge_avx512(const ChunkInput& input, const SoftmaxState& chunk, const SoftmaxState& state) {
  merge(input, chunk, state);
}

}  // namespace

const Versions<AttendChunk> kAttendChunk = {attend_portable, attend_avx2, attend_avx512};
const Versions<MergeChunk> kMergeChunk = {merge_portable, merge_avx2, merge_avx512};

}  // namespace appkit
