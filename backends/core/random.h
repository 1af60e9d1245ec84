#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11; words identical to Random123).
//
// A number depends only on its key (seed, instance, what, scope) and its coordinates (row, column,
// call): cutting a matrix into batches, tiles, shards or threads does not change it, and it differs
// between layers (scope), sources of noise (what) and calls.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace jb {

/// 64-bit FNV-1a of a name: tags sources of noise and scopes ("photonic.readout", "fc1").
constexpr std::uint64_t tag_of(std::string_view name) noexcept {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : name) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3ULL;
  }
  return h;
}

/// Which call of a plan is being executed, and which rows of the whole batch its A holds.
struct Draw {
  std::uint64_t call = 0;       ///< below 2^48
  std::int64_t row_offset = 0;  ///< index in the whole batch of A's first row
  /// Calls since the operand was loaded, where it does not stay on the machine: the steps of a
  /// recurrence find it with the errors of the loading before the first.
  std::uint64_t since_loading = 0;
};

/// One stream of random numbers over a plane of elements (row, column) per call.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint32_t instance, std::uint64_t what, std::uint64_t scope);

  /// The four raw words of Philox4x32-10 at counter (block, row, call).
  [[nodiscard]] std::array<std::uint32_t, 4> words(std::uint32_t block, std::uint64_t row,
                                                   std::uint64_t call) const noexcept;

  /// Standard normals of elements (row, first_col + i), i < out.size(). Float precision, |z|
  /// < 6.77.
  void normals(std::span<float> out, std::int64_t row, std::int64_t first_col,
               std::uint64_t call) const noexcept;

  /// Uniforms in (0, 1) of elements (row, first_col + i): (word + 0.5) / 2^32 rounded to float,
  /// never 0 and never 1.
  void uniforms(std::span<float> out, std::int64_t row, std::int64_t first_col,
                std::uint64_t call) const noexcept;

  /// Poisson counts of elements (row, first_col + i) with mean[i], as doubles (exact up to 2^53):
  /// the same on every instruction set. Inversion of the element's word below mean 1e8, so that no
  /// count rarer than 2^-32 is drawn there; transformed rejection with words of its own above. A
  /// mean that is not above 0 (NaN included) gives 0. out and mean have one size and may be the
  /// same array; first_col + size at most 2^32. A stream from which counts are drawn should give
  /// nothing else: words would be used twice.
  void poisson(std::span<double> out, std::span<const double> mean, std::int64_t row,
               std::int64_t first_col, std::uint64_t call) const noexcept;

  [[nodiscard]] float normal(std::int64_t row, std::int64_t col, std::uint64_t call) const noexcept;
  [[nodiscard]] float uniform(std::int64_t row, std::int64_t col,
                              std::uint64_t call) const noexcept;
  [[nodiscard]] double poisson(double mean, std::int64_t row, std::int64_t col,
                               std::uint64_t call) const noexcept;

  /// The raw word of element (row, col): what normals and uniforms are made from.
  [[nodiscard]] std::uint32_t word(std::int64_t row, std::int64_t col,
                                   std::uint64_t call) const noexcept;

 private:
  std::array<std::uint32_t, 2> key_;
};

}  // namespace jb
