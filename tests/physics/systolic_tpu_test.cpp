// TPUv1 (Jouppi et al., ISCA 2017): the roofline of Fig. 5, the six applications of Tables 1 to 3,
// and the energy of CNN0.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

class TpuTest : public ::testing::Test {
 protected:
  std::unique_ptr<Device> open(const std::vector<std::pair<std::string, std::string>>& set = {}) {
    DeviceSpec spec = load_device(backend_, "tpu-v1");
    for (const auto& [key, value] : set) spec.set(key, value);
    return backend_.open(spec, {});
  }
  static double rate(const Device& device, const GemmShape& shape) {
    return shape.macs() / device.estimate(shape, OperandMode::stationary, {}).device_time_s;
  }

  const Backend& backend_ = find_backend("systolic");
  std::unique_ptr<Device> device_ = open();
};

// Energy of the die: everything up to B3 but DRAM and the host's port.
double die_J(const Ledger& ledger) {
  double sum = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->boundary != Boundary::B2) sum += row.energy_J;
  }
  return sum;
}

TEST_F(TpuTest, PeakAndRidgeOfTheRoofline) {
  EXPECT_NEAR(2 * device_->peak_mac_per_s() / 1e12, 91.75, 0.005);
  const double bandwidth = device_->spec().number("dram.bandwidth_B_per_s");
  EXPECT_NEAR(device_->peak_mac_per_s() / bandwidth, 1349.26, 0.1);
}

struct Application {
  const char* name;
  GemmShape layer;  // a layer of its kind: m is MACs per weight byte
  double measured_TOPS;
  bool close;  // within 20 % of the model
};

// CNN layers have m of 2888 and 1750 with k and n that fill the array, MLPs and LSTMs 2048-wide
// matrices at the batch of the table.
const std::vector<Application> kApplications = {
    {"MLP0", {200, 2048, 2048}, 12.3, true}, {"MLP1", {168, 2048, 2048}, 9.7, true},
    {"LSTM0", {64, 2048, 2048}, 3.7, true},  {"LSTM1", {96, 2048, 2048}, 2.8, false},
    {"CNN0", {2888, 256, 2304}, 86.0, true}, {"CNN1", {1750, 256, 2304}, 14.1, false},
};

TEST_F(TpuTest, ModelReachesWhatWasMeasuredAndStaysUnderTheRoofline) {
  for (const Application& app : kApplications) {
    const double intensity = static_cast<double>(app.layer.m);
    const double roof = std::min(91.7504, 2 * intensity * 34e9 / 1e12);
    const double modelled = 2 * rate(*device_, app.layer) / 1e12;
    EXPECT_GE(roof, app.measured_TOPS) << app.name;
    EXPECT_GE(modelled, app.measured_TOPS) << app.name;
    EXPECT_LE(modelled, roof * (1 + 1e-12)) << app.name;
    if (app.close) {
      EXPECT_GE(app.measured_TOPS / modelled, 0.8) << app.name;
    }
  }
}

TEST_F(TpuTest, MemoryBoundLayersFollowTheWeightBytes) {
  // MLP0: 2048 x 2048 weights at 34 GB/s take 123 us, the array 24.5 us.
  const Activity activity = device_->estimate({200, 2048, 2048}, OperandMode::stationary, {});
  EXPECT_DOUBLE_EQ(activity.device_time_s, 2048.0 * 2048 / 34e9);
  const auto fast = open({{"dram.bandwidth_B_per_s", "0"}});
  // R + F max(m, R) + R + C - 2 cycles: 8 x 8 folds, 200 rows hide behind loading 256 rows of
  // weights.
  EXPECT_NEAR(fast->estimate({200, 2048, 2048}, OperandMode::stationary, {}).device_time_s,
              (256 + 64 * 256 + 256 + 256 - 2) / 700e6, 1e-15);
}

