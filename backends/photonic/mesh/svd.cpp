#include "backends/photonic/mesh/svd.h"

#include <Eigen/SVD>

namespace jb::photonic {

SingularValues singular_values(Eigen::Ref<const RowMajorMatrix> w) {
  const Eigen::BDCSVD<RowMajorMatrix> svd(w, Eigen::ComputeFullU | Eigen::ComputeFullV);
  return {svd.singularValues(), svd.matrixU(), svd.matrixV().transpose()};
}

double largest_singular_value(Eigen::Ref<const RowMajorMatrix> w) {
  return Eigen::BDCSVD<RowMajorMatrix>(w).singularValues()(0);
}

}  // namespace jb::photonic
