#include "backends/core/random.h"

#include <Random123/philox.h>

#include <algorithm>
#include <bit>

#include "backends/core/kernels.h"
#include "backends/core/poisson_inversion.h"

namespace jb {
namespace {

constexpr std::int64_t kBlock = 64;  // columns that share 16 counters
// Elements whose counts are drawn together: the few that a quick kernel leaves fill groups of 16.
constexpr std::int64_t kPoissonPiece = 16 * kBlock;
constexpr std::uint64_t kAttempt = tag_of("random.poisson.attempt");

/// SplitMix64 finaliser (Steele et al., OOPSLA 2014): spreads key material over 64 bits.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

struct Kernels {
  const kernels::RandomKernel* random;
  const kernels::PoissonKernel* poisson;
};

const Kernels& kernels_here() {
  static const Kernels chosen = [] {
    switch (kernels::isa_level()) {
      case 2:
        return Kernels{&kernels::avx512::kRandom, &kernels::avx512::kPoisson};
      case 1:
        return Kernels{&kernels::avx2::kRandom, &kernels::avx2::kPoisson};
      default:
        return Kernels{&kernels::baseline::kRandom, &kernels::baseline::kPoisson};
    }
  }();
  return chosen;
}

const kernels::RandomKernel& kernel() { return *kernels_here().random; }

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

/// Draws the counts of the elements `waiting` by rejection, attempt by attempt, until none is left.
/// `element` holds the stream's key, row and call; first_col is the column of out[0].
void reject_until_drawn(std::span<std::uint32_t> waiting, double* out, const double* mean,
                        const kernels::PhiloxBlock& element, std::uint32_t first_col) noexcept {
  constexpr std::size_t kGroup = 16;  // elements of one attempt
  std::size_t count = waiting.size();
  const std::uint64_t key = (std::uint64_t{element.key1} << 32U) | element.key0;
  for (std::uint64_t attempt = 0; count > 0; ++attempt) {
    // A key of its own: the counter has no room left, and no word may serve twice.
    const std::uint64_t k = mix(key ^ mix(kAttempt + attempt));
    kernels::PhiloxBlock block = element;
    block.key0 = static_cast<std::uint32_t>(k);
    block.key1 = static_cast<std::uint32_t>(k >> 32U);
    std::size_t left = 0;
    for (std::size_t begin = 0; begin < count; begin += kGroup) {
      const std::size_t size = std::min(kGroup, count - begin);
      std::array<std::uint32_t, kGroup> columns{};
      std::array<double, kGroup> means;
      std::array<double, kGroup> drawn;
      means.fill(kernels::kPoissonSearchBelow);
      for (std::size_t i = 0; i < size; ++i) {
        const std::uint32_t at = waiting[begin + i];
        columns[i] = first_col + at;
        means[i] = std::min(mean[at], kernels::kPoissonLargest);
      }
      kernels_here().poisson->attempt(block, columns.data(), means.data(), drawn.data());
      for (std::size_t i = 0; i < size; ++i) {
        const std::uint32_t at = waiting[begin + i];
        if (drawn[i] == kernels::kPoissonRejected) {
          waiting[left++] = at;  // never ahead of what is still to be read
        } else {
          out[at] = drawn[i];
        }
      }
    }
    count = left;
  }
}

/// Settles elements that the quick kernel was not sure of: indices `unsure` into out and mean,
/// whose first column is first_col.
class Settler {
 public:
  Settler(const RandomStream& stream, std::int64_t row, std::uint64_t call,
          const kernels::PhiloxBlock& block, std::int64_t first_col)
      : stream_(stream), row_(row), call_(call), block_(block), first_col_(first_col) {}

