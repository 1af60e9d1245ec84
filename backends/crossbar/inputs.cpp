#include "backends/crossbar/inputs.h"

#include <algorithm>

#include "backends/analog/rows.h"

namespace jb::crossbar {
namespace {

template <class T>
std::int64_t count_beyond(const T* row, std::int64_t n, double low, double high) {
  std::int64_t count = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    const auto x = static_cast<double>(row[j]);
    count += x > high || x < low ? 1 : 0;
  }
  return count;
}

}  // namespace

template <class T, class U>
std::int64_t encode_input(const Config& config, bool scaled, const T* row, std::int64_t n,
                          double& full_scale, U* codes) {
  if (!scaled) {
    std::transform(row, row + n, codes, [](T x) { return static_cast<U>(x); });
    return 0;
  }
  const double largest = full_scale;
  if (config.input_range == InputRange::fixed) full_scale = config.input_max;
  if (config.dac.bits == 0) {
    std::transform(row, row + n, codes, [full_scale](T x) {
      return full_scale == 0 ? U{0} : static_cast<U>(static_cast<double>(x) / full_scale);
    });
    return 0;
  }
  const bool positive = config.dac.is_unsigned;
  std::int64_t clipped = 0;
  if (largest > full_scale || positive) {
    clipped = count_beyond(row, n, positive ? 0.0 : -full_scale, full_scale);
  }
  analog::encode(config.dac, row, n, full_scale, codes);
  if (positive) {
    std::transform(codes, codes + n, codes, [](U code) { return std::max(code, U{0}); });
  }
  return clipped;
}

template std::int64_t encode_input(const Config&, bool, const float*, std::int64_t, double&,
                                   float*);
template std::int64_t encode_input(const Config&, bool, const float*, std::int64_t, double&,
                                   double*);
template std::int64_t encode_input(const Config&, bool, const double*, std::int64_t, double&,
                                   double*);

}  // namespace jb::crossbar
