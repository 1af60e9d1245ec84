#include "backends/core/random.h"

#include <Random123/philox.h>

#include <algorithm>

#include "backends/core/kernels.h"

namespace jb {
namespace {

constexpr std::int64_t kBlock = 64;  // columns that share 16 counters

/// SplitMix64 finaliser (Steele et al., OOPSLA 2014): spreads key material over 64 bits.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

const kernels::RandomKernel& kernel() {
  static const kernels::RandomKernel* const chosen = [] {
    switch (kernels::isa_level()) {
      case 2:
        return &kernels::avx512::kRandom;
      case 1:
        return &kernels::avx2::kRandom;
      default:
        return &kernels::baseline::kRandom;
    }
  }();
  return *chosen;
}

/// Counter word 3 holds the high parts: 16 bits of the row's (rows below 2^48), 16 of the call's.
constexpr std::uint32_t high_word(std::uint64_t row, std::uint64_t call) noexcept {
  return (static_cast<std::uint32_t>(row >> 32U) & 0xFFFFU) |
         (static_cast<std::uint32_t>(call >> 32U) << 16U);
}

template <class T, class Fill>
void fill_row(std::span<T> out, std::int64_t first_col, kernels::PhiloxBlock block, Fill fill) {
  std::int64_t done = 0;
  const auto size = static_cast<std::int64_t>(out.size());
  while (done < size) {
    const std::int64_t col = first_col + done;
    const std::int64_t offset = col % kBlock;
    std::int64_t count = std::min(kBlock - offset, size - done);
    block.block = static_cast<std::uint32_t>(col / kBlock);
    if (count == kBlock) {
      const std::int64_t blocks = (size - done) / kBlock;
      fill(block, blocks, out.data() + done);
      count = blocks * kBlock;
    } else {
      alignas(64) T whole[kBlock];
      fill(block, 1, whole);
      std::copy_n(whole + offset, count, out.data() + done);
    }
    done += count;
  }
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::uint32_t instance, std::uint64_t what,
                           std::uint64_t scope) {
  const std::uint64_t key = mix(mix(mix(mix(seed) ^ instance) ^ what) ^ scope);
  key_ = {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32U)};
}

std::array<std::uint32_t, 4> RandomStream::words(std::uint32_t block, std::uint64_t row,
                                                 std::uint64_t call) const noexcept {
  const r123::Philox4x32 philox;
  const r123::Philox4x32::ctr_type counter = {{block, static_cast<std::uint32_t>(row),
                                               static_cast<std::uint32_t>(call),
                                               high_word(row, call)}};
  const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
  const r123::Philox4x32::ctr_type result = philox(counter, key);
  return {result[0], result[1], result[2], result[3]};
}

void RandomStream::normals(std::span<float> out, std::int64_t row, std::int64_t first_col,
                           std::uint64_t call) const noexcept {
  const auto r = static_cast<std::uint64_t>(row);
  fill_row(out, first_col,
           {key_[0], key_[1], 0, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(call),
            high_word(r, call)},
           kernel().normals);
}

void RandomStream::uniforms(std::span<float> out, std::int64_t row, std::int64_t first_col,
                            std::uint64_t call) const noexcept {
  const auto r = static_cast<std::uint64_t>(row);
  fill_row(out, first_col,
           {key_[0], key_[1], 0, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(call),
            high_word(r, call)},
           kernel().uniforms);
}

float RandomStream::normal(std::int64_t row, std::int64_t col, std::uint64_t call) const noexcept {
  float value = 0;
  normals({&value, 1}, row, col, call);
  return value;
}

float RandomStream::uniform(std::int64_t row, std::int64_t col, std::uint64_t call) const noexcept {
  float value = 0;
  uniforms({&value, 1}, row, col, call);
  return value;
}

std::uint32_t RandomStream::word(std::int64_t row, std::int64_t col,
                                 std::uint64_t call) const noexcept {
  const auto lane = static_cast<std::uint32_t>(col % 16);
  const auto block = static_cast<std::uint32_t>(col / kBlock * 16) + lane;
  return words(block, static_cast<std::uint64_t>(row),
               call)[static_cast<std::size_t>(col % kBlock / 16)];
}

}  // namespace jb
