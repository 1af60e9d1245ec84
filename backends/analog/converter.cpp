#include "backends/analog/converter.h"

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"

namespace jb::analog {

namespace {

void check_bits(int bits, int fewest) {
  if (bits < fewest || bits > 24) {
    fail_usage("an ADC of {} bits has no levels to convert to: give {} to 24 bits, or 0 for none",
               bits, fewest);
  }
}

}  // namespace

double Dac::full_code() const noexcept {
  return bits == 0 ? 1.0 : std::ldexp(1.0, magnitude_bits()) - 1.0;
}

Adc::Adc(int bits, AdcStyle style, double limit) : bits_(bits) {
  check_bits(bits, style == AdcStyle::quantizer ? 1 : 2);
  if (!(limit > 0) || !std::isfinite(limit)) {
    fail_usage("the ADC range is +-{}: its limit must be a positive number", limit);
  }
  const double levels = std::ldexp(1.0, bits) - (style == AdcStyle::quantizer ? 0.0 : 1.0);
  full_code_ = (levels - 1.0) / 2.0;
  lsb_ = limit / full_code_;
  least_code_ = -full_code_;
  bias_ = style == AdcStyle::quantizer ? full_code_ : 0.0;
}

Adc::Adc(int bits, double low, double high) : bits_(bits) {
  check_bits(bits, 1);
  if (!(low < high) || !std::isfinite(low) || !std::isfinite(high)) {
    fail_usage("the ADC range from {} to {} is empty: its high end must lie above its low end", low,
               high);
  }
  lsb_ = (high - low) / (std::ldexp(1.0, bits) - 1.0);
  full_code_ = high / lsb_;
  least_code_ = low / lsb_;
  bias_ = -least_code_;
}

double range_holding(std::vector<double> readings, double share) {
  if (readings.empty()) return 0;
  for (double& reading : readings) reading = std::abs(reading);
  const auto last = static_cast<double>(readings.size() - 1);
  const auto place = readings.begin() + static_cast<std::ptrdiff_t>(std::ceil(share * last));
  std::nth_element(readings.begin(), place, readings.end());
  return *place;
}

}  // namespace jb::analog
