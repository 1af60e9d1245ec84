// Published figures of CMOS accelerators: Eyeriss' chip and its relative energies, AlexNet's
// counts, and the DRAM energies of the Timeloop/Accelergy exercises.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/json_file.h"
#include "backends/core/paths.h"
#include "backends/core/table_file.h"
#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"
#include "harness/point.h"

namespace jb {
namespace {

double relative(const char* level) {
  static const Json table = read_json_file(tables_dir() / "eyeriss-relative.json").at("relative");
  return table.at(level).get<double>();
}

ConvShape alexnet(int layer) {
  harness::PointSpec point;
  harness::apply_named_shape(point, "alexnet-conv" + std::to_string(layer));
  return point.conv;
}

TEST(AlexNet, LayersCountWhatIsPublished) {
  const std::vector<double> published = {105415200, 223948800, 149520384, 112140288, 74760192};
  double sum = 0;
  for (int layer = 1; layer <= 5; ++layer) {
    EXPECT_EQ(alexnet(layer).macs(), published[static_cast<std::size_t>(layer - 1)]) << layer;
    sum += alexnet(layer).macs();
  }
  EXPECT_EQ(sum, 665784864);
  for (const auto& [name, macs] :
       {std::pair{"alexnet-fc6", 37748736.0}, std::pair{"alexnet-fc7", 16777216.0},
        std::pair{"alexnet-fc8", 4096000.0}}) {
    harness::PointSpec point;
    harness::apply_named_shape(point, name);
    EXPECT_EQ(point.gemm.macs(), macs) << name;
  }
}

// Chen et al., JSSC 2017, AlexNet at 65 nm, 1 V, 200 MHz, batches of 4: power and time of each
// layer.
TEST(Eyeriss, TheChipsEnergyPerMac) {
  struct Layer {
    double power_W, time_s;
  };
  const std::vector<Layer> layers = {
      {0.332, 20.9e-3}, {0.288, 41.9e-3}, {0.266, 23.6e-3}, {0.235, 18.4e-3}, {0.236, 10.5e-3}};
  const std::vector<double> printed_pJ = {16.5, 13.4, 10.5, 9.6, 8.3};
  double energy_J = 0;
  double time_s = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double macs = 4 * alexnet(static_cast<int>(i) + 1).macs();
    // Printed with one digit, from multiply-accumulates of two: 0.05 and half a per cent of 16.5.
    EXPECT_NEAR(layers[i].power_W * layers[i].time_s / macs * 1e12, printed_pJ[i], 0.14) << i + 1;
    energy_J += layers[i].power_W * layers[i].time_s;
    time_s += layers[i].time_s;
  }
  EXPECT_NEAR(time_s, 115.3e-3, 0.05e-3);
  EXPECT_NEAR(energy_J / time_s, 0.278, 0.0005);
  EXPECT_NEAR(energy_J / (4 * 665784864.0) * 1e12, 12.05, 0.05);
}

// Reuse of a value split over DRAM (a), buffer (b), array (c) and registers (d), in energies of a
// multiply-accumulate: Chen et al., ISCA 2016, input a E_dram + ab E_buffer + abc E_array + abcd
// E_rf, sums (2a - 1) E_dram + 2a (b - 1) E_buffer + ab (c - 1) E_array + 2abc (d - 1) E_rf.
double input_energy(double a, double b, double c, double d) {
  return a * relative("dram") + a * b * relative("buffer") + a * b * c * relative("array") +
         a * b * c * d * relative("register_file");
}
double sum_energy(double a, double b, double c, double d) {
  return (2 * a - 1) * relative("dram") + 2 * a * (b - 1) * relative("buffer") +
         a * b * (c - 1) * relative("array") + 2 * a * b * c * (d - 1) * relative("register_file");
}

TEST(Eyeriss, RelativeEnergiesSplitAsPublished) {
  EXPECT_EQ(input_energy(1, 1, 1, 1), 200 + 6 + 2 + 1);
  EXPECT_EQ(input_energy(1, 4, 3, 10), 200 + 24 + 24 + 120);
  EXPECT_EQ(sum_energy(1, 1, 1, 10), 200 + 18);
  EXPECT_EQ(sum_energy(1, 2, 3, 1), 200 + 12 + 2 * 2 * 2);
  // Convolutions: 0.0029 DRAM and 0.0392 buffer accesses, four register accesses for each
  // multiply-accumulate (JSSC 2017): registers take some 68 %, DRAM a tenth.
  const double mac = relative("mac");
  const double dram = 0.0029 * relative("dram");
  const double buffer = 0.0392 * relative("buffer");
  const double registers = 4 * relative("register_file");
  EXPECT_NEAR(dram, 0.58, 0.005);
  EXPECT_NEAR(buffer, 0.24, 0.005);
  const double conv = mac + dram + buffer + registers;
  EXPECT_NEAR(registers / conv, 0.68, 0.01);
  EXPECT_LT(dram / conv, 0.1);
  // Fully connected layers at batch 16: each weight is read from DRAM for 16 of them.
  const double weights = relative("dram") / 16;
  EXPECT_EQ(weights, 12.5);
  EXPECT_GT(weights / (weights + mac + buffer + registers), 0.5);
}

// The exercises' layer: 3 channels of 225 x 225, 32 filters of 3 x 3, stride 2.
ConvShape exercise_layer() {
  ConvShape shape;
  shape.in_channels = 3;
  shape.height = shape.width = 225;
  shape.out_channels = 32;
  shape.kernel_h = shape.kernel_w = 3;
  shape.stride = 2;
  return shape;
}

TEST(Timeloop, DramEnergiesOfTheExercises) {
  const ConvShape layer = exercise_layer();
  EXPECT_EQ(layer.macs(), 10838016);
  const double words = 864 + 3.0 * 225 * 225 + 32.0 * 112 * 112;
  EXPECT_EQ(words, 554147);
  // Words of 8 and 16 bits at the 8 pJ/b of LPDDR4, divided by the multiply-accumulates; printed in
  // fJ with two digits.
  const double bit = table_entry("dram/lpddr4").value / 8;
  EXPECT_NEAR(572528 * 8 * bit / layer.macs() * 1e15, 3380.86, 0.01);
  EXPECT_NEAR(words * 16 * bit / layer.macs() * 1e15, 6544.64, 0.01);
  EXPECT_NEAR(572528 * 16 * bit / layer.macs() * 1e15, 6761.72, 0.01);
}

// An array like Eyeriss on that layer: what crosses the chip's edge is the input itself, and energy
// on the chip stands within a factor two of the exercises' 5469.65 - 3380.86 fJ.
TEST(EyerissLike, EnergyOnTheChipAgainstTheExercises) {
  const Backend& backend = find_backend("systolic");
  const DeviceSpec spec = load_device(backend, "eyeriss-like");
  const auto device = backend.open(spec, {});
  const ConvShape layer = exercise_layer();
  const auto counts = device->count_conv(layer.extent());
  ASSERT_TRUE(counts.has_value());
  const Ledger ledger = price(*counts, device->prices());
  const double chip = ledger.cumulative_J(Boundary::B1) / layer.macs();
  EXPECT_NEAR(spec.validation().published_J_per_mac, (5469.65 - 3380.86) * 1e-15, 2e-17);
  const double ratio = chip / spec.validation().published_J_per_mac;
  EXPECT_NEAR(ratio, spec.validation().ratio, 0.005) << "the preset states another ratio";
  EXPECT_TRUE(spec.validation().holds());
  double in = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->component == "dram" && row.price->action == "read a byte") in += row.count;
  }
  // The windows of a fold fit the buffer and serve all filters: the input comes in once.
  EXPECT_EQ(in, 3.0 * 225 * 225);
  // Doubling the scratchpads must show.
  const double doubled = price(*counts, device->prices(), [](const Price& p) {
                           return p.component == "pe scratchpad" ? 2.0 : 1.0;
                         }).cumulative_J(Boundary::B1);
  EXPECT_GT(doubled / layer.macs(), chip * 1.3);
}

TEST(Floors, Landauer) {
  // k T ln 2 at 300 K; an 8-bit multiplication at 7 nm spends 2.4e7 times as much.
  EXPECT_NEAR(landauer_J(300), 2.870979e-21, 1e-6 * 2.870979e-21);
  EXPECT_NEAR(table_entry("ops-7nm/mul.int8").value / landauer_J(300), 2.4e7, 0.05e7);
}

}  // namespace
}  // namespace jb
