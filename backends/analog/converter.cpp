#include "backends/analog/converter.h"

#include <cmath>

#include "backends/core/error.h"

namespace jb::analog {

double Dac::full_code() const noexcept { return bits == 0 ? 1.0 : std::ldexp(1.0, bits - 1) - 1.0; }

Adc::Adc(int bits, AdcStyle style, double limit) : bits_(bits) {
  const int fewest = style == AdcStyle::quantizer ? 1 : 2;
  if (bits < fewest || bits > 24) {
    fail_usage("an ADC of {} bits has no levels to convert to: give {} to 24 bits, or 0 for none",
               bits, fewest);
  }
  if (!(limit > 0) || !std::isfinite(limit)) {
    fail_usage("the ADC range is +-{}: its limit must be a positive number", limit);
  }
  const double levels = std::ldexp(1.0, bits) - (style == AdcStyle::quantizer ? 0.0 : 1.0);
  full_code_ = (levels - 1.0) / 2.0;
  lsb_ = limit / full_code_;
  bias_ = style == AdcStyle::quantizer ? full_code_ : 0.0;
}

}  // namespace jb::analog
