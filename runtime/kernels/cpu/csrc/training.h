// What training computes row by row, forward and for gradients: pointers and counts, checked before they get here.
//
// Products of matrices are torch's. Between them a formulation in torch's own operations reads and writes each tensor
// several times, which costs more than the products do on a processor with matrix units; here a row is read once.
// Values are float32 or bfloat16 in C order; all arithmetic is float32. Shape letters as in ops.h.
#pragma once

#include <cstdint>

#include "activations.h"
#include "team.h"

namespace appkit {

enum class Element { kFloat32, kBFloat16 };

// A tensor's values without their type.
struct Values {
  const void* data;
  Element element;
};

// sum = x + delta, rounded to the element (delta nullptr: sum is x and is not written);
// inverse_rms = 1 / sqrt(mean(sum²) + eps) [T]; y = sum · inverse_rms · weight. x [T, E], weight [E].
void train_norm(const Team& team, Values x, const void* delta, int64_t num_rows, int64_t size, const float* weight,
                float eps, void* sum, void* y, float* inverse_rms);

// The gradient of x from that of y, plus `dsum` (that of the sum; nullptr for none).
void train_norm_gradient(const Team& team, Values x, const void* dy, const void* dsum, int64_t num_rows, int64_t size,
                         const float* weight, const float* inverse_rms, void* dx);

// activation(gate) · up: gate_up [T, 2F], the gate first → hidden [T, F].
void train_gate(const Team& team, Values gate_up, int64_t num_rows, int64_t size, Activation activation, void* hidden);

// dhidden [T, F] → dgate_up [T, 2F], and hidden again.
void train_gate_gradient(const Team& team, Values gate_up, const void* dhidden, int64_t num_rows, int64_t size,
                         Activation activation, void* dgate_up, void* hidden);

// Where heads lie in rows [T, …] and, regrouped, one sequence after the other as [num_heads · repeats, length, D].
struct Heads {
  int64_t row_size;  // values a row, other heads included
  int64_t column;    // of the first head
  int64_t num_heads;
  int64_t head_dim;
  const int32_t* cu_seqlens;  // [num_sequences + 1], from 0 to T
  int64_t num_sequences;
  const float* cos;  // [T, half]: element i turns against element i + half; what is past 2 · half stays
  const float* sin;
  int64_t half;     // 0: nothing turns
  int64_t repeats;  // of each head, one after the other, where sequences are written
};

// Rows → sequences, turned by the angles.
void train_heads(const Team& team, Values rows, const Heads& heads, void* grouped);

// Sequences → rows, turned back; repeats is 1.
void train_heads_gradient(const Team& team, Values grouped, const Heads& heads, void* rows);

// Of causal attention, in place over matrices [M, L] whose row r is the query at position r % L:
// scores → probs = softmax(scale · scores) over positions max(0, p − window + 1) … p, zero elsewhere;
// dprobs → dscores, with the scale in them.
void train_attention_gradient(const Team& team, Element element, void* scores, void* dprobs, int64_t num_rows,
                              int64_t length, int64_t window, float scale);

// −log softmax(logits)[target] = log(mass) − chosen. logits [R, V] become the loss's gradient where `keeps_gradient`.
// softcap: logits count as c · tanh(logit / c); 0 for none.
void train_loss(const Team& team, Element element, void* logits, int64_t num_rows, int64_t size, const int64_t* targets,
                float softcap, bool keeps_gradient, float* mass, float* chosen);

}  // namespace appkit
