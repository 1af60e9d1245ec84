// Closed forms of light and converters, and what parameters refuse.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/energy/bounds.h"
#include "backends/photonic/physics.h"
#include "tests/support/photonic_bench.h"

namespace jb {
namespace {

using photonic_test::open_device;
using photonic_test::Overrides;
using photonic_test::spec_of;

TEST(PhotonicPhysics, Constants) {
  // Photon energy at 1550 nm, kTC electrons of 1 fF at 300 K, quantum efficiency of 1 A/W,
  // Landauer.
  EXPECT_NEAR(photonic::photon_energy_J(1550), 1.2816e-19, 1.2816e-22);
  EXPECT_NEAR(photonic::ktc_noise_e(1e-15, 300), 12.70, 0.0127);
  EXPECT_NEAR(photonic::quantum_efficiency(1.0, 1550), 0.800, 0.0008);
  EXPECT_NEAR(landauer_J(300), 2.871e-21, 2.871e-24);
  EXPECT_NEAR(photonic::full_well_e(1e-15, 1.0), 6242, 1);
  // 4.63 dB at 20 % wall-plug efficiency: 6.89 % of wall power arrives.
  EXPECT_NEAR(photonic::transmission(4.63) * 0.2, 0.0689, 0.00005);
}

TEST(PhotonicPhysics, ThermalEqualsShotAtTheParityPhotonNumber) {
  // Photons per readout where k T C / e^2 equals eta N: 161.4 for 1 fF (photonic reference, T5).
  const double electrons = photonic::ktc_noise_e(1e-15, 300);
  EXPECT_NEAR(electrons * electrons, 161.4, 0.05);
}

TEST(PhotonicPhysics, ConverterLaw) {
  EXPECT_NEAR(photonic::adc_fit_J(10e9, 5.89), 1.06e-12, 0.01 * 1.06e-12);
  // Entries of the published fit's table (pJ), printed to two digits.
  EXPECT_NEAR(photonic::adc_fit_J(1e9, 8), 0.64e-12, 0.005e-12);
  EXPECT_NEAR(photonic::adc_fit_J(100e6, 10), 0.76e-12, 0.006e-12);
  EXPECT_NEAR(photonic::adc_fit_J(5e9, 6), 0.44e-12, 0.005e-12);
  EXPECT_NEAR(photonic::adc_rule_J(8), 0.8655e-12, 0.0001e-12);
  // At 8 bits the rule is the floor below about 1.2 GS/s, the fit rules above.
  EXPECT_DOUBLE_EQ(photonic::adc_energy_J(4.9e6, 8), photonic::adc_rule_J(8));
  EXPECT_DOUBLE_EQ(photonic::adc_energy_J(5e9, 8), photonic::adc_fit_J(5e9, 8));
}

TEST(PhotonicParameters, RefusesWhatIsOutsidePhysics) {
  const Overrides outside = {
      {"eta", "1.5"},        {"wpe", "1.01"},        {"loss.coupling_dB", "-1"}, {"n_mac", "0"},
      {"split", "0"},        {"split", "1"},         {"f_clk_Hz", "0"},          {"adc.bits", "-1"},
      {"c_fF", "-1"},        {"norm", "per_tensor"}, {"array.outputs", "-3"},    {"papr", "-1"},
      {"temperature_K", "0"}};
  for (const auto& entry : outside) {
    DeviceSpec spec = spec_of("photonic-2025");
    try {
      spec.set(entry.first, entry.second);
      ADD_FAILURE() << entry.first << " = " << entry.second << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find(entry.first), std::string::npos) << error.what();
    }
  }
}

TEST(PhotonicParameters, RefusesContradictions) {
  const std::vector<Overrides> contradictions = {
      {{"papr", "0.5"}},         // no signal has less than 1
      {{"c_fF", "0.0001"}},      // holds 0.6 electrons at 1 V
      {{"dac.bits_a", "1"}},     // a sign and no level
      {{"adc.bits", "0"}},       // the rate-aware law needs bits
      {{"array.samples", "0"}},  // branching stages unknown
      {{"energy.lowest", "B3"}, {"energy.highest", "B1"}}};
  for (const Overrides& overrides : contradictions) {
    EXPECT_THROW(open_device("photonic-2025", overrides), Error) << overrides[0].first;
  }
  EXPECT_THROW(open_device("hamerly2019-sql", {{"energy.highest", "B1"}}), Error);
  EXPECT_NO_THROW(open_device("photonic-2025"));
}

TEST(PhotonicParameters, EveryPresetOpensAndSaysWhereItsValuesComeFrom) {
  const std::vector<std::string> names = preset_names("photonic");
  ASSERT_GE(names.size(), 4U);
  for (const std::string& name : names) {
    const DeviceSpec spec = spec_of(name);
    EXPECT_EQ(spec.name(), name);
    EXPECT_NO_THROW(open_device(name));
    for (const ParameterSpec& key : spec.schema()) EXPECT_FALSE(spec.at(key.key).source.empty());
  }
  EXPECT_FALSE(open_device("ideal")->prices().has_energy);
  EXPECT_TRUE(spec_of("hamerly2019-sql").theory_bound());
}

}  // namespace
}  // namespace jb
