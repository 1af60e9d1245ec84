#pragma once
// What data-dependent counts need to know of the operands; recorded with a run so that an estimate
// can take it (`estimate --stats RECORD`). Sums are float64 in a fixed order.

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/matrix.h"

namespace jb {

/// Ratios of moments to the peak as means over several products, of which no moments of all
/// elements together tell: a laser pays for each product's own peak.
struct PeakRatios {
  double papr = 1;            ///< max x^2 / mean x^2
  double square_of_peak = 0;  ///< mean x^2 / max x^2
  double abs_of_peak = 0;     ///< mean |x| / max |x|

  friend bool operator==(const PeakRatios&, const PeakRatios&) = default;
};

/// Moments of one operand's elements, or their means over several products.
struct OperandMoments {
  double mean_square = 1;                ///< mean of x^2
  double mean_abs = 0.7978845608028654;  ///< mean of |x|; default: standard normal, sqrt(2/pi)
  /// max |x|; of A the full scale that the machine was told to take, where it was told one.
  double max_abs = 4;
  double nonzero_frac = 1;  ///< share of elements that are not zero
  /// Share of rows with a negative element, where the machine must know (light intensities have no
  /// sign); machines that need not leave it unknown.
  std::optional<double> signed_rows_frac = {};
  /// Of several products; those of one follow from its moments.
  std::optional<PeakRatios> ratios = {};

  /// Peak-to-average power ratio max(x^2) / mean(x^2); 1 for an all-zero operand.
  [[nodiscard]] double papr() const noexcept;
  [[nodiscard]] double square_of_peak() const noexcept;  ///< 0 for an all-zero operand
  [[nodiscard]] double abs_of_peak() const noexcept;     ///< likewise

  friend bool operator==(const OperandMoments&, const OperandMoments&) = default;
};

/// Means over several products, each with a B of its own, of a figure of A times abs_of_peak of B:
/// what currents through cells go by, and what means of A and of B do not tell.
struct PairMeans {
  double square_of_peak = 0, abs_of_peak = 0, mean_square = 0, mean_abs = 0;
};

/// Both operands of a product. The default is standard normal data with PAPR 16.
struct OperandStatistics {
  OperandMoments a;
  OperandMoments b;
  std::optional<PairMeans> pairs = {};  ///< of several products with different B
};

/// Means over equal products, such that counts which are linear in PAPR, in the ratios to the peak,
/// in shares of rows, or in a figure of A times one of B come to what all of them came to.
class StatisticsMean {
 public:
  void add(const OperandStatistics& statistics, double products = 1);
  void add(const StatisticsMean& other);
  [[nodiscard]] double products() const noexcept { return products_; }
  [[nodiscard]] OperandStatistics mean() const;

 private:
  /// Of one operand: as long as all were the same, that one; else sums.
  struct Side {
    OperandMoments first, sums;
    PeakRatios ratios;
    bool same = true;
    double signed_products = 0;  ///< products whose rows' signs are known
    void add(const OperandMoments& moments, double products, bool is_first);
    void add(const Side& other, bool is_first, double products);
    [[nodiscard]] OperandMoments mean(double products) const;
  };
  Side a_, b_;
  PairMeans pairs_;
  double products_ = 0;
};

/// Moments of a matrix, the same for any thread count and any strides.
OperandMoments measure_operand(const ConstMatrixRef& x);
/// The same; `row_largest` becomes the largest |x| of each row (NaN left out).
OperandMoments measure_operand(const ConstMatrixRef& x, std::vector<double>& row_largest);

/// Moments of f32 rows that are seen one by one, in any order and from several threads: what
/// measure_operand() finds in the matrix that they make.
class RowwiseMoments {
 public:
  RowwiseMoments(std::int64_t rows, std::int64_t cols)
      : cols_(cols), rows_(static_cast<std::size_t>(rows)) {}
  void take(std::int64_t i, const float* row);
  /// Largest |x| of a row that was taken (NaN left out).
  [[nodiscard]] double largest(std::int64_t i) const noexcept {
    return rows_[static_cast<std::size_t>(i)].max;
  }
  /// Of all rows, each taken.
  [[nodiscard]] OperandMoments total() const;

  /// Sums over one row.
  struct Sums {
    double square = 0, abs = 0, max = 0, nonzero = 0;
  };

 private:
  std::int64_t cols_;
  std::vector<Sums> rows_;
};

/// True when any element is NaN or infinite.
bool has_non_finite(const ConstMatrixRef& x);

}  // namespace jb
