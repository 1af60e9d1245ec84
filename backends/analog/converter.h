#pragma once
// Data converters that the analog machines share: a sign-magnitude DAC and a uniform ADC.
//
// Both work in codes, so that a machine whose cells hold codes too keeps exact integers up to the
// ADC: sum of products -> one double multiply into LSB -> round half to even -> code.
// Transfer curves as in CrossSim V3.2 (Sandia): DAC x_q = rint(x (2^(n-1)-1)) / (2^(n-1)-1);
// quantiser ADC 2^n levels over [-limit, limit]; sign-magnitude ADC 2^n - 1 levels with an exact 0.

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace jb::analog {

/// Nearest integer, ties to even (numpy's rint), for |x| < 2^51. Adding 1.5 * 2^52 leaves no
/// fraction bits, so the addition itself rounds; unlike std::nearbyint this vectorises everywhere.
inline double round_half_even(double x) noexcept {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52, a definition
  return (x + kMagic) - kMagic;
}

/// Digital-to-analog converter of `bits` bits, one of them the sign unless it is unsigned; 0 bits:
/// none.
struct Dac {
  int bits = 0;
  bool is_unsigned = false;

  /// Bits of a magnitude.
  [[nodiscard]] int magnitude_bits() const noexcept { return is_unsigned ? bits : bits - 1; }
  /// Largest code, 2^magnitude bits - 1; 1 without a converter, so that codes are the values
  /// themselves.
  [[nodiscard]] double full_code() const noexcept;
  /// Code of x (in units of full scale, clipped to [-1, 1] or [0, 1]); x itself without a
  /// converter.
  [[nodiscard]] double code(double x) const noexcept {
    if (bits == 0) return x;
    return round_half_even(std::clamp(x, is_unsigned ? 0.0 : -1.0, 1.0) * full_code());
  }
};

enum class AdcStyle : std::uint8_t {
  quantizer,       ///< 2^bits levels over the range; about zero, zero itself is no level
  sign_magnitude,  ///< 2^bits - 1 levels, zero is one of them
};

/// Uniform analog-to-digital converter over [low, high]; 0 bits: none.
class Adc {
 public:
  Adc() = default;
  /// Over [-limit, limit], `limit` > 0 in the machine's own units. Usage error for fewer bits than
  /// the style has levels for (quantizer 1, sign-magnitude 2), more than 24, or a limit that is not
  /// positive.
  Adc(int bits, AdcStyle style, double limit);
  /// A quantizer over [low, high]. Usage error as above, and for an empty range.
  Adc(int bits, double low, double high);

  [[nodiscard]] bool present() const noexcept { return bits_ > 0; }
  [[nodiscard]] int bits() const noexcept { return bits_; }
  /// One step, in the units of `limit`; 1 without a converter.
  [[nodiscard]] double lsb() const noexcept { return lsb_; }
  /// Largest output in LSB: high / lsb.
  [[nodiscard]] double full_code() const noexcept { return full_code_; }
  /// Smallest output in LSB: -full_code for a range about zero.
  [[nodiscard]] double least_code() const noexcept { return least_code_; }
  /// Levels below zero where the levels are counted from the lowest (quantizer: -least_code); 0 for
  /// sign-magnitude.
  [[nodiscard]] double bias() const noexcept { return bias_; }

  /// The level nearest to z, both in LSB. Levels of a quantizer lie at half-integers.
  [[nodiscard]] double convert(double z) const noexcept {
    return round_half_even(std::clamp(z, least_code_, full_code_) + bias_) - bias_;
  }
  /// The same converter over a range `factor` > 0 times as wide.
  [[nodiscard]] Adc scaled(double factor) const noexcept {
    Adc out = *this;
    if (present()) out.lsb_ *= factor;
    return out;
  }
  [[nodiscard]] bool clips(double z) const noexcept { return z > full_code_ || z < least_code_; }

 private:
  int bits_ = 0;
  double lsb_ = 1;
  double full_code_ = 0;
  double least_code_ = 0;
  double bias_ = 0;
};

/// The least range about zero that holds the share (0 .. 1) of readings; 0 without readings.
[[nodiscard]] double range_holding(std::vector<double> readings, double share);

}  // namespace jb::analog
