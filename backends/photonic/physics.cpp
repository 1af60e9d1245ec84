#include "backends/photonic/physics.h"

#include <algorithm>
#include <cmath>

#include "backends/energy/bounds.h"

namespace jb::photonic {

double photon_energy_J(double wavelength_nm) noexcept {
  return kPlanck_J_s * kSpeedOfLight_m_per_s / (wavelength_nm * 1e-9);
}

double quantum_efficiency(double responsivity_A_per_W, double wavelength_nm) noexcept {
  return responsivity_A_per_W * photon_energy_J(wavelength_nm) / kElectronCharge_C;
}

double ktc_noise_e(double capacitance_F, double temperature_K) noexcept {
  return std::sqrt(kBoltzmann_J_per_K * temperature_K * capacitance_F) / kElectronCharge_C;
}

double full_well_e(double capacitance_F, double swing_V) noexcept {
  return capacitance_F * swing_V / kElectronCharge_C;
}

double transmission(double loss_dB) noexcept { return std::pow(10.0, -loss_dB / 10.0); }

double adc_fit_J(double rate_Hz, double enob) noexcept {
  const double sndr_dB = 6.02 * enob + 1.76;
  const double foms_dB = std::min(180.14, 302.7387 - 6.460791 * std::log(rate_Hz));
  return 0.5 * std::pow(10.0, (sndr_dB - foms_dB) / 10.0);
}

double adc_rule_J(double enob) noexcept { return 100e-15 * enob + 1e-18 * std::pow(4.0, enob); }

double adc_energy_J(double rate_Hz, double enob) noexcept {
  return std::max(adc_fit_J(rate_Hz, enob), adc_rule_J(enob));
}

}  // namespace jb::photonic
