// What Python may call for training. Shapes were checked in training.py; here tensors become pointers and counts.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>

#include "bindings.h"
#include "training.h"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace appkit {
namespace {

using Tensor = nb::ndarray<nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using FloatsOut = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using Ints = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;
using Ids = nb::ndarray<const int64_t, nb::c_contig, nb::device::cpu>;

Element element_of(const Tensor& tensor) {
  const nb::dlpack::dtype dtype = tensor.dtype();
  if (dtype == nb::dtype<float>()) return Element::kFloat32;
  if (dtype.code == static_cast<uint8_t>(nb::dlpack::dtype_code::Bfloat) && dtype.bits == 16) return Element::kBFloat16;
  throw std::invalid_argument("Training kernels take float32 and bfloat16.");
}

Values values_of(const Tensor& tensor) {
  return {tensor.data(), element_of(tensor)};
}

void* data_or_null(const Tensor& tensor) {
  return tensor.is_valid() ? tensor.data() : nullptr;
}

int64_t rows_before_last_axis(const Tensor& x) {
  return static_cast<int64_t>(x.size() / x.shape(x.ndim() - 1));
}

int64_t last_axis(const Tensor& x) {
  return static_cast<int64_t>(x.shape(x.ndim() - 1));
}

Heads heads_of(const Tensor& rows, int64_t column, int64_t num_heads, int64_t head_dim, const Ints& cu_seqlens,
               const Floats& cos, const Floats& sin, int64_t repeats) {
  const bool turns = cos.is_valid();
  return {last_axis(rows),
          column,
          num_heads,
          head_dim,
          cu_seqlens.data(),
          static_cast<int64_t>(cu_seqlens.size()) - 1,
          turns ? cos.data() : nullptr,
          turns ? sin.data() : nullptr,
          turns ? static_cast<int64_t>(cos.shape(1)) : 0,
          repeats};
}

void check_targets(const Ids& targets, int64_t size) {
  for (size_t i = 0; i < targets.size(); ++i) {
    const int64_t target = targets.data()[i];
    if (target < 0 || target >= size) {
      throw std::invalid_argument("Target " + std::to_string(target) + " is no row of a head of " +
                                  std::to_string(size) + ".");
    }
  }
}

}  // namespace

