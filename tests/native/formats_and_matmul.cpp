// Every op of the CPU backend on buffers of exactly the size it may touch, for the sanitizers to watch, and compared
// with plain double arithmetic. Prints nothing and returns 0 when all is well.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ops.h"

using namespace appkit;

namespace {

int num_failures = 0;

void expect(bool is_true, const char* claim, const char* name) {
  if (is_true) return;
  std::printf("%s: %s\n", name, claim);
  ++num_failures;
}

std::vector<float> random_floats(std::mt19937& random, size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Random bytes, except that no float16 or float32 scale may be huge: exponents' top bits are cleared.
std::vector<uint8_t> random_weight_bytes(std::mt19937& random, size_t count) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random()) & 0x3f;
  return bytes;
}

bool is_close(float actual, double expected, double size) {
  return std::fabs(actual - expected) <= 1e-5 * size + 1e-30;  // kernels count denormals as zero
}

void check_matmul(Executor& executor, const Format& format, int64_t num_rows, std::mt19937& random) {
  const int64_t num_outputs = 37;
  const int64_t num_inputs = format.block_size == 1 ? 83 : 512;
  const auto bytes = random_weight_bytes(random, static_cast<size_t>(num_outputs * format.row_bytes(num_inputs)));
  const Weight weight = {bytes.data(), &format, num_outputs, num_inputs};
  const auto x = random_floats(random, static_cast<size_t>(num_rows * num_inputs));
  std::vector<float> out(static_cast<size_t>(num_rows * num_outputs));
  quant_matmul(executor, x.data(), num_rows, weight, Epilogue{}, out.data());

  std::vector<float> row(static_cast<size_t>(num_inputs));
  for (int64_t n = 0; n < num_outputs; ++n) {
    format.dequantize_row.portable(weight.row(n), num_inputs, row.data());
    for (int64_t t = 0; t < num_rows; ++t) {
      double sum = 0, size = 0;
      for (int64_t k = 0; k < num_inputs; ++k) {
        const double product = double{row[static_cast<size_t>(k)]} * x[static_cast<size_t>(t * num_inputs + k)];
        sum += product;
        size += std::fabs(product);
      }
      expect(is_close(out[static_cast<size_t>(t * num_outputs + n)], sum, size), "product is off", format.name);
    }
  }
}

void check_q4_1_by_hand(Executor& executor) {
  // d = 1, m = −2, byte 0 = 0x31: weight 0 is 1 − 2, weight 16 is 3 − 2, all others −2
  uint8_t block[20] = {0x00, 0x3c, 0x00, 0xc0, 0x31};
  const Weight weight = {block, find_format("Q4_1"), 1, 32};
  float row[32];
  const int32_t id = 0;
  embed(executor, &id, 1, weight, 2.0f, row);
  expect(row[0] == -2 && row[16] == 2 && row[1] == -4 && row[31] == -4, "hand-worked block is off", "Q4_1");
}

void check_attention(Executor& executor, bool is_half, std::mt19937& random) {
  const int64_t num_heads = 6, num_kv_heads = 2, head_dim = 20, num_pages = 20, kv_len = 300, num_new = 5;
  const size_t pool_bytes = static_cast<size_t>(num_pages * num_kv_heads * kPageSize * head_dim * (is_half ? 2 : 4));
  std::vector<uint8_t> stored_k(pool_bytes), stored_v(pool_bytes);
  const KvLayer layer = {stored_k.data(), stored_v.data(), is_half, num_pages, num_kv_heads, head_dim};
  std::vector<int32_t> page_ids(19);
  for (int32_t i = 0; i < 19; ++i) page_ids[static_cast<size_t>(i)] = 19 - i;
  const int32_t all_starts[2] = {0, kv_len}, new_starts[2] = {0, num_new}, kv_lens[1] = {kv_len};
  const PageTable everything = {page_ids.data(), all_starts, kv_lens, 1, 19};
  const PageTable step = {page_ids.data(), new_starts, kv_lens, 1, 19};

  const auto k = random_floats(random, static_cast<size_t>(kv_len * num_kv_heads * head_dim));
  const auto ones = std::vector<float>(k.size(), 1.0f);
  const auto q = random_floats(random, static_cast<size_t>(num_new * num_heads * head_dim));
  check_page_table(everything, kv_len, num_pages);
  write_kv(executor, layer, everything, k.data(), ones.data());
  std::vector<float> out(q.size());
  for (const int64_t window : {int64_t{0}, int64_t{40}}) {
    const AttentionSettings settings = {num_heads, num_kv_heads, head_dim, 0.3f, window, 5.0f};
    paged_attention(executor, q.data(), layer, step, settings, out.data());
    for (const float value : out) expect(is_close(value, 1, 1), "weights do not add up to one", "paged_attention");
  }
  const AttentionSettings settings = {num_heads, num_kv_heads, head_dim, 0.3f, 0, 0.0f};
  packed_attention(executor, q.data(), k.data(), ones.data(), new_starts, 1, true, settings, out.data());
  for (const float value : out) expect(is_close(value, 1, 1), "weights do not add up to one", "packed_attention");
}

void check_rows(Executor& executor, std::mt19937& random) {
  const int64_t num_rows = 40, num_heads = 3, head_dim = 7, size = num_heads * head_dim;
  const auto x = random_floats(random, static_cast<size_t>(num_rows * size));
  const auto weight = random_floats(random, static_cast<size_t>(size));
  std::vector<float> out(x.size());
  rms_norm(executor, x.data(), num_rows, size, weight.data(), 1e-5f, out.data());
  layer_norm(executor, x.data(), num_rows, size, weight.data(), weight.data(), 1e-5f, out.data());
  add(executor, x.data(), x.data(), static_cast<int64_t>(x.size()), out.data());
  expect(out.back() == 2 * x.back(), "sum is off", "add");
  const std::vector<int32_t> positions(static_cast<size_t>(num_rows), 0);
  const double frequencies[3] = {1, 0.5, 0.25};
  rope(executor, x.data(), num_rows, num_heads, head_dim, positions.data(), frequencies, 6, true, out.data());
  expect(out == x, "position 0 does not rest", "rope");
}

void check_pool(Executor& executor) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&executor] {
      for (int64_t count : {1, 2, 100}) {
        std::vector<int> visits(static_cast<size_t>(count));
        executor.pool.parallel_for(count, 8, [&](int64_t item, float* scratch) {
          std::fill_n(scratch, 8, 1.0f);
          ++visits[static_cast<size_t>(item)];
        });
        for (const int visit : visits) expect(visit == 1, "an item was not visited once", "parallel_for");
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  bool was_thrown = false;
  try {
    executor.pool.parallel_for(50, 0, [](int64_t item, float*) {
      if (item == 31) throw std::runtime_error("31");
    });
  } catch (const std::runtime_error&) {
    was_thrown = true;
  }
  expect(was_thrown, "an exception got lost", "parallel_for");
}

}  // namespace

int main() {
  std::mt19937 random(1);
  size_t num_formats = 0;
  const Format* formats = all_formats(num_formats);
  for (const InstructionSet set : kInstructionSets) {
    if (!is_supported(set)) continue;
    Executor executor{ThreadPool(3), set};
    check_q4_1_by_hand(executor);
    for (size_t i = 0; i < num_formats; ++i) {
      for (const int64_t num_rows : {1, 7}) check_matmul(executor, formats[i], num_rows, random);
    }
    check_attention(executor, true, random);
    check_attention(executor, false, random);
    check_rows(executor, random);
    check_pool(executor);
  }
  return num_failures == 0 ? 0 : 1;
}
