// Noise and drift of machines of tiles against closed forms.
//
// Standard errors: a variance of N independent normals is known to sqrt(2 / N). Products here have
// 64 x 240 outputs or more, so 2 sqrt(2 / N) is 2.3 %: 5 % is more than four of them.

#include <gtest/gtest.h>

#include <cmath>

#include "backends/photonic/physics.h"
#include "backends/photonic/tiled/parameters.h"
#include "backends/photonic/tiled/ring_bank.h"
#include "tests/support/photonic_bench.h"

namespace jb::photonic_test {
namespace {

using photonic::TiledKind;
using photonic::TiledParameters;

/// A machine with light and nothing else: no converters, no static errors.
const Overrides kLightOnly = {
    {"dac.energy_law", "given"}, {"adc.energy_law", "given"},     {"dac.bits_a", "0"},
    {"adc.bits", "0"},           {"noise.rin_dB_per_Hz", "-300"}, {"noise.readout_e", "0"},
    {"norm", "fixed_scale"},     {"norm.full_scale_a", "1"},      {"laser.sensitivity_dBm", "-50"}};

Overrides light_only(const Overrides& more) {
  Overrides o = kLightOnly;
  o.insert(o.end(), more.begin(), more.end());
  return o;
}

const Overrides kBank = {{"dac.bits_b", "0"},
                         {"drift.ring_GHz_per_rt_s", "0"},
                         {"ring.fwhm_GHz", "0"},
                         {"error.weight", "0"}};
const Overrides kCrossbar = {{"dac.bits_b", "0"},
                             {"ring.fwhm_GHz", "0"},
                             {"error.gain", "0"},
                             {"error.phase_rad", "0"},
                             {"drift.phase_rad_per_rt_s", "0"}};
const Overrides kMesh = {{"phase.bits", "0"},
                         {"error.phase_rad", "0"},
                         {"error.splitter_rad", "0"},
                         {"noise.detector", "0"},
                         {"drift.phase_rad_per_rt_s", "0"}};

/// Mean square of C - A B over all outputs.
double noise_of(Device& device, const Matrix<double>& a, const Matrix<double>& b) {
  const Matrix<double> c = multiply(device, a, b);
  const Matrix<double> reference = product(a, b);
  double sum = 0;
  for (std::int64_t i = 0; i < c.size(); ++i) {
    const double d = c.data()[i] - reference.data()[i];
    sum += d * d;
  }
  return sum / static_cast<double>(c.size());
}

/// Elements in (0, 1), or (-1, 1).
Matrix<double> uniform(std::int64_t rows, std::int64_t cols, bool with_sign) {
  const RandomStream stream(7, 0, tag_of("test.uniform"), 0);
  Matrix<double> x(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const auto u = static_cast<double>(stream.uniform(i, j, 0));
      x(i, j) = with_sign ? 2 * u - 1 : u;
    }
  }
  return x;
}

/// Photons of a detector in a cycle at full scale: sensitivity / (h c / lambda f).
double photons(double dBm) {
  return 1e-3 * std::pow(10.0, dBm / 10) / (photonic::photon_energy_J(1550) * 5e9);
}

TEST(RingBankNoise, IsThatOfAllTheLightWhateverTheWeights) {
  const auto device = open_device("wdm-mrr-12", light_only(kBank));
  const auto a = uniform(64, 12, false);
  const double n0 = photons(-50) / 12;
  double light = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) light += a.data()[i] / 64.0;
  // var y = (sum_j x_j) / (eta n0) in units of the largest weight (section 3.2 of [Tait2017]'s
  // law).
  const double expected = light / (0.8 * n0);
  for (const double scale : {1.0, 0.1, 0.001}) {
    Matrix<double> b(12, 480);
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] = (i % 2 == 0 ? scale : -scale);
    b(0, 0) = 1;  // full scale stays, the weights fall
    EXPECT_NEAR(noise_of(*device, a, b) / expected, 1, 0.05) << scale;
  }
}

TEST(RingBankNoise, TwoPassesSeeMagnitudesAndOffsetsSeeMore) {
  const auto a = uniform(64, 12, true);
  Matrix<double> b(12, 480);
  for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] = i % 2 == 0 ? 1.0 : -1.0;
  const double n0 = photons(-50) / 12;
  double magnitudes = 0;
  double shifted = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    magnitudes += std::abs(a.data()[i]) / 64.0;
    shifted += (a.data()[i] + 1) / 2 / 64.0;
  }
  const auto two = open_device("wdm-mrr-12", light_only(kBank));
  EXPECT_NEAR(noise_of(*two, a, b) / (magnitudes / (0.8 * n0)), 1, 0.05);
  Overrides o = light_only(kBank);
  o.emplace_back("inputs.signed", "offset");
  const auto offset = open_device("wdm-mrr-12", o);
  // y = 2 v - sum w: the noise of v twice.
  EXPECT_NEAR(noise_of(*offset, a, b) / (4 * shifted / (0.8 * n0)), 1, 0.05);
}

