#pragma once
// The decomposition that a mesh of interferometers is set from. Apart, because Eigen's divide and
// conquer is by far the slowest source here to compile.

#include <Eigen/Core>

namespace jb::photonic {

using RowMajorMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// w = left diag(values) right, with orthogonal left and right.
struct SingularValues {
  Eigen::VectorXd values;  ///< in falling order
  RowMajorMatrix left;
  RowMajorMatrix right;  ///< its rows are the right singular vectors
};

/// Of a square matrix of finite numbers.
SingularValues singular_values(Eigen::Ref<const RowMajorMatrix> w);
double largest_singular_value(Eigen::Ref<const RowMajorMatrix> w);

}  // namespace jb::photonic
