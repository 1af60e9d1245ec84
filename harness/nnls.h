#pragma once
// Least squares with coefficients that are not negative.

#include <Eigen/Core>

namespace jb::harness {

/// The x >= 0 with the least ||A x - b||: the active-set method of Lawson & Hanson, Solving Least
/// Squares Problems (1974), chapter 23, algorithm NNLS. A needs at least as many rows as columns.
Eigen::VectorXd nonnegative_least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);

}  // namespace jb::harness
