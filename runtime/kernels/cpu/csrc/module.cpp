// The extension module: what Python may call, and nothing else. Arguments were checked in backend.py; here arrays
// become pointers and counts, and the GIL is released while an op runs.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bindings.h"
#include "ops.h"

namespace nb = nanobind;
using namespace appkit;
using nb::literals::operator""_a;

namespace appkit {

InstructionSet find_instruction_set(const std::string& name) {
  std::string known;
  for (const InstructionSet set : kInstructionSets) {
    if (!is_supported(set)) continue;
    if (name.empty() || name == name_of(set)) return set;
    known += (known.empty() ? "" : ", ") + std::string(name_of(set));
  }
  throw std::invalid_argument("There is no instruction set '" + name + "' here; this machine runs " + known + ".");
}

}  // namespace appkit

namespace {

template <class T>
using Array = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using MutableArray = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
using Floats = Array<float>;
using Ints = Array<int32_t>;
using Out = MutableArray<float>;

const float* data_or_null(const Floats& array) {
  return array.is_valid() ? array.data() : nullptr;
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const InstructionSet set : kInstructionSets) {
    if (is_supported(set)) names.emplace_back(name_of(set));
  }
  return names;
}

// A weight and the array its bytes live in.
struct BoundWeight {
  Weight weight;
  Array<uint8_t> owner;
};

// A KV pool over two numpy arrays, of uint16 (float16 bits) or float32.
struct KvPool {
  MutableArray<uint8_t> k;
  MutableArray<uint8_t> v;
  int64_t num_layers;
  bool is_half;
  int64_t num_pages;
  int64_t num_kv_heads;
  int64_t head_dim;

  KvLayer layer(int64_t index) const {
    const int64_t layer_bytes = num_pages * num_kv_heads * kPageSize * head_dim * (is_half ? 2 : 4);
    return {k.data() + index * layer_bytes, v.data() + index * layer_bytes, is_half, num_pages, num_kv_heads, head_dim};
  }
};

PageTable page_table(const Ints& page_ids, const Ints& query_starts, const Ints& kv_lens) {
  return {page_ids.data(), query_starts.data(), kv_lens.data(), static_cast<int64_t>(kv_lens.shape(0)),
          static_cast<int64_t>(page_ids.shape(1))};
}

int64_t rows_of(const Floats& x) {
  return static_cast<int64_t>(x.shape(0));
}

int64_t last_axis(const Floats& x) {
  return static_cast<int64_t>(x.shape(x.ndim() - 1));
}

int64_t rows_before_last_axis(const Floats& x) {
  int64_t rows = 1;
  for (size_t axis = 0; axis + 1 < x.ndim(); ++axis) rows *= static_cast<int64_t>(x.shape(axis));
  return rows;
}

void check_ids(const char* name, const Ints& ids, int64_t limit) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids.data()[i];
    if (id < 0 || id >= limit) {
      throw std::invalid_argument(std::string(name) + " holds " + std::to_string(id) + "; indices must lie in 0 … " +
                                  std::to_string(limit - 1) + ".");
    }
  }
}

}  // namespace

