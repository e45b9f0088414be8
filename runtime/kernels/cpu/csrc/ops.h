// The op contract of runtime/kernels/ops.py in C++: pointers and counts, checked before they get here.
//
// Matrices are float32 in C order, `out` never overlaps an input. Shape letters as there: T rows, H query heads,
// K kv heads, D head_dim, E hidden size, M×N a matrix. One op a file, named like it.
#pragma once

#include <cstdint>

#include "activations.h"
#include "executor.h"
#include "kv_pool.h"
#include "weight.h"

namespace appkit {

// Row ids[t] of the table, dequantised, times `scale` → out [T, E].
void embed(Executor& executor, const int32_t* ids, int64_t num_rows, const Weight& table, float scale, float* out);

// out = x + y over `count` values.
void add(Executor& executor, const float* x, const float* y, int64_t count, float* out);

// x / sqrt(mean(x²) + eps) · weight over rows of `size` values.
void rms_norm(Executor& executor, const float* x, int64_t num_rows, int64_t size, const float* weight, float eps,
              float* out);

// (x − mean) / sqrt(var + eps) · weight + bias over rows of `size` values.
void layer_norm(Executor& executor, const float* x, int64_t num_rows, int64_t size, const float* weight,
                const float* bias, float eps, float* out);

// What follows a product; absent terms are nullptr. Matrices are [T, N], rows [N].
struct Epilogue {
  const float* addend = nullptr;
  const float* row_scale = nullptr;
  const float* bias = nullptr;
  const float* residual = nullptr;
  Activation activation = Activation::kNone;
  float softcap = 0;  // c · tanh(y / c) after everything else; 0 for none
};

// activation((x @ weightᵀ + addend) · row_scale + bias) + residual: x [T, K], weight (N, K) → out [T, N].
// A row of `out` has the same bits for every T, thread count and instruction set: weight rows are dequantised to
// float32 a panel at a time, and each product is summed as lanes.h defines.
void quant_matmul(Executor& executor, const float* x, int64_t num_rows, const Weight& weight, const Epilogue& epilogue,
                  float* out);

// The product of two products, each with its own epilogue (the left one's has the activation): x [T, K] → out [T, F].
// `gated` is [T, F] of room for the left factor.
void gated_matmul(Executor& executor, const float* x, int64_t num_rows, const Weight& gate, const Weight& up,
                  const Epilogue& gate_epilogue, const Epilogue& up_epilogue, float* gated, float* out);

// Rotates the first `dim` of each head of x [T, H, D] by positions[t] · frequencies[i], computed in float64.
// Interleaved pairs are neighbours, others lie dim / 2 apart.
void rope(Executor& executor, const float* x, int64_t num_rows, int64_t num_heads, int64_t head_dim,
          const int32_t* positions, const double* frequencies, int64_t dim, bool is_interleaved, float* out);

// Stores k, v [T, K, D] of the new tokens in their pages, rounded to the layer's dtype.
void write_kv(Executor& executor, const KvLayer& layer, const PageTable& pages, const float* k, const float* v);

struct AttentionSettings {
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  float scale;
  int64_t window;  // positions a token sees, itself included; 0 for all
  float softcap;   // 0 for none
};

// Causal attention of q [T, H, D] over stored pages → out [T, H, D].
void paged_attention(Executor& executor, const float* q, const KvLayer& layer, const PageTable& pages,
                     const AttentionSettings& settings, float* out);

// Attention within packed sequences: q [T, H, D], k, v [T, K, D] → out [T, H, D]. `starts` [B + 1] rises from 0 to T.
void packed_attention(Executor& executor, const float* q, const float* k, const float* v, const int32_t* starts,
                      int64_t num_sequences, bool is_causal, const AttentionSettings& settings, float* out);

// The sum of all words, modulo 2⁶⁴: no op of a model, but how fast memory can be read on these threads.
uint64_t read_memory(Executor& executor, const uint64_t* words, int64_t count);

}  // namespace appkit
