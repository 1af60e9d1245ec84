#include "harness/nnls.h"

#include <Eigen/QR>
#include <vector>

#include "backends/core/error.h"

namespace jb::harness {
namespace {

/// Unconstrained least squares over the columns in `passive`; zero elsewhere.
Eigen::VectorXd solve_passive(const Eigen::MatrixXd& a, const Eigen::VectorXd& b,
                              const std::vector<bool>& passive) {
  std::vector<Eigen::Index> columns;
  for (Eigen::Index j = 0; j < a.cols(); ++j) {
    if (passive[static_cast<std::size_t>(j)]) columns.push_back(j);
  }
  Eigen::MatrixXd part(a.rows(), static_cast<Eigen::Index>(columns.size()));
  for (std::size_t j = 0; j < columns.size(); ++j) {
    part.col(static_cast<Eigen::Index>(j)) = a.col(columns[j]);
  }
  const Eigen::VectorXd solution = part.colPivHouseholderQr().solve(b);
  Eigen::VectorXd whole = Eigen::VectorXd::Zero(a.cols());
  for (std::size_t j = 0; j < columns.size(); ++j) {
    whole(columns[j]) = solution(static_cast<Eigen::Index>(j));
  }
  return whole;
}

}  // namespace

Eigen::VectorXd nonnegative_least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
  const Eigen::Index n = a.cols();
  if (a.rows() != b.size() || a.rows() < n) fail_internal("NNLS needs as many rows as columns");
  std::vector<bool> passive(static_cast<std::size_t>(n), false);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n);
  // The gradient is zero to rounding at the solution.
  const double tolerance = 1e-12 * (a.transpose() * b).cwiseAbs().maxCoeff();
  const int most = 30 * static_cast<int>(n) + 30;  // far beyond what the finite method takes
  for (int step = 0; step < most; ++step) {
    const Eigen::VectorXd gradient = a.transpose() * (b - a * x);
    Eigen::Index best = -1;
    for (Eigen::Index j = 0; j < n; ++j) {
      if (passive[static_cast<std::size_t>(j)] || gradient(j) <= tolerance) continue;
      if (best < 0 || gradient(j) > gradient(best)) best = j;
    }
    if (best < 0) return x;
    passive[static_cast<std::size_t>(best)] = true;
    Eigen::VectorXd z = solve_passive(a, b, passive);
    // Back towards x until no passive coefficient is negative; those at zero leave.
    while (true) {
      double alpha = 1;
      for (Eigen::Index j = 0; j < n; ++j) {
        if (passive[static_cast<std::size_t>(j)] && z(j) <= 0) {
          alpha = std::min(alpha, x(j) / (x(j) - z(j)));
        }
      }
      if (alpha >= 1) break;
      x += alpha * (z - x);
      for (Eigen::Index j = 0; j < n; ++j) {
        if (passive[static_cast<std::size_t>(j)] && z(j) <= 0 && x(j) <= 1e-15 * x.maxCoeff()) {
          passive[static_cast<std::size_t>(j)] = false;
          x(j) = 0;
        }
      }
      z = solve_passive(a, b, passive);
    }
    x = z;
  }
  return x;
}

}  // namespace jb::harness