NB_MODULE(_cpu, m) {
  m.doc() = "CPU kernels of appkit's model runtime.";

  m.def("instruction_sets", &instruction_sets);
  m.def("formats", [] {
    size_t count = 0;
    const Format* formats = all_formats(count);
    std::vector<std::tuple<std::string, int64_t, int64_t>> result;
    for (size_t i = 0; i < count; ++i) {
      result.emplace_back(formats[i].name, formats[i].block_size, formats[i].block_bytes);
    }
    return result;
  });

  nb::enum_<Activation>(m, "Activation")
      .value("none", Activation::kNone)
      .value("silu", Activation::kSilu)
      .value("gelu", Activation::kGelu)
      .value("gelu_tanh", Activation::kGeluTanh);

  nb::class_<Executor>(m, "Executor")
      .def(
          "__init__",
          [](Executor* self, int num_threads, const std::string& instruction_set) {
            new (self) Executor{ThreadPool(num_threads), find_instruction_set(instruction_set)};
          },
          "num_threads"_a, "instruction_set"_a = "")
      .def_prop_ro("num_threads", [](const Executor& self) { return self.pool.num_threads(); })
      .def_prop_ro("instruction_set", [](const Executor& self) { return name_of(self.instruction_set); });

  nb::class_<BoundWeight>(m, "Weight")
      .def(
          "__init__",
          [](BoundWeight* self, Array<uint8_t> data, const std::string& format, int64_t num_outputs,
             int64_t num_inputs) {
            new (self) BoundWeight{{data.data(), find_format(format.c_str()), num_outputs, num_inputs}, data};
          },
          "data"_a, "format"_a, "num_outputs"_a, "num_inputs"_a)
      .def_prop_ro(
          "shape",
          [](const BoundWeight& self) { return std::make_tuple(self.weight.num_outputs, self.weight.num_inputs); })
      .def_prop_ro("format", [](const BoundWeight& self) { return self.weight.format->name; });

  nb::class_<KvPool>(m, "KvPool")
      .def(
          "__init__",
          [](KvPool* self, MutableArray<uint8_t> k, MutableArray<uint8_t> v, int64_t num_layers, bool is_half,
             int64_t num_pages, int64_t num_kv_heads,
             int64_t head_dim) { new (self) KvPool{k, v, num_layers, is_half, num_pages, num_kv_heads, head_dim}; },
          "k"_a, "v"_a, "num_layers"_a, "is_half"_a, "num_pages"_a, "num_kv_heads"_a, "head_dim"_a);

  m.def("embed", [](Executor& executor, const Ints& ids, const BoundWeight& table, float scale, Out out) {
    check_ids("input_ids", ids, table.weight.num_outputs);
    nb::gil_scoped_release release;
    embed(executor, ids.data(), static_cast<int64_t>(ids.size()), table.weight, scale, out.data());
  });

  m.def("add", [](Executor& executor, const Floats& x, const Floats& y, Out out) {
    nb::gil_scoped_release release;
    add(executor, x.data(), y.data(), static_cast<int64_t>(x.size()), out.data());
  });

  m.def("rms_norm", [](Executor& executor, const Floats& x, const Floats& weight, float eps, Out out) {
    nb::gil_scoped_release release;
    rms_norm(executor, x.data(), rows_before_last_axis(x), last_axis(x), weight.data(), eps, out.data());
  });

  m.def("layer_norm", [](Executor& executor, const Floats& x, const Floats& weight, const Floats& bias, float eps,
                         Out out) {
    nb::gil_scoped_release release;
    layer_norm(executor, x.data(), rows_before_last_axis(x), last_axis(x), weight.data(), bias.data(), eps, out.data());
  });

  m.def(
      "quant_matmul",
      [](Executor& executor, const Floats& x, const BoundWeight& weight, const Floats& bias, const Floats& addend,
         const Floats& row_scale, const Floats& residual, Activation activation, float softcap, Out out) {
        Epilogue epilogue;
        epilogue.addend = data_or_null(addend);
        epilogue.row_scale = data_or_null(row_scale);
        epilogue.bias = data_or_null(bias);
        epilogue.residual = data_or_null(residual);
        epilogue.activation = activation;
        epilogue.softcap = softcap;
        nb::gil_scoped_release release;
        quant_matmul(executor, x.data(), rows_of(x), weight.weight, epilogue, out.data());
      },
      "executor"_a, "x"_a, "weight"_a, "bias"_a.none(), "addend"_a.none(), "row_scale"_a.none(), "residual"_a.none(),
      "activation"_a, "softcap"_a, "out"_a);

  m.def(
      "gated_matmul",
      [](Executor& executor, const Floats& x, const BoundWeight& gate, const BoundWeight& up, Activation activation,
         const Floats& gate_addend, const Floats& up_addend, const Floats& gate_row_scale, const Floats& up_row_scale,
         Out gated, Out out) {
        Epilogue gate_epilogue;
        gate_epilogue.addend = data_or_null(gate_addend);
        gate_epilogue.row_scale = data_or_null(gate_row_scale);
        gate_epilogue.activation = activation;
        Epilogue up_epilogue;
        up_epilogue.addend = data_or_null(up_addend);
        up_epilogue.row_scale = data_or_null(up_row_scale);
        nb::gil_scoped_release release;
        gated_matmul(executor, x.data(), rows_of(x), gate.weight, up.weight, gate_epilogue, up_epilogue, gated.data(),
                     out.data());
      },
      "executor"_a, "x"_a, "gate"_a, "up"_a, "activation"_a, "gate_addend"_a.none(), "up_addend"_a.none(),
      "gate_row_scale"_a.none(), "up_row_scale"_a.none(), "gated"_a, "out"_a);

  m.def("rope", [](Executor& executor, const Floats& x, const Ints& positions, const Array<double>& frequencies,
                   bool is_interleaved, Out out) {
    nb::gil_scoped_release release;
    rope(executor, x.data(), rows_of(x), static_cast<int64_t>(x.shape(1)), static_cast<int64_t>(x.shape(2)),
         positions.data(), frequencies.data(), 2 * static_cast<int64_t>(frequencies.size()), is_interleaved,
         out.data());
  });

  m.def("write_kv", [](Executor& executor, const KvPool& pool, int64_t layer_idx, const Ints& page_ids,
                       const Ints& query_starts, const Ints& kv_lens, const Floats& k, const Floats& v) {
    const PageTable pages = page_table(page_ids, query_starts, kv_lens);
    check_page_table(pages, rows_of(k), pool.num_pages);
    nb::gil_scoped_release release;
    write_kv(executor, pool.layer(layer_idx), pages, k.data(), v.data());
  });

  m.def("paged_attention",
        [](Executor& executor, const Floats& q, const KvPool& pool, int64_t layer_idx, const Ints& page_ids,
           const Ints& query_starts, const Ints& kv_lens, float scale, int64_t window, float softcap, Out out) {
          const PageTable pages = page_table(page_ids, query_starts, kv_lens);
          check_page_table(pages, rows_of(q), pool.num_pages);
          const AttentionSettings settings = {
              static_cast<int64_t>(q.shape(1)), pool.num_kv_heads, pool.head_dim, scale, window, softcap};
          nb::gil_scoped_release release;
          paged_attention(executor, q.data(), pool.layer(layer_idx), pages, settings, out.data());
        });

  m.def("packed_attention", [](Executor& executor, const Floats& q, const Floats& k, const Floats& v,
                               const Ints& cu_seqlens, float scale, bool causal, Out out) {
    const int64_t num_sequences = static_cast<int64_t>(cu_seqlens.size()) - 1;
    check_starts("cu_seqlens", cu_seqlens.data(), num_sequences, rows_of(q));
    const AttentionSettings settings = {static_cast<int64_t>(q.shape(1)),
                                        static_cast<int64_t>(k.shape(1)),
                                        static_cast<int64_t>(q.shape(2)),
                                        scale,
                                        0,
                                        0.0f};
    nb::gil_scoped_release release;
    packed_attention(executor, q.data(), k.data(), v.data(), cu_seqlens.data(), num_sequences, causal, settings,
                     out.data());
  });

  m.def("read_memory", [](Executor& executor, const Array<uint64_t>& words) {
    nb::gil_scoped_release release;
    return read_memory(executor, words.data(), static_cast<int64_t>(words.size()));
  });

  bind_training(m);
}
