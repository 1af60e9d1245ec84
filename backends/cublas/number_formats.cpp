#include "backends/cublas/number_formats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace jb::cublas {
namespace {

// A binary format narrower than f32: exponent and fraction bits, and whether its highest exponent
// is that of infinities and NaN (IEEE) or of ordinary numbers with one NaN (e4m3).
struct Format {
  int exponent_bits;
  int fraction_bits;
  bool ieee;
};

constexpr Format kF16{5, 10, true};
constexpr Format kBf16{8, 7, true};
constexpr Format kE4m3{4, 3, false};
constexpr Format kE5m2{5, 2, true};

constexpr Format format_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::f16:
      return kF16;
    case ElementType::bf16:
      return kBf16;
    case ElementType::f8e5m2:
      return kE5m2;
    default:
      return kE4m3;
  }
}

constexpr int bias_of(Format f) noexcept { return (1 << (f.exponent_bits - 1)) - 1; }

// Bits of the largest finite magnitude and of NaN, sign left out.
constexpr std::uint32_t largest_bits(Format f) noexcept {
  const std::uint32_t all = (1U << (f.exponent_bits + f.fraction_bits)) - 1;
  return f.ieee ? (all ^ ((1U << f.fraction_bits) - 1)) - 1 : all - 1;
}
constexpr std::uint32_t nan_bits(Format f) noexcept {
  return (1U << (f.exponent_bits + f.fraction_bits)) - 1;
}

std::uint32_t encode(Format f, float x, bool saturate) noexcept {
  const std::uint32_t sign = std::signbit(x) ? 1U << (f.exponent_bits + f.fraction_bits) : 0;
  if (std::isnan(x)) return sign | nan_bits(f);
  const float magnitude = std::abs(x);
  // Without infinities NaN is what lies beyond the largest value.
  const std::uint32_t beyond = f.ieee ? largest_bits(f) + 1 : nan_bits(f);
  if (std::isinf(magnitude)) return sign | (saturate ? largest_bits(f) : beyond);
  if (magnitude == 0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude = fraction x 2^exponent, fraction in [1/2, 1)
  const int lowest = 1 - bias_of(f);
  const int unit = std::max(exponent - 1, lowest) - f.fraction_bits;  // log2 of the last place
  // Scaling by a power of two is exact in double; nearbyint rounds ties to even.
  const double steps = std::nearbyint(std::ldexp(static_cast<double>(magnitude), -unit));
  // The field runs on through the exponents: 2^fraction_bits steps more are one exponent more.
  const int rank = std::max(exponent - 1, lowest) - lowest;
  const auto bits = static_cast<std::uint32_t>(steps) +
                    (static_cast<std::uint32_t>(rank) << static_cast<unsigned>(f.fraction_bits));
  if (bits > largest_bits(f)) return sign | (saturate ? largest_bits(f) : beyond);
  return sign | bits;
}

float decode(Format f, std::uint32_t bits) noexcept {
  const std::uint32_t magnitude = bits & nan_bits(f);
  const bool negative = (bits >> (f.exponent_bits + f.fraction_bits)) != 0;
  float value = 0;
  if (magnitude > largest_bits(f)) {
    const bool infinite = f.ieee && magnitude == largest_bits(f) + 1;
    value =
        infinite ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else {
    const auto exponent = static_cast<int>(magnitude >> static_cast<unsigned>(f.fraction_bits));
    const std::uint32_t fraction = magnitude & ((1U << f.fraction_bits) - 1);
    const std::uint32_t steps = exponent == 0 ? fraction : fraction | (1U << f.fraction_bits);
    value =
        std::ldexp(static_cast<float>(steps), std::max(exponent, 1) - bias_of(f) - f.fraction_bits);
  }
  return negative ? -value : value;
}

}  // namespace

std::uint16_t encode16(ElementType type, float x) noexcept {
  return static_cast<std::uint16_t>(encode(format_of(type), x, false));
}

float decode16(ElementType type, std::uint16_t bits) noexcept {
  return decode(format_of(type), bits);
}

std::uint8_t encode8(ElementType type, float x) noexcept {
  if (type != ElementType::s8) return static_cast<std::uint8_t>(encode(format_of(type), x, true));
  const float code = std::clamp(std::nearbyint(x), -127.0F, 127.0F);
  return static_cast<std::uint8_t>(std::isnan(x) ? 0 : static_cast<std::int8_t>(code));
}

float decode8(ElementType type, std::uint8_t bits) noexcept {
  if (type != ElementType::s8) return decode(format_of(type), bits);
  return static_cast<float>(static_cast<std::int8_t>(bits));
}

float round_tf32(float x) noexcept {
  if (!std::isfinite(x)) return x;
  constexpr std::uint32_t kDropped = 13;  // 23 - 10 fraction bits
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t tie = (bits >> kDropped) & 1U;
  const std::uint32_t rounded = bits + (1U << (kDropped - 1)) - 1 + tie;
  return std::bit_cast<float>(rounded & ~((1U << kDropped) - 1));
}

float largest_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::s8:
      return 127;
    case ElementType::f16:
    case ElementType::f8e4m3:
    case ElementType::f8e5m2: {
      const Format f = format_of(type);
      return decode(f, largest_bits(f));
    }
    case ElementType::bf16:
      return decode(kBf16, largest_bits(kBf16));
    default:
      return std::numeric_limits<float>::max();
  }
}

float scale_of(ElementType type, float max_abs) noexcept {
  const float scale = max_abs / largest_of(type);
  return std::isnormal(scale) ? scale : 1.0F;
}

}  // namespace jb::cublas
