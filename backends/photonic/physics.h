#pragma once
// Closed forms of light and converters. SI units throughout; electrons where the name says `_e`.
//
// References
//  [Hamerly2019]  R. Hamerly et al., PRX 9, 021032 (2019), arXiv:1812.07614
//  [Miller2017]   D. A. B. Miller, J. Lightwave Technol. 35(3), 346 (2017), arXiv:1609.05510
//  [Murmann]      B. Murmann, ADC Performance Survey; fit as used by the Accelergy ADC plug-in
//                 (repository Accelergy-Project/accelergy-adc-plug-in, commit 2136e9e, model.yaml)

namespace jb::photonic {

/// Energy h c / lambda of one photon. 1.2816e-19 J at 1550 nm.
double photon_energy_J(double wavelength_nm) noexcept;

/// Quantum efficiency R h c / (lambda e) of a photodiode of that responsivity. 0.800 for 1 A/W at
/// 1550 nm.
double quantum_efficiency(double responsivity_A_per_W, double wavelength_nm) noexcept;

/// kTC noise of an integrating capacitor as a charge: sqrt(k T C) / e electrons rms [Miller2017].
/// 12.70 electrons at 1 fF and 300 K.
double ktc_noise_e(double capacitance_F, double temperature_K) noexcept;

/// Electrons that the capacitor holds at the voltage swing: C V / e. 6242 at 1 fF and 1 V.
double full_well_e(double capacitance_F, double swing_V) noexcept;

/// Power transmission 10^(-loss/10).
double transmission(double loss_dB) noexcept;

/// Energy of one sample of the best published converters [Murmann]:
/// SNDR = 6.02 ENOB + 1.76 dB, FOMS = min(180.14, 302.7387 - 6.460791 ln fs) dB,
/// E = 0.5 * 10^((SNDR - FOMS) / 10) J. 1.06 pJ at 10 GS/s and 5.89 bits.
double adc_fit_J(double rate_Hz, double enob) noexcept;

/// Design rule 100 fJ * ENOB + 1 aJ * 4^ENOB (B. Murmann, IEEE TVLSI 29(1), 3 (2021)): the floor
/// that the fit needs at few bits. 0.866 pJ at 8 bits.
double adc_rule_J(double enob) noexcept;

/// Rate-aware energy per sample: the larger of fit and rule.
double adc_energy_J(double rate_Hz, double enob) noexcept;

}  // namespace jb::photonic