void bind_training(nb::module_& m) {
  nb::class_<Team>(m, "Team")
      .def(
          "__init__",
          [](Team* self, int num_threads, const std::string& instruction_set) {
            new (self) Team(num_threads, find_instruction_set(instruction_set));
          },
          "num_threads"_a, "instruction_set"_a = "")
      .def_prop_ro("num_threads", &Team::num_threads)
      .def_prop_ro("is_borrowed", &Team::is_borrowed);

  m.def(
      "train_norm",
      [](const Team& team, const Tensor& x, const Tensor& delta, const Floats& weight, float eps, const Tensor& sum,
         const Tensor& y, const FloatsOut& inverse_rms) {
        const Values values = values_of(x);
        nb::gil_scoped_release release;
        train_norm(team, values, data_or_null(delta), rows_before_last_axis(x), last_axis(x), weight.data(), eps,
                   data_or_null(sum), y.data(), inverse_rms.data());
      },
      "team"_a, "x"_a.noconvert(), "delta"_a.noconvert().none(), "weight"_a.noconvert(), "eps"_a,
      "sum"_a.noconvert().none(), "y"_a.noconvert(), "inverse_rms"_a.noconvert());

  m.def(
      "train_norm_gradient",
      [](const Team& team, const Tensor& x, const Tensor& dy, const Tensor& dsum, const Floats& weight,
         const Floats& inverse_rms, const Tensor& dx) {
        const Values values = values_of(x);
        nb::gil_scoped_release release;
        train_norm_gradient(team, values, dy.data(), data_or_null(dsum), rows_before_last_axis(x), last_axis(x),
                            weight.data(), inverse_rms.data(), dx.data());
      },
      "team"_a, "x"_a.noconvert(), "dy"_a.noconvert(), "dsum"_a.noconvert().none(), "weight"_a.noconvert(),
      "inverse_rms"_a.noconvert(), "dx"_a.noconvert());

  m.def(
      "train_gate",
      [](const Team& team, const Tensor& gate_up, Activation activation, const Tensor& hidden) {
        const Values values = values_of(gate_up);
        nb::gil_scoped_release release;
        train_gate(team, values, rows_before_last_axis(hidden), last_axis(hidden), activation, hidden.data());
      },
      "team"_a, "gate_up"_a.noconvert(), "activation"_a, "hidden"_a.noconvert());

  m.def(
      "train_gate_gradient",
      [](const Team& team, const Tensor& gate_up, const Tensor& dhidden, Activation activation, const Tensor& dgate_up,
         const Tensor& hidden) {
        const Values values = values_of(gate_up);
        nb::gil_scoped_release release;
        train_gate_gradient(team, values, dhidden.data(), rows_before_last_axis(hidden), last_axis(hidden), activation,
                            dgate_up.data(), hidden.data());
      },
      "team"_a, "gate_up"_a.noconvert(), "dhidden"_a.noconvert(), "activation"_a, "dgate_up"_a.noconvert(),
      "hidden"_a.noconvert());

  m.def(
      "train_heads",
      [](const Team& team, const Tensor& rows, int64_t column, int64_t num_heads, int64_t head_dim,
         const Ints& cu_seqlens, const Floats& cos, const Floats& sin, int64_t repeats, const Tensor& grouped) {
        const Heads heads = heads_of(rows, column, num_heads, head_dim, cu_seqlens, cos, sin, repeats);
        const Values values = values_of(rows);
        nb::gil_scoped_release release;
        train_heads(team, values, heads, grouped.data());
      },
      "team"_a, "rows"_a.noconvert(), "column"_a, "num_heads"_a, "head_dim"_a, "cu_seqlens"_a.noconvert(),
      "cos"_a.noconvert().none(), "sin"_a.noconvert().none(), "repeats"_a, "grouped"_a.noconvert());

  m.def(
      "train_heads_gradient",
      [](const Team& team, const Tensor& grouped, int64_t column, int64_t num_heads, int64_t head_dim,
         const Ints& cu_seqlens, const Floats& cos, const Floats& sin, const Tensor& rows) {
        const Heads heads = heads_of(rows, column, num_heads, head_dim, cu_seqlens, cos, sin, 1);
        const Values values = values_of(grouped);
        nb::gil_scoped_release release;
        train_heads_gradient(team, values, heads, rows.data());
      },
      "team"_a, "grouped"_a.noconvert(), "column"_a, "num_heads"_a, "head_dim"_a, "cu_seqlens"_a.noconvert(),
      "cos"_a.noconvert().none(), "sin"_a.noconvert().none(), "rows"_a.noconvert());

  m.def(
      "train_attention_gradient",
      [](const Team& team, const Tensor& scores, const Tensor& dprobs, int64_t window, float scale) {
        const Element element = element_of(scores);
        nb::gil_scoped_release release;
        train_attention_gradient(team, element, scores.data(), dprobs.data(), rows_before_last_axis(scores),
                                 last_axis(scores), window, scale);
      },
      "team"_a, "scores"_a.noconvert(), "dprobs"_a.noconvert(), "window"_a, "scale"_a);

  m.def(
      "train_loss",
      [](const Team& team, const Tensor& logits, const Ids& targets, float softcap, bool keeps_gradient,
         const FloatsOut& mass, const FloatsOut& chosen) {
        const Element element = element_of(logits);
        check_targets(targets, last_axis(logits));
        nb::gil_scoped_release release;
        train_loss(team, element, logits.data(), rows_before_last_axis(logits), last_axis(logits), targets.data(),
                   softcap, keeps_gradient, mass.data(), chosen.data());
      },
      "team"_a, "logits"_a.noconvert(), "targets"_a.noconvert(), "softcap"_a, "keeps_gradient"_a, "mass"_a.noconvert(),
      "chosen"_a.noconvert());
}

}  // namespace appkit