TEST_F(TpuTest, LongProductsTakeSeveralPassesAndReadWeightsAgain) {
  const GemmShape shape{4096 + 100, 256, 512};
  const auto fast = open({{"dram.bandwidth_B_per_s", "0"}});
  const Activity activity = fast->estimate(shape, OperandMode::stationary, {});
  // Two folds, each with a pass of 4096 rows and one of 100 that lasts as long as 256.
  EXPECT_NEAR(activity.device_time_s, (256 + 2 * (4096 + 256) + 256 + 256 - 2) / 700e6, 1e-15);
  const double m = 4196;
  EXPECT_EQ(price(activity, fast->prices()).dram_bytes(), m * 512 + 2 * 512 * 256 + 4 * m * 256);
}

TEST_F(TpuTest, AHostPortBoundsALoneProduct) {
  const GemmShape shape{2888, 256, 2304};
  const auto port = open({{"activations.bandwidth_B_per_s", "12.5e9"}});
  const double bytes = 2888.0 * 2304 + 4 * 2888.0 * 256;
  EXPECT_DOUBLE_EQ(port->estimate(shape, OperandMode::stationary, {}).device_time_s,
                   bytes / 12.5e9);
}

// The energy by closed form from the preset's constants, and against the published figure.
TEST_F(TpuTest, EnergyOfCnn0) {
  const GemmShape shape{2888, 256, 2304};
  const Activity activity = device_->estimate(shape, OperandMode::stationary, {});
  const Ledger ledger = price(activity, device_->prices());
  const DeviceSpec& spec = device_->spec();
  const double m = 2888;
  const double n = 256;
  const double k = 2304;
  const double macs = m * n * k;
  const double time_s = (256 + 9 * m + 256 + 256 - 2) / 700e6;
  const double expected = macs * (spec.number("energy.mul_J") + spec.number("energy.add_J")) +
                          macs * 40 * spec.number("energy.register_J_per_b") +
                          // Each operand is written into its buffer once and read once (one fold
                          // across); results are written and then read on their way out.
                          2 * m * k * spec.number("energy.sram_a_J_per_B") +
                          2 * k * n * spec.number("energy.sram_b_J_per_B") +
                          2 * 4 * m * n * spec.number("energy.sram_c_J_per_B") +
                          4 * m * n * (2 * 9 - 1) * spec.number("energy.accumulator_J_per_B") +
                          28 * time_s;
  EXPECT_NEAR(die_J(ledger), expected, 1e-9 * expected);

  // 40 W of a busy die at 86e12 operations, 43e12 MAC per second.
  const PresetValidation& validation = spec.validation();
  EXPECT_NEAR(validation.published_J_per_mac, 40 / 43e12, 0.001e-12);
  const double ratio = die_J(ledger) / macs / validation.published_J_per_mac;
  EXPECT_GE(ratio, 0.5);
  EXPECT_LE(ratio, 2.0);
  EXPECT_NEAR(ratio, validation.ratio, 0.005) << "the preset states another ratio";
  // Dynamic power alone against (40 - 28) W: also within a factor 2.
  const double dynamic = (die_J(ledger) - 28 * time_s) / macs;
  EXPECT_GE(dynamic / (12 / 43e12), 0.5);
  EXPECT_LE(dynamic / (12 / 43e12), 2.0);
}

TEST_F(TpuTest, TheValidationNoticesWhatIsWrong) {
  const GemmShape shape{2888, 256, 2304};
  const Activity activity = device_->estimate(shape, OperandMode::stationary, {});
  const double base = die_J(price(activity, device_->prices()));
  const double doubled = die_J(price(activity, device_->prices(), [](const Price& p) {
    return p.component == "mac" ? 2.0 : 1.0;
  }));
  const double arithmetic = price(activity, device_->prices()).cumulative_J(Boundary::B0);
  EXPECT_NEAR(doubled - base, arithmetic, 1e-12 * base);
  // A GEMV has the same energy of arithmetic per MAC and pays for idle rows of the array in time.
  const GemmShape thin{1, 256, 2304};
  const Activity gemv = device_->estimate(thin, OperandMode::stationary, {});
  EXPECT_GT(die_J(price(gemv, device_->prices())) / thin.macs(), 100 * base / shape.macs());
}

}  // namespace
}  // namespace jb
