#include <algorithm>

#include "training_rows.h"

namespace appkit {
namespace {

struct Regroup {
  const void* source;
  Heads heads;
  void* destination;
};

// One head's values, turned by the angle whose sine has the sign of `direction`.
template <class T>
APPKIT_INLINE void turn(const T* __restrict x, const Heads& heads, int64_t row, float direction, T* __restrict y) {
  const int64_t half = heads.half;
  const float* __restrict cos = heads.cos + row * half;
  const float* __restrict sin = heads.sin + row * half;
  for (int64_t i = 0; i < half; ++i) {
    const float first = widen(x[i]);
    const float second = widen(x[i + half]);
    const float sine = sin[i] * direction;
    y[i] = narrow<T>(first * cos[i] - second * sine);
    y[i + half] = narrow<T>(second * cos[i] + first * sine);
  }
  for (int64_t i = 2 * half; i < heads.head_dim; ++i) y[i] = x[i];
}

// Calls visit(row, head, offset in the rows, offset in the groups) for rows begin … end − 1.
template <class Visit>
APPKIT_INLINE void for_heads(const Heads& heads, int64_t begin, int64_t end, const Visit& visit) {
  const int32_t* starts = heads.cu_seqlens;
  int64_t sequence = std::upper_bound(starts, starts + heads.num_sequences, static_cast<int32_t>(begin)) - starts - 1;
  for (int64_t row = begin; row < end; ++row) {
    while (row >= starts[sequence + 1]) ++sequence;
    const int64_t start = starts[sequence];
    const int64_t length = starts[sequence + 1] - start;
    for (int64_t head = 0; head < heads.num_heads; ++head) {
      const int64_t in_rows = row * heads.row_size + heads.column + head * heads.head_dim;
      for (int64_t copy = 0; copy < heads.repeats; ++copy) {
        const int64_t place = head * heads.repeats + copy;
        const int64_t in_groups = (start * heads.num_heads * heads.repeats + place * length + (row - start));
        visit(row, in_rows, in_groups * heads.head_dim);
      }
    }
  }
}

template <int kWidth, class T>
APPKIT_INLINE void group(const Regroup& task, int64_t begin, int64_t end, float*) {
  const T* source = static_cast<const T*>(task.source);
  T* destination = static_cast<T*>(task.destination);
  for_heads(task.heads, begin, end,
            [&](int64_t row, int64_t in_rows, int64_t in_groups) __attribute__((always_inline)) {
              turn(source + in_rows, task.heads, row, 1.0f, destination + in_groups);
            });
}
APPKIT_ROW_KERNEL(group, Regroup)

template <int kWidth, class T>
APPKIT_INLINE void ungroup(const Regroup& task, int64_t begin, int64_t end, float*) {
  const T* source = static_cast<const T*>(task.source);
  T* destination = static_cast<T*>(task.destination);
  for_heads(task.heads, begin, end,
            [&](int64_t row, int64_t in_rows, int64_t in_groups) __attribute__((always_inline)) {
              turn(source + in_groups, task.heads, row, -1.0f, destination + in_rows);
            });
}
APPKIT_ROW_KERNEL(ungroup, Regroup)

int64_t num_rows(const Heads& heads) {
  return heads.cu_seqlens[heads.num_sequences];
}

}  // namespace

void train_heads(const Team& team, Values rows, const Heads& heads, void* grouped) {
  run_group(team, rows.element, num_rows(heads), heads.num_heads * heads.head_dim, 0, {rows.data, heads, grouped});
}

void train_heads_gradient(const Team& team, Values grouped, const Heads& heads, void* rows) {
  run_ungroup(team, grouped.element, num_rows(heads), heads.num_heads * heads.head_dim, 0, {grouped.data, heads, rows});
}

}  // namespace appkit
