#include "backends/crossbar/calibration_fit.h"

#include <Eigen/Cholesky>
#include <algorithm>

#include "backends/core/gemm.h"
#include "backends/core/threads.h"

namespace jb::crossbar {
namespace {

// Columns whose features are held at a time.
constexpr std::int64_t kColumns = 32;
// Pull of a gain towards 1 relative to its signal: holds gains that nothing determines.
constexpr double kRidge = 1e-6;

/// x_t W_t of a block of columns: [tile](vector, column).
std::vector<Matrix<double>> features_of(MatrixView<const double> x,
                                        MatrixView<const double> weights, const Partition& tiles,
                                        std::int64_t first, std::int64_t cols) {
  std::vector<Matrix<double>> out;
  for (std::int64_t t = 0; t < tiles.tiles; ++t) {
    Matrix<double> part(x.rows, cols);
    const std::int64_t begin = tiles.begin(t);
    const std::int64_t length = tiles.length(t);
    gemm<double>(x.block(0, begin, x.rows, length),
                 PackedMatrix<double>(weights.block(begin, first, length, cols)), part.view());
    out.push_back(std::move(part));
  }
  return out;
}

/// One column: deviations of the gains from 1 and the offset, by normal equations.
void fit_column(const std::vector<Matrix<double>>& features, std::int64_t col,
                MatrixView<const double> y, std::int64_t at, ColumnFit& fit,
                std::vector<double>& signal) {
  const auto unknowns = static_cast<Eigen::Index>(features.size()) + 1;
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(unknowns, unknowns);
  Eigen::VectorXd right = Eigen::VectorXd::Zero(unknowns);
  Eigen::VectorXd row(unknowns);
  row(unknowns - 1) = 1;
  for (std::int64_t v = 0; v < y.rows; ++v) {
    double rest = y(v, at);
    for (Eigen::Index t = 0; t + 1 < unknowns; ++t) {
      row(t) = features[static_cast<std::size_t>(t)](v, col);
      rest -= row(t);
    }
    normal.selfadjointView<Eigen::Lower>().rankUpdate(row);
    right += rest * row;
  }
  double largest = 0;
  for (Eigen::Index t = 0; t + 1 < unknowns; ++t) largest = std::max(largest, normal(t, t));
  if (largest <= 0) {
    fit.offset[static_cast<std::size_t>(at)] =
        right(unknowns - 1) / normal(unknowns - 1, unknowns - 1);
    return;
  }
  for (Eigen::Index t = 0; t + 1 < unknowns; ++t) {
    signal[static_cast<std::size_t>(t)] = normal(t, t);
    normal(t, t) += kRidge * largest;
  }
  const Eigen::VectorXd solution = normal.selfadjointView<Eigen::Lower>().ldlt().solve(right);
  for (Eigen::Index t = 0; t + 1 < unknowns; ++t) fit.gain(t, at) = 1 + solution(t);
  fit.offset[static_cast<std::size_t>(at)] = solution(unknowns - 1);
}

}  // namespace

ColumnFit fit_columns(MatrixView<const double> x, MatrixView<const double> weights,
                      const Partition& tiles, MatrixView<const double> y) {
  ColumnFit fit;
  fit.gain = Matrix<double>(tiles.tiles, weights.cols);
  std::fill_n(fit.gain.data(), fit.gain.size(), 1.0);
  fit.offset.assign(static_cast<std::size_t>(weights.cols), 0.0);
  Matrix<double> signal(weights.cols, tiles.tiles);
  for (std::int64_t first = 0; first < weights.cols; first += kColumns) {
    const std::int64_t cols = std::min(kColumns, weights.cols - first);
    const std::vector<Matrix<double>> features = features_of(x, weights, tiles, first, cols);
    parallel_for(cols, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> squares(static_cast<std::size_t>(tiles.tiles));
      for (std::int64_t col = begin; col < end; ++col) {
        std::fill(squares.begin(), squares.end(), 0.0);
        fit_column(features, col, y, first + col, fit, squares);
        std::copy(squares.begin(), squares.end(), &signal(first + col, 0));
      }
    });
  }
  double weighted = 0;
  double all = 0;
  for (std::int64_t col = 0; col < weights.cols; ++col) {
    for (std::int64_t t = 0; t < tiles.tiles; ++t) {
      weighted += fit.gain(t, col) * signal(col, t);
      all += signal(col, t);
    }
  }
  if (all > 0) fit.overall = weighted / all;
  return fit;
}

double fit_factor(MatrixView<const double> x, MatrixView<const double> weights,
                  MatrixView<const double> y) {
  Matrix<double> exact(x.rows, weights.cols);
  gemm<double>(x, PackedMatrix<double>(weights), exact.view());
  double cross = 0;
  double square = 0;
  for (std::int64_t i = 0; i < y.rows; ++i) {
    for (std::int64_t j = 0; j < y.cols; ++j) {
      cross += y(i, j) * exact(i, j);
      square += y(i, j) * y(i, j);
    }
  }
  return square > 0 && cross > 0 ? cross / square : 1.0;
}

std::vector<double> fit_slice_factors(const Matrix<double>& wanted,
                                      const std::vector<Matrix<double>>& shares) {
  const auto flat = [](const Matrix<double>& m) {
    return Eigen::Map<const Eigen::VectorXd>(m.data(), m.size());
  };
  const auto slices = static_cast<Eigen::Index>(shares.size());
  Eigen::MatrixXd normal(slices, slices);
  Eigen::VectorXd right(slices);
  for (Eigen::Index s = 0; s < slices; ++s) {
    const Matrix<double>& own = shares[static_cast<std::size_t>(s)];
    for (Eigen::Index t = 0; t <= s; ++t) {
      normal(s, t) = normal(t, s) = flat(own).dot(flat(shares[static_cast<std::size_t>(t)]));
    }
    right(s) = flat(own).dot(flat(wanted));
  }
  // Towards 1, so that a slice which gives nothing keeps that.
  const double pull = std::max(kRidge * normal.diagonal().maxCoeff(), 1e-300);
  right -= normal * Eigen::VectorXd::Ones(slices);
  normal.diagonal().array() += pull;
  const Eigen::VectorXd change = normal.ldlt().solve(right);
  std::vector<double> factors;
  for (Eigen::Index s = 0; s < slices; ++s) factors.push_back(1 + change(s));
  return factors;
}

}  // namespace jb::crossbar
