// Cut-offs from records: definitions, interpolation, optical and machine energy apart.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "results/report/photon_cutoff.h"

namespace jb::results {
namespace {

constexpr double kPhoton_J = 1.2816e-19;

Record record(double n_mac, double accuracy, bool theory_bound) {
  Record r;
  r.point = {{"op", "network"},
             {"network", "mlp-784-100-10"},
             {"dataset", "mnist"},
             {"device", theory_bound ? "hamerly2019-sql" : "photonic-2025"},
             {"device_hash", std::to_string(n_mac)},
             {"set", {{"n_mac", std::to_string(n_mac)}}}};
  if (theory_bound) r.point["theory_bound"] = true;
  r.measurement = {{"photons_per_mac", n_mac}, {"photon_energy_J", kPhoton_J}};
  r.verification = {{"float_accuracy_top1_frac", 0.98}, {"trained_with_noise", false}};
  r.quantities["accuracy_top1_frac"].value = accuracy;
  r.quantities["energy_B0_J_per_mac"].value = n_mac * kPhoton_J;
  if (!theory_bound) r.quantities["energy_B3_J_per_mac"].value = 1e-12 + n_mac * 1e-18;
  return r;
}

TEST(PhotonCutoff, InterpolatesInTheLogarithmOfPhotons) {
  const std::vector<PhotonSweep> sweeps =
      photon_sweeps({record(100, 0.98, true), record(1, 0.5, true), record(10, 0.92, true)});
  ASSERT_EQ(sweeps.size(), 1U);
  const PhotonSweep& sweep = sweeps[0];
  EXPECT_NEAR(sweep.clean_error, 0.02, 1e-12);
  const auto ten = sweep.cutoff(0.1);
  ASSERT_TRUE(ten);
  // From error 0.5 at 1 to 0.08 at 10: 0.4 / 0.42 of a decade.
  EXPECT_NEAR(ten->photons_per_mac, std::pow(10, 0.4 / 0.42), 1e-9);
  EXPECT_NEAR(ten->optical_J_per_mac, ten->photons_per_mac * kPhoton_J, 1e-25);
  EXPECT_FALSE(ten->machine_J_per_mac);  // a theory bound is no machine
  const auto twice = sweep.cutoff(2 * sweep.clean_error);
  ASSERT_TRUE(twice);
  EXPECT_NEAR(twice->photons_per_mac, 10 * std::pow(10, 0.04 / 0.06), 1e-9);
  EXPECT_FALSE(sweep.cutoff(0.001));
  EXPECT_FALSE(sweep.cutoff(0.6));
}

TEST(PhotonCutoff, KeepsMachinesApartAndShowsBothEnergies) {
  std::vector<Record> records;
  for (const bool bound : {true, false}) {
    for (const double n : {1.0, 10.0, 100.0})
      records.push_back(record(n, n > 5 ? 0.95 : 0.6, bound));
  }
  Record other = record(3, 0.9, false);
  other.measurement.erase("photons_per_mac");  // not photonic
  records.push_back(other);
  const std::vector<PhotonSweep> sweeps = photon_sweeps(records);
  ASSERT_EQ(sweeps.size(), 2U);
  EXPECT_EQ(sweeps[1].machine_boundary, "B3");
  EXPECT_EQ(sweeps[1].points.size(), 3U);
  const auto cutoff = sweeps[1].cutoff(0.1);
  ASSERT_TRUE(cutoff && cutoff->machine_J_per_mac);
  EXPECT_GT(*cutoff->machine_J_per_mac, 1e5 * cutoff->optical_J_per_mac);
  const std::string text = photon_cutoff_text(sweeps);
  for (const char* word : {"10 %-error", "twice-clean-error", "optical J/MAC", "B3 J/MAC",
                           "trained with noise: no", "photonic-2025", "theory bound"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word;
  }
}

}  // namespace
}  // namespace jb::results
