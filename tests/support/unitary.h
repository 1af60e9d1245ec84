#pragma once
// Random unitary and orthogonal matrices and the distance of a mesh from them.

#include <Eigen/QR>
#include <cmath>
#include <complex>
#include <cstdint>

#include "backends/core/matrix.h"
#include "backends/core/random.h"
#include "backends/photonic/mesh/clements.h"

namespace jb::photonic_test {

/// Haar-random: Q of a complex Gaussian matrix, columns times the phases of R's diagonal (F.
/// Mezzadri, Notices of the AMS 54, 592 (2007)).
inline Matrix<std::complex<double>> haar_unitary(std::int64_t n, std::uint64_t seed) {
  const RandomStream stream(seed, 0, tag_of("test.haar"), 0);
  Eigen::MatrixXcd g(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      g(i, j) = {static_cast<double>(stream.normal(i, 2 * j, 0)),
                 static_cast<double>(stream.normal(i, 2 * j + 1, 0))};
    }
  }
  const Eigen::HouseholderQR<Eigen::MatrixXcd> qr(g);
  const Eigen::MatrixXcd q = qr.householderQ();
  Matrix<std::complex<double>> u(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const std::complex<double> r = qr.matrixQR()(j, j);
      u(i, j) = q(i, j) * (r / std::abs(r));
    }
  }
  return u;
}

inline Matrix<double> random_orthogonal(std::int64_t n, std::uint64_t seed) {
  const RandomStream stream(seed, 0, tag_of("test.orthogonal"), 0);
  Eigen::MatrixXd g(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) g(i, j) = static_cast<double>(stream.normal(i, j, 0));
  }
  const Eigen::MatrixXd q = Eigen::HouseholderQR<Eigen::MatrixXd>(g).householderQ();
  Matrix<double> u(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) u(i, j) = q(i, j);
  }
  return u;
}

/// E = ||mesh - u||_F / sqrt(N).
template <class T>
double mesh_distance(const photonic::ModeFields& mesh, const Matrix<T>& u) {
  double sum = 0;
  for (std::int64_t i = 0; i < u.rows(); ++i) {
    for (std::int64_t j = 0; j < u.cols(); ++j) {
      sum += std::norm(std::complex<double>(mesh.re(i, j), mesh.im(i, j)) -
                       std::complex<double>(u(i, j)));
    }
  }
  return std::sqrt(sum / static_cast<double>(u.rows()));
}

}  // namespace jb::photonic_test
