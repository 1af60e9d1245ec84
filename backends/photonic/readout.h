#pragma once
// What detectors and converters make of one row of products: lane errors, noise, full well, ADC.
//
// Balanced homodyne detection of row i and column j over K slots gives D electrons with
//   E[D]   = 2 eta alpha_i beta sum_l a_il b_lj
//   Var[D] = eta (alpha_i^2 ||a_i||^2 + beta^2 ||b_j||^2)       all photoelectrons: no strong-LO
//   limit
// (R. Hamerly et al., PRX 9, 021032 (2019), Sec. II; var(D) / gain^2 is its noise law around Eq.
// (3), exact per row). It does not vanish where E[D] does. Errors change E[D]:
//   phase phi between the beams   cos(phi) of the product, and sin(phi) of what the modulators'
//                                 floors (in quadrature) make of the sums of a_i and b_j
//                                 (see below)
//   crosstalk                     products of neighbouring weight lanes leak in
//   splitter (1 + d) : (1 - d)    sqrt(1 - d^2) of the product, d times the difference of the
//                                 beams' light as an offset
// The floors' term is what limits activations of one sign: sum_l a_il grows with K where the
// product grows with sqrt(K). After ReLU of normals (mean 1/sqrt(2 pi), mean square 1/2) its size
// beside the product is phi eps F sqrt(K / pi), eps the relative floor and F the weights' full
// scale in units of their rms: with 2 degrees, 10 dB and F = 4.7 all of the product at K = 1152,
// and a residual network, which adds the layers' errors, ends in noise. 25 dB leave a fifth of it.
// Independent of each other and therefore one normal of summed variance: kTC, amplifier and dark
// current (per readout) and laser relative intensity noise s^2 per symbol,
//   s^2 sum_l (2 eta alpha beta a_il b_lj)^2, taken as 4 s^2 light_i light_j / K, its expectation
//   over operands of independent elements, and cmrr^2 s^2 (light_i + light_j)^2 / K, what the
//   balance of the diodes lets through of the light's own mean.

#include <cstdint>
#include <span>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/core/matrix.h"
#include "backends/core/random.h"
#include "backends/photonic/homodyne_rows.h"
#include "backends/photonic/parameters.h"

namespace jb::photonic {

/// Machine settings of a readout.
struct ReadoutSettings {
  bool shot = true;
  bool poisson = false;  ///< draw the counts of both diodes instead of a normal
  bool phases = false;
  bool imbalance = false;
  double readout_variance_e2 = 0;
  double rin_variance = 0;    ///< of one symbol
  double common_mode = 0;     ///< share of intensity noise that the balance lets through
  double relative_floor = 0;  ///< field floor of the modulators, of full field
  double cycles = 1;          ///< K: slots of this readout
  double well_e = 0;          ///< |D| is clipped here (may be infinite)
  analog::Adc adc;            ///< in electrons; or none
};

/// What row i of A brings to its readouts.
struct RowLight {
  double gain_e = 0;   ///< electrons per unit product of fields: 2 eta alpha_i beta
  double light_e = 0;  ///< eta alpha_i^2 ||a_i||^2
  double cosine = 1;   ///< of the phase of the row's lane
  double sine = 0;
  double sum = 0;   ///< of the row's fields
  double full = 0;  ///< largest field of its modulator
};

/// What the columns of B bring: lane errors included.
struct ColumnLight {
  std::vector<double> light_e;  ///< eta beta^2 ||b_j||^2
  std::vector<float> noise_e;   ///< light_e as the noise law takes it
  std::vector<float> share;     ///< factor on the row's light in the noise law
  std::vector<double> cosine;
  std::vector<double> sine;
  std::vector<double> sum;
  std::vector<double> full;
};

/// Keyed streams of the readout's noise.
class ReadoutNoise {
 public:
  ReadoutNoise(std::uint64_t seed, std::uint32_t instance, std::uint64_t scope, bool transposed);
  [[nodiscard]] const RandomStream& normal() const noexcept { return normal_; }
  [[nodiscard]] const RandomStream& plus() const noexcept { return plus_; }
  [[nodiscard]] const RandomStream& minus() const noexcept { return minus_; }

 private:
  RandomStream normal_;
  RandomStream plus_;
  RandomStream minus_;
};

/// Coordinates of the first element of a row of readouts.
struct ReadoutKey {
  std::int64_t row = 0;
  std::int64_t first_col = 0;
  std::uint64_t call = 0;
};

/// Buffers of one thread for rows of `n` readouts.
struct ReadoutBuffers {
  explicit ReadoutBuffers(std::int64_t n)
      : electrons(static_cast<std::size_t>(n)), normal(static_cast<std::size_t>(n)) {}
  std::vector<double> electrons;  ///< in: products of fields, times the gain unless there are
                                  ///< phases; out: electrons, or ADC codes
  std::vector<float> normal;
  std::vector<double> plus;  ///< counts of the two diodes, when they are drawn
  std::vector<double> minus;
  std::vector<float> delta;     ///< imbalance of the row's detectors
  std::vector<float> residual;  ///< what calibration left of its offset
};

/// Turns the products in buffers.electrons into what is read. Returns how many readouts were
/// clipped by the full well or the ADC.
std::int64_t read_row(const ReadoutSettings& settings, const RowLight& row,
                      const ColumnLight& columns, const ReadoutNoise& noise, const ReadoutKey& key,
                      ReadoutBuffers& buffers);

}  // namespace jb::photonic