TEST(CrossbarNoise, IsTheHomodyneLawPerReadout) {
  for (const char* split : {"0.5", "0.2"}) {
    Overrides o = light_only(kCrossbar);
    o.emplace_back("split", split);
    const auto device = open_device("lightening-transformer-8b", o);
    const auto a = uniform(64, 24, true);
    const auto b = uniform(24, 240, true);
    const double s = std::stod(split);
    const double beta2 = s * photons(-50) / 12;
    const double alpha2 = (1 - s) * photons(-50) / 12;
    double a2 = 0;
    double b2 = 0;
    double largest = 0;
    for (std::int64_t i = 0; i < a.size(); ++i) a2 += a.data()[i] * a.data()[i] / 64.0;
    for (std::int64_t i = 0; i < b.size(); ++i) {
      b2 += b.data()[i] * b.data()[i] / 240.0;
      largest = std::max(largest, std::abs(b.data()[i]));
    }
    const double unit2 = largest * largest;
    // (E1): (alpha^2 ||a||^2 + beta^2 ||b||^2) / (4 eta alpha^2 beta^2), b at full scale 1.
    const double expected = unit2 * (alpha2 * a2 + beta2 * b2 / unit2) / (4 * 0.8 * alpha2 * beta2);
    EXPECT_NEAR(noise_of(*device, a, b) / expected, 1, 0.05) << split;
  }
}

TEST(MeshNoise, IsThatOfHomodyneReadoutScaledByTheLargestSingularValue) {
  const auto device = open_device("mzi-mesh-12", light_only(kMesh));
  // Diagonal weights: singular values 4 and less, signals known.
  Matrix<double> b(12, 12);
  for (std::int64_t i = 0; i < 12; ++i) b(i, i) = i == 0 ? 4 : 2;
  const auto a = uniform(2000, 12, true);
  const double n = photons(-50);
  double signal = 0;
  const Matrix<double> c = product(a, b);
  for (std::int64_t i = 0; i < c.size(); ++i) signal += c.data()[i] * c.data()[i];
  signal /= static_cast<double>(c.size());
  // Half of the light is the local oscillator: 16 / (4 eta n / 2) + v^2 / (4 eta n / 2).
  EXPECT_NEAR(noise_of(*device, a, b) / ((16 + signal) / (2 * 0.8 * n)), 1, 0.05);
}

TEST(AmplifierNoise, CountsAgainstTheElectronsOfFullScale) {
  Overrides o = light_only(kBank);
  o.emplace_back("noise.shot", "false");
  o.emplace_back("noise.readout_e", "50");
  const auto device = open_device("wdm-mrr-12", o);
  const auto a = uniform(64, 36, false);
  Matrix<double> b(36, 480);
  for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] = i % 2 == 0 ? 3.0 : -3.0;
  const double gain = 0.8 * photons(-50) / 12;             // electrons of a full-scale intensity
  const double expected = 3 * std::pow(3 * 50 / gain, 2);  // three readouts
  EXPECT_NEAR(noise_of(*device, a, b) / expected, 1, 0.05);
}

TEST(Rings, LorentzianCrosstalkIsCompensatedWhereItIsKnown) {
  const auto error = [](const char* compensated) {
    Overrides o = light_only({{"dac.bits_b", "0"},
                              {"drift.ring_GHz_per_rt_s", "0"},
                              {"error.weight", "0"},
                              {"noise.shot", "false"}});
    o.emplace_back("ring.compensated", compensated);
    const auto device = open_device("wdm-mrr-12", o);
    const auto a = uniform(32, 12, false);
    const auto b = uniform(12, 60, true);
    return relative_error(multiply(*device, a, b), product(a, b));
  };
  // Left alone, neighbours take light away: twice (10 / 200)^2 / (1 + ...) of each channel at
  // least, always of one sign.
  EXPECT_GT(error("false"), 0.005);
  EXPECT_LT(error("true"), 1e-9);
}

TEST(Rings, LorentzianAndUsableWeight) {
  EXPECT_DOUBLE_EQ(photonic::lorentzian(0, 10), 1);
  EXPECT_DOUBLE_EQ(photonic::lorentzian(5, 10), 0.5);
  photonic::RingImperfections rings;
  EXPECT_EQ(photonic::usable_weight(rings), 1);
  rings.fwhm_GHz = 10;
  // Half a spacing (50 GHz) away twice, 1 / 101 each, and 100, 200, ... GHz on both sides:
  // 2 / 101 + 2 sum 1 / (1 + 400 q^2) = 0.0280 of first order.
  EXPECT_NEAR(photonic::usable_weight(rings), 1 - 2 * 0.0280, 0.001);
}