  void settle(std::span<const std::uint32_t> unsure, const double* mean, double* out) noexcept {
    for (const std::uint32_t at : unsure) {
      if (mean[at] >= kernels::kPoissonInversionBelow) {
        rejected_[rejections_++] = at;
      } else if (mean[at] >= kernels::kPoissonSearchBelow) {
        out[at] = invert_poisson(word_of(at), mean[at]);
      } else {
        search(at, mean, out);
      }
    }
    if (searches_ > 0) run_searches(out);
    if (rejections_ > 0) {
      reject_until_drawn({rejected_.data(), rejections_}, out, mean, block_,
                         static_cast<std::uint32_t>(first_col_));
    }
  }

 private:
  static constexpr std::size_t kGroup = 16;
  [[nodiscard]] std::uint32_t word_of(std::uint32_t at) const noexcept {
    return stream_.word(row_, first_col_ + at, call_);
  }
  void search(std::uint32_t at, const double* mean, double* out) noexcept {
    places_[searches_] = at;
    words_[searches_] = word_of(at);
    means_[searches_] = mean[at];
    if (++searches_ == kGroup) run_searches(out);
  }
  void run_searches(double* out) noexcept {
    std::array<double, kGroup> drawn;
    kernels_here().poisson->invert(words_.data(), means_.data(), drawn.data());
    for (std::size_t i = 0; i < searches_; ++i) out[places_[i]] = drawn[i];
    searches_ = 0;
  }

  const RandomStream& stream_;
  std::int64_t row_;
  std::uint64_t call_;
  const kernels::PhiloxBlock& block_;
  std::int64_t first_col_;
  std::array<std::uint32_t, kPoissonPiece> rejected_;
  std::size_t rejections_ = 0;
  std::array<std::uint32_t, kGroup> places_{};
  std::array<std::uint32_t, kGroup> words_{};
  std::array<double, kGroup> means_{};
  std::size_t searches_ = 0;
};

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

void RandomStream::poisson(std::span<double> out, std::span<const double> mean, std::int64_t row,
                           std::int64_t first_col, std::uint64_t call) const noexcept {
  const auto r = static_cast<std::uint64_t>(row);
  kernels::PhiloxBlock block{key_[0],
                             key_[1],
                             0,
                             static_cast<std::uint32_t>(r),
                             static_cast<std::uint32_t>(call),
                             high_word(r, call)};
  alignas(64) double means[kPoissonPiece];
  alignas(64) double counts[kPoissonPiece];
  std::array<std::uint64_t, kPoissonPiece / kBlock> unsure;
  std::array<std::uint32_t, kPoissonPiece> places;
  const auto size = static_cast<std::int64_t>(out.size());
  for (std::int64_t done = 0; done < size;) {
    const std::int64_t col = first_col + done;
    const std::int64_t offset = col % kBlock;
    const std::int64_t count = std::min(kPoissonPiece - offset, size - done);
    // A copy, padded to whole blocks: out may be the array of means.
    const std::int64_t padded = (offset + count + kBlock - 1) / kBlock * kBlock;
    std::fill_n(means, offset, 0.0);
    std::copy_n(mean.data() + done, count, means + offset);
    std::fill(means + offset + count, means + padded, 0.0);
    block.block = static_cast<std::uint32_t>(col / kBlock);
    kernel().poisson(block, padded / kBlock, means, counts, unsure.data());
    std::size_t waiting = 0;
    for (std::int64_t i = 0; i < padded / kBlock; ++i) {
      for (std::uint64_t bits = unsure[static_cast<std::size_t>(i)]; bits != 0; bits &= bits - 1) {
        places[waiting++] = static_cast<std::uint32_t>(i * kBlock + std::countr_zero(bits));
      }
    }
    if (waiting > 0) {
      Settler(*this, row, call, block, col - offset)
          .settle({places.data(), waiting}, means, counts);
    }
    std::copy_n(counts + offset, count, out.data() + done);
    done += count;
  }
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

double RandomStream::poisson(double mean, std::int64_t row, std::int64_t col,
                             std::uint64_t call) const noexcept {
  double value = 0;
  poisson({&value, 1}, {&mean, 1}, row, col, call);
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
