// Where does the light run out? Error of trained perceptrons against photons per MAC on the MNIST
// test images, at the standard quantum limit (R. Hamerly et al., PRX 9, 021032 (2019), Fig. 4; the
// expected ranges are P1 to P4 of the project's photonic reference). Trained networks come from the
// user's cache, or are trained into it. Needs the MNIST files: JOULEBENCH_TEST_DATA names the
// folder that holds mnist/.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backends/photonic/physics.h"
#include "models/dataset.h"
#include "models/mlp.h"
#include "tests/support/photonic_bench.h"

namespace jb {
namespace {

using models::Dataset;
using models::Mlp;

std::optional<Dataset> mnist() {
  const char* root = std::getenv("JOULEBENCH_TEST_DATA");
  if (root == nullptr || !std::filesystem::is_directory(std::filesystem::path(root) / "mnist")) {
    return std::nullopt;
  }
  return models::load_dataset("mnist", std::filesystem::path(root) / "mnist");
}

/// A trained network and its error against photons.
class Study {
 public:
  Study(const std::string& name, const Dataset& data)
      : data_(data),
        network_(models::trained_mlp(name, data, models::default_training(name), "")) {}

  double clean_error() const {
    return error_of(models::forward(network_, data_.test.images.view()));
  }
  double error(double photons_per_mac) const {
    const auto device =
        photonic_test::open_device("hamerly2019-sql", {{"n_mac", std::to_string(photons_per_mac)}});
    const MatrixView<const float> images = data_.test.images.view();
    const auto executable = device->compile(network_.graph().bind(images.rows), {});
    Matrix<float> logits(images.rows, network_.widths.back());
    run_rows(*executable, images, logits.view(), Draw{});
    return error_of(logits);
  }
  /// Joules per MAC, optical, where the error falls to 10 %: bisection in log photons to 2 %.
  double ten_percent_J() const {
    double low = 0.05, high = 50;
    while (high > 1.02 * low) {
      const double middle = std::sqrt(low * high);
      (error(middle) > 0.1 ? low : high) = middle;
    }
    return high * photonic::photon_energy_J(1550);
  }

 private:
  double error_of(const Matrix<float>& logits) const {
    return 1 - models::accuracy(models::argmax_rows(logits.view()), data_.test.labels);
  }
  const Dataset& data_;
  Mlp network_;
};

TEST(PhotonicMnist, CutOffsOfBothPerceptrons) {
  const std::optional<Dataset> data = mnist();
  if (!data) GTEST_SKIP() << "no MNIST: set JOULEBENCH_TEST_DATA to the folder that holds mnist/";
  const Study small("mlp-784-100-10", *data);
  const Study large("mlp-784-1000-1000-10", *data);
  const double small_J = small.ten_percent_J();
  const double large_J = large.ten_percent_J();
  RecordProperty("ten_percent_error_small_aJ", std::to_string(small_J * 1e18));
  RecordProperty("ten_percent_error_large_zJ", std::to_string(large_J * 1e21));
  EXPECT_GT(small_J, 0.4e-18);  // P1
  EXPECT_LT(small_J, 1.3e-18);
  EXPECT_GT(large_J, 40e-21);  // P2
  EXPECT_LT(large_J, 170e-21);
  EXPECT_GT(small_J / large_J, 5);  // P3: wider layers average more noise
  EXPECT_LT(small_J / large_J, 14);
  // P4: from 50 photons on the network is as good as without noise.
  for (const double photons : {50.0, 1000.0}) {
    EXPECT_LT(small.error(photons), small.clean_error() + 0.008) << photons;
    EXPECT_LT(large.error(photons), large.clean_error() + 0.008) << photons;
  }
}

}  // namespace
}  // namespace jb
