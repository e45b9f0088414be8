#include "weight.h"

#include <cstring>

#include "formats/bf16.h"
#include "formats/f16.h"
#include "formats/f32.h"
#include "formats/iq4_nl.h"
#include "formats/iq4_xs.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q4_k.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/q8_0.h"
#include "formats/q8_k.h"

namespace appkit {
namespace {

template <class F>
APPKIT_INLINE void dequantize_blocks(const uint8_t* row, int64_t num_weights, float* out) {
  const auto* blocks = reinterpret_cast<const typename F::Block*>(row);
  for (int64_t i = 0; i < num_weights / F::kBlockSize; ++i) F::dequantize(blocks[i], out + i * F::kBlockSize);
}

template <class F>
void dequantize_portable(const uint8_t* row, int64_t num_weights, float* out) {
  dequantize_blocks<F>(row, num_weights, out);
}
template <class F>
APPKIT_TARGET_AVX2 void dequantize_avx2(const uint8_t* row, int64_t num_weights, float* out) {
  dequantize_blocks<F>(row, num_weights, out);
}
template <class F>
APPKIT_TARGET_AVX512 void dequantize_avx512(const uint8_t* row, int64_t num_weights, float* out) {
  dequantize_blocks<F>(row, num_weights, out);
}

template <class F>
constexpr Format make_format() {
  return {F::kName,
          F::kBlockSize,
          static_cast<int64_t>(sizeof(typename F::Block)),
          {dequantize_portable<F>, dequantize_avx2<F>, dequantize_avx512<F>}};
}

constexpr Format kFormats[] = {
    make_format<F32>(),  make_format<F16>(),  make_format<BF16>(),   make_format<Q4_0>(),
    make_format<Q4_1>(), make_format<Q5_0>(), make_format<Q5_1>(),   make_format<Q8_0>(),
    make_format<Q2_K>(), make_format<Q3_K>(), make_format<Q4_K>(),   make_format<Q5_K>(),
    make_format<Q6_K>(), make_format<Q8_K>(), make_format<IQ4_NL>(), make_format<IQ4_XS>(),
};

}  // namespace

const Format* find_format(const char* name) {
  for (const Format& format : kFormats) {
    if (std::strcmp(format.name, name) == 0) return &format;
  }
  return nullptr;
}

const Format* all_formats(size_t& num_formats) {
  num_formats = sizeof(kFormats) / sizeof(kFormats[0]);
  return kFormats;
}

}  // namespace appkit
