// Products against CrossSim V3.2 (Sandia): the cases of crosssim_reference.json, each with the
// settings that a device file would give.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "backends/core/json_file.h"
#include "tests/support/crossbar_device.h"
#include "tests/support/crosssim_cases.h"

namespace jb::test {
namespace {

using crosssim::Case;
using crosssim::cases;
using crosssim::matrix_from;

void expect_reproduced(const Case& test, const Json& reference) {
  DeviceSpec spec = crossbar_spec("ideal");
  for (const auto& [key, value] : crosssim::all_settings(test)) spec.set(key, value);
  const auto device = crossbar_backend().open(spec, {});
  const Matrix<double> a = matrix_from(reference.at("X"), true);
  const Matrix<double> b = matrix_from(reference.at("W"), true);
  const Matrix<double> expected = matrix_from(reference.at("Y"), true);
  const auto plan = make_plan(*device, a.rows(), b);
  const Matrix<double> c = run(*plan, a, b.cols());
  double largest = 0;
  double worst = 0;
  for (std::int64_t i = 0; i < c.size(); ++i) {
    largest = std::max(largest, std::abs(expected.data()[i]));
    worst = std::max(worst, std::abs(c.data()[i] - expected.data()[i]));
  }
  EXPECT_LE(worst, test.tolerance * largest) << test.name;
}

TEST(CrossSim, EveryCaseIsReproducedInFloat64) {
  const std::filesystem::path file = crosssim::reference_file();
  if (file.empty()) GTEST_SKIP() << "no crosssim_reference.json";
  const Json json = read_json_file(file, 1U << 20U);
  std::size_t seen = 0;
  for (const Json& reference : json.at("cases")) {
    const auto found = std::find_if(cases().begin(), cases().end(),
                                    [&](const Case& c) { return reference.at("name") == c.name; });
    ASSERT_NE(found, cases().end()) << reference.at("name");
    expect_reproduced(*found, reference);
    ++seen;
  }
  EXPECT_EQ(seen, cases().size());
}

}  // namespace
}  // namespace jb::test
