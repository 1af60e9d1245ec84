#pragma once
// Effective weights laid out for the fast ways through composed products (sliced_product.h), and
// which of them a device's products go.

#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "backends/core/function_ref.h"
#include "backends/crossbar/composed_product.h"

namespace jb::crossbar {

/// Vectors that begin on a line of the cache.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>& /*other*/) noexcept {
  }  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
  void deallocate(T* p, std::size_t /*n*/) noexcept { ::operator delete(p, kLine); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) noexcept { return true; }
};

enum class SlicedWay : std::uint8_t { none, look_up, bytes };

/// Which way a device's products go on this computer.
[[nodiscard]] SlicedWay sliced_way(const ComposedPass& pass);

/// Effective weights laid out for it.
struct SlicedOperand {
  using Lines = std::vector<float, LineAllocator<float>>;

  SlicedWay way = SlicedWay::none;
  struct Tile {
    std::int64_t groups = 0;  ///< of six rows (look-up) or four (bytes)
    std::int64_t depth = 0;   ///< look-up: floats of a (column, lane), whole lines of the cache
    Lines rows;               ///< look-up: (column, lane) by rows, padded with zeros
    Lines variances;          ///< the same of squared noise; or empty
    std::vector<float> sums;  ///< of all rows, per (column, lane)
    std::vector<float> variance_sums;
    std::vector<std::uint8_t> bytes;  ///< block of 32 columns, slice, four rows, column
  };
  std::vector<Tile> tiles;

  [[nodiscard]] std::size_t memory() const noexcept;
};

/// Lays out effective weights (driven side x (column, lane)).
[[nodiscard]] SlicedOperand lay_out(const ComposedPass& pass, MatrixView<const float> effective,
                                    MatrixView<const float> variances);

/// Fills a row of effective weights, (column, lane); called from several threads.
using RowOfWeights = FunctionRef<void(std::int64_t row, std::span<float> out)>;

/// The same for look-ups on rows as they are driven, row by row and into the memory that `operand`
/// already has: what a step in age takes. `variances` only for noisy passes.
void lay_out_by_rows(const ComposedPass& pass, RowOfWeights effective, RowOfWeights variances,
                     SlicedOperand& operand);

}  // namespace jb::crossbar