/// Relative error of a product at that time since a lock.
double drifted_error(const std::string& preset, double age_s, double since_s, bool lock) {
  const auto device = open_device(preset, {});
  const auto a = normal_matrix<double>(40, 24, 20);
  const auto b = normal_matrix<double>(24, 24, 21);
  const auto plan = device->plan({40, 24, 24}, b.view(), OperandMode::stationary, PlanOptions{});
  Matrix<double> c(40, 24);
  if (lock) {
    device->set_epoch({age_s - since_s, age_s - since_s, 25});
    const Activity cost = device->calibrate("lock");
    EXPECT_GT(cost.device_time_s, 0);
    EXPECT_FALSE(cost.rows().empty());
  }
  device->set_epoch({age_s, since_s, 25});
  plan->execute(a.view(), c.view());
  return relative_error(c, product(a, b));
}

TEST(Drift, GrowsSinceTheLockAndALockEndsIt) {
  for (const char* preset : {"mzi-mesh-12", "wdm-mrr-12", "lightening-transformer-8b"}) {
    SCOPED_TRACE(preset);
    const double fresh = drifted_error(preset, 1e6, 0, true);
    const double hour = drifted_error(preset, 1e6, 3600, true);
    const double never = drifted_error(preset, 1e6, 1e6, false);
    // An hour is sqrt(3600) 1e-3 rad = 3.4 degrees, or 0.6 GHz of a width of 10 GHz.
    EXPECT_GT(never, 1.5 * fresh);
    EXPECT_GE(never, hour);
    EXPECT_GE(hour, 0.95 * fresh);
    // A time that is visited again sees the same drift.
    EXPECT_EQ(hour, drifted_error(preset, 1e6, 3600, true));
  }
}

TEST(Drift, LocksReadThroughTheMachinesOwnReadouts) {
  // The reading's error falls with the root of the number of readings, its energy rises with it.
  const auto cost = [](const char* readings) {
    const auto device = open_device("wdm-mrr-12", {{"calibration.readings", readings}});
    const Activity activity = device->calibrate("lock");
    return price(activity, device->prices()).category_J(Category::calibration, Boundary::B3);
  };
  EXPECT_NEAR(cost("1600"), 100 * cost("16"), 1e-6 * cost("1600"));
  const auto error = [](const char* readings) {
    Overrides o = {{"laser.sensitivity_dBm", "-45"},
                   {"noise.shot", "true"},
                   {"calibration.readings", readings}};
    const auto device = open_device("wdm-mrr-12", o);
    const auto a = uniform(200, 12, false);
    const auto b = uniform(12, 60, true);
    device->set_epoch({});
    const auto plan = device->plan({200, 60, 12}, b.view(), OperandMode::stationary, PlanOptions{});
    device->calibrate("lock");
    // Noise of single products averages out over calls; what is left is in the weights.
    Matrix<double> mean(200, 60);
    constexpr int kCalls = 64;
    for (int call = 0; call < kCalls; ++call) {
      Matrix<double> c(200, 60);
      plan->execute(a.view(), c.view(), Draw{static_cast<std::uint64_t>(call), 0},
                    Direction::forward);
      for (std::int64_t i = 0; i < c.size(); ++i) mean.data()[i] += c.data()[i] / kCalls;
    }
    return relative_error(mean, product(a, b));
  };
  EXPECT_GT(error("1"), 1.2 * error("10000"));
}

TEST(Drift, TransposedProductsOfAMeshTakeTheSameLightBackwards) {
  const auto device = open_device("mzi-mesh-12", {{"array.cores", "6"}});
  const auto a = normal_matrix<double>(30, 30, 22);
  const auto b = normal_matrix<double>(20, 30, 23);
  const auto plan = device->plan({30, 30, 20}, b.view(), OperandMode::stationary, PlanOptions{});
  ASSERT_TRUE(plan->resident());
  Matrix<double> c(30, 20);
  const Execution back = plan->execute(a.view(), c.view(), Draw{}, Direction::transposed);
  EXPECT_LT(relative_error(c, product(a, transpose(b))), 0.6);
  for (const ActivityRow& row : back.activity.rows()) {
    EXPECT_NE(device->prices().prices[row.action].category, Category::programming);
  }
}

}  // namespace
}  // namespace jb::photonic_test
