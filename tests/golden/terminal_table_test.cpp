// Does the energy-per-op table stay as people know it? The expected text was read by a person:
// every column under its title, nothing beyond the width.

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "results/report/terminal_table.h"
#include "results/report/text_layout.h"
#include "tests/support/table_records.h"

namespace jb::results {
namespace {

// One machine with a changed setting, an age sweep and a meter; and what did not end well.
std::vector<Record> special_records() {
  std::vector<Record> records;
  const Json point = test::gemm_point(64, 100, 784);
  for (const double age_s : {0.0, 3600.0}) {
    Record record = test::table_record(point, "crossbar", "pcm-hermes",
                                       {{1.87e-13}, -1, 1.6e13, 5.1e-2, false});
    record.point["age_s"] = age_s;
    record.point["set"] = {{"adc.bits", 6}};
    record.point["precision"] = "f32";
    records.push_back(record);
  }
  for (const double n_mac : {100.0, 1000.0}) {
    Record record = test::table_record(point, "photonic", "photonic-2025",
                                       {{9.7e-13, 1.4e-12}, -1, 3.3e12, 3.4e-2, false});
    record.point["calibration"] = n_mac > 500 ? "locks" : "none";
    records.push_back(record);
  }
  Record metered = test::table_record(
      point, "onednn", "host", {{1.1e-12, 2.2e-12, 3.3e-12, 4.6e-12}, 0.31, 9.8e10, 1.6e-7, true});
  Quantity meter = test::modelled(7.77e-12);
  meter.provenance = Provenance::measured;
  metered.quantities["measured_energy_B3_J_per_mac"] = meter;
  records.push_back(metered);
  Record published =
      test::table_record(point, "systolic", "from-a-paper", {{2e-13}, -1, 0, 0, false});
  published.quantities["energy_B0_J_per_mac"].provenance = Provenance::literature;
  records.push_back(published);
  records.push_back(
      test::stopped_record(point, "systolic", "tpu-v1", Status::inconsistent,
                           "row dram/read moves 12 bytes, fewer than the 84 000 that must cross"));
  records.push_back(test::table_record(test::network_point("mnist"), "reference", "host",
                                       {{}, -1, 2e9, 0.9781, true}));
  records.push_back(test::table_record(test::network_point("synthetic-digits"), "reference", "host",
                                       {{}, -1, 2e9, 0.9655, true}));
  return records;
}

TEST(EnergyTableGolden, DefaultSuiteAt80Columns) {
  EXPECT_EQ("\n" + energy_table(test::table_records(), {80, false}), R"(
Matrix products, energy in J/MAC
backend device                B0     B1      B2      B3 move  MAC/s   error age

gemm 1024 x 1024 x 1024, normal
reference host                 -      -       -       -    -  2.10G       0  0s
onednn host               1.1pJ? 2.2pJ?  3.3pJ?  4.6pJ?  31%  98.0G  1.6e-7  0s
systolic ideal                 -      -       -       -    -      - 2.3e-16  0s
systolic tpu-v1           205fJ~ 291fJ~  420fJ~  812fJ~  62% 46.0T~  1.2e-2  0s
systolic scale-sim-32          -      -       -       -    - 1.02T~  1.2e-2  0s
crossbar ideal                 -      -       -       -    -      - 4.5e-16  0s
crossbar pcm-hermes       187fJ~ 240fJ~       -       -    - 16.0T~  5.1e-2 30d
photonic ideal                 -      -       -       -    -      - 5.0e-16  0s
photonic hamerly2019-sql 52.0zJ°      -       -       -    - 1.00P~  1.6e-1  0s
photonic photonic-2025    970fJ? 1.4pJ?  1.9pJ?  2.6pJ?  27% 3.30T~  3.4e-2  0s

gemm 1 x 100 x 784, normal
reference host                 -      -       -       -    -  42.0M       0  0s
onednn host               1.1pJ? 2.2pJ?  160pJ?  230pJ?  31%  1.96G  1.6e-7  0s
systolic ideal                 -      -       -       -    -      - 2.3e-16  0s
systolic tpu-v1           205fJ~ 291fJ~ 21.0pJ~ 40.6pJ~  62%  920G~  1.2e-2  0s
systolic scale-sim-32          -      -       -       -    - 1.02T~  1.2e-2  0s
crossbar ideal                 -      -       -       -    -      - 4.5e-16  0s
crossbar pcm-hermes       187fJ~ 240fJ~       -       -    -  320G~  5.1e-2 30d
photonic ideal                 -      -       -       -    -      - 5.0e-16  0s
photonic hamerly2019-sql 52.0zJ°      -       -       -    - 20.0T~  1.6e-1  0s
photonic photonic-2025    970fJ? 1.4pJ?   95pJ?  130pJ?  27% 66.0G~  3.4e-2  0s

no numbers:
cublas h100: unavailable: this build has no CUDA: configure with the CUDA
  toolkit installed [2 points]

Data set synthetic-digits, energy in J/MAC
backend device                B0     B1      B2      B3 move  MAC/s  top-1 age

mlp-784-100-10, batch 64
reference host                 -      -       -       -    -   525M 97.55%  0s
onednn host               1.1pJ? 2.2pJ?   13pJ?   18pJ?  31%  24.5G 97.55%  0s
systolic ideal                 -      -       -       -    -      - 97.55%  0s
systolic tpu-v1           205fJ~ 291fJ~ 1.68pJ~ 3.25pJ~  62% 11.5T~ 97.40%  0s
systolic scale-sim-32          -      -       -       -    - 1.02T~ 97.40%  0s
crossbar ideal                 -      -       -       -    -      - 97.55%  0s
crossbar pcm-hermes       187fJ~ 240fJ~       -       -    - 4.00T~ 96.80% 30d
photonic ideal                 -      -       -       -    -      - 97.55%  0s
photonic hamerly2019-sql 52.0zJ°      -       -       -    -  250T~ 95.10%  0s
photonic photonic-2025    970fJ? 1.4pJ?  7.6pJ?   10pJ?  27%  825G~ 90.00%  0s

no numbers:
cublas h100: unavailable: this build has no CUDA: configure with the CUDA
  toolkit installed [mlp-784-100-10, batch 64]

J per MAC, cumulative: B0 arithmetic, conversion, light;
B1 + on-chip memory, control; B2 + DRAM and links; B3 + static power
~ modelled; ? modelled, not validated against a published or metered figure;
° bound of theory, no machine; J/MAC or MAC/s without mark: measured
move: data movement's share of B2;
error: relative Frobenius error against float64;
top-1: accuracy on the test samples; age: time since programming
)");
}

TEST(EnergyTableGolden, SettingsMetersAndDataSetsAt80Columns) {
  EXPECT_EQ("\n" + energy_table(special_records(), {80, false}), R"(
Matrix products, energy in J/MAC
backend device                 B0      B1      B2      B3 move  MAC/s  error age

gemm 64 x 100 x 784, normal
crossbar pcm-hermes adc.bits=6
                           187fJ~       -       -       -    - 16.0T~ 5.1e-2  0s
crossbar pcm-hermes adc.bits=6
                           187fJ~       -       -       -    - 16.0T~ 5.1e-2  1h
photonic photonic-2025 calibration=none
                           970fJ~ 1.40pJ~       -       -    - 3.30T~ 3.4e-2  0s
photonic photonic-2025 calibration=locks
                           970fJ~ 1.40pJ~       -       -    - 3.30T~ 3.4e-2  0s
onednn host               1.10pJ~ 2.20pJ~ 3.30pJ~ 4.60pJ~  31%  98.0G 1.6e-7  0s
  by meter                      -       -       -  7.77pJ    -      -      -   -
systolic from-a-paper      200fJ*       -       -       -    -      -      0  0s

no numbers:
systolic tpu-v1: inconsistent: row dram/read moves 12 bytes, fewer than the 84
  000 that must cross [gemm 64 x 100 x 784, normal]

Data set mnist, energy in J/MAC
backend device  MAC/s   top-1  age

mlp-784-100-10, batch 64
reference host  2.00G  97.81%   0s

Data set synthetic-digits, energy in J/MAC
backend device  MAC/s   top-1  age

mlp-784-100-10, batch 64
reference host  2.00G  96.55%   0s

J per MAC, cumulative: B0 arithmetic, conversion, light;
B1 + on-chip memory, control; B2 + DRAM and links; B3 + static power
~ modelled; * literature; J/MAC or MAC/s without mark: measured
move: data movement's share of B2;
error: relative Frobenius error against float64;
top-1: accuracy on the test samples; age: time since programming
)");
}

TEST(EnergyTableGolden, OneWorkloadAt120Columns) {
  EXPECT_EQ(
      "\n" + energy_table(test::machines_on(test::gemm_point(1024, 1024, 1024), 1), {120, false}),
      R"(
Matrix products, energy in J/MAC
backend device                 B0      B1      B2      B3  move   MAC/s    error  age

gemm 1024 x 1024 x 1024, normal
reference host                  -       -       -       -     -   2.10G        0   0s
onednn host                1.1pJ?  2.2pJ?  3.3pJ?  4.6pJ?   31%   98.0G   1.6e-7   0s
systolic ideal                  -       -       -       -     -       -  2.3e-16   0s
systolic tpu-v1            205fJ~  291fJ~  420fJ~  812fJ~   62%  46.0T~   1.2e-2   0s
systolic scale-sim-32           -       -       -       -     -  1.02T~   1.2e-2   0s
crossbar ideal                  -       -       -       -     -       -  4.5e-16   0s
crossbar pcm-hermes        187fJ~  240fJ~       -       -     -  16.0T~   5.1e-2  30d
photonic ideal                  -       -       -       -     -       -  5.0e-16   0s
photonic hamerly2019-sql  52.0zJ°       -       -       -     -  1.00P~   1.6e-1   0s
photonic photonic-2025     970fJ?  1.4pJ?  1.9pJ?  2.6pJ?   27%  3.30T~   3.4e-2   0s

no numbers:
cublas h100: unavailable: this build has no CUDA: configure with the CUDA toolkit installed [gemm 1024 x 1024 x 1024,
  normal]

J per MAC, cumulative: B0 arithmetic, conversion, light; B1 + on-chip memory, control; B2 + DRAM and links;
B3 + static power
~ modelled; ? modelled, not validated against a published or metered figure; ° bound of theory, no machine;
J/MAC or MAC/s without mark: measured
move: data movement's share of B2; error: relative Frobenius error against float64; age: time since programming
)");
}

}  // namespace
}  // namespace jb::results
