#include "backends/crossbar/mapping.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/core/error.h"
#include "backends/core/parameters.h"

namespace jb::crossbar {
namespace {

double power_of_two(int exponent) { return std::ldexp(1.0, exponent); }

/// numpy.percentile with linear interpolation; `values` not empty, share in [0, 1].
double percentile(std::vector<double>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), at, values.end());
  const double low = *at;
  if (below + 1 >= values.size()) return low;
  const double high = *std::min_element(at + 1, values.end());
  return low + (high - low) * (place - static_cast<double>(below));
}

SignScheme scheme_from(const DeviceSpec& spec) {
  const std::string& name = spec.text("weight.mapping");
  if (name == "differential") return SignScheme::differential;
  if (name == "differential-two-sided") return SignScheme::differential_two_sided;
  if (name == "offset") return SignScheme::offset;
  return SignScheme::offset_unit_column;
}

void check_slices(const DeviceSpec& spec, const WeightMapping& mapping) {
  if (mapping.slices == 1) return;
  if (mapping.weight_bits == 0) {
    fail_usage(
        "device '{}': weight.slices = {} needs weights of whole steps, but weight.bits = 0 makes "
        "them analog; give weight.bits 2 to 16, or weight.slices = 1",
        spec.name(), mapping.slices);
  }
  const int most = mapping.differential() ? mapping.weight_bits - 1 : mapping.weight_bits;
  if (mapping.slices > most) {
    fail_usage(
        "device '{}': weight.slices = {} are more slices than the {} bits that weight.bits = {} "
        "leaves to {}; give 1 to {}",
        spec.name(), mapping.slices, most, mapping.weight_bits,
        mapping.differential() ? "magnitudes" : "cells", most);
  }
  if (mapping.cell_bits > mapping.weight_bits) {
    fail_usage(
        "device '{}': cell.bits = {} is more than the {} bits of the whole weight "
        "(weight.bits) that {} slices share; give {} to {}, or 0 for analog cells",
        spec.name(), mapping.cell_bits, mapping.weight_bits, mapping.slices, mapping.slice_bits(),
        mapping.weight_bits);
  }
  if (mapping.cell_bits > 0 && mapping.cell_bits < mapping.slice_bits()) {
    fail_usage(
        "device '{}': cell.bits = {} cannot hold the {} bits of a slice (weight.bits = {} in "
        "weight.slices = {}); give {} to {}, 0 for analog cells, or more slices",
        spec.name(), mapping.cell_bits, mapping.slice_bits(), mapping.weight_bits, mapping.slices,
        mapping.slice_bits(), mapping.weight_bits);
  }
}

void check_scheme(const DeviceSpec& spec, const WeightMapping& mapping) {
  if (!mapping.differential() && mapping.slices == 1 && mapping.cell_bits == 1) {
    fail_usage(
        "device '{}': cell.bits = 1 leaves no level to either side of the middle that "
        "weight.mapping = {} needs; give 2 to 16, or 0 for analog cells",
        spec.name(), spec.text("weight.mapping"));
  }
  if (mapping.flip && (mapping.differential() || mapping.slices == 1)) {
    fail_usage(
        "device '{}': weight.flip stores complements of digits, which needs weight.mapping = "
        "offset or offset-unit-column and weight.slices above 1",
        spec.name());
  }
  if (mapping.emulate_crosssim_offset_gain && mapping.differential()) {
    fail_usage(
        "device '{}': emulate_crosssim_offset_gain concerns weight.mapping = offset and "
        "offset-unit-column only; set it to false",
        spec.name());
  }
}

}  // namespace

void WeightMapping::settle() {
  weight_steps_ = weight_bits > 0 ? power_of_two(weight_bits - 1) - 1.0 : 0.0;
  if (slices == 1) {
    slice_bits_ = 0;
  } else if (weight_bits % slices == 0) {
    slice_bits_ = weight_bits / slices;
  } else {
    const int shared = differential() ? weight_bits - 1 : weight_bits;
    slice_bits_ = (shared + slices - 1) / slices;
  }
  // Analog cells of quantised weights: what is halved about a middle has twice the steps.
  const double digits = power_of_two(slice_bits_) - 1.0;
  if (cell_bits > 0) {
    steps_ = power_of_two(cell_bits) - 1.0;
  } else if (slices == 1) {
    steps_ = (scheme == SignScheme::differential ? 1.0 : 2.0) * weight_steps_;
  } else {
    steps_ = (scheme == SignScheme::differential_two_sided ? 2.0 : 1.0) * digits;
  }
}

void WeightMapping::levels(double w, std::span<double> out) const noexcept {
  w = std::clamp(w, -1.0, 1.0);
  const double all = steps();
  const double full = all > 0 ? all : 1.0;
  const auto settle = [all](double level) {
    return all > 0 ? analog::round_half_even(level) : level;
  };
  // A signed share of full scale to the cell or pair of one slice.
  const auto place = [&](double share, std::size_t slice) {
    if (scheme == SignScheme::differential) {
      const double level = settle(share * full);
      out[2 * slice] = std::max(level, 0.0);
      out[2 * slice + 1] = std::max(-level, 0.0);
    } else if (scheme == SignScheme::differential_two_sided) {
      out[2 * slice] = settle((1.0 + share) / 2.0 * full);
      out[2 * slice + 1] = settle((1.0 - share) / 2.0 * full);
    } else {
      out[slice] = settle(share * full);
    }
  };
  const double whole = weight_steps();
  const double code = whole > 0 ? analog::round_half_even(w * whole) : 0.0;
  if (slices == 1) {
    const double quantised = whole > 0 ? code / whole : w;
    if (differential()) {
      place(quantised, 0);
    } else {
      const double half = (quantised + 1.0) / 2.0;
      place(cell_bits > 0 ? (half * (full - 1.0) + 1.0) / full : half, 0);
    }
    return;
  }
  const int bits = slice_bits();
  const auto mask = (std::int64_t{1} << bits) - 1;
  auto rest = static_cast<std::int64_t>(differential() ? std::abs(code)
                                                       : code + power_of_two(weight_bits - 1));
  const double sign = differential() && code < 0 ? -1.0 : 1.0;
  for (int s = 0; s < slices; ++s, rest >>= bits) {
    const auto digit = static_cast<double>(rest & mask);
    place(sign * digit / static_cast<double>(mask), static_cast<std::size_t>(s));
  }
}

double WeightMapping::full_scale(MatrixView<const double> weights) const {
  if (limit > 0) return limit;
  const std::int64_t count = weights.rows * weights.cols;
  if (count == 0) return 0;
  double largest = 0;
  std::vector<double> values;
  if (percentile < 1) values.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < weights.rows; ++i) {
    for (std::int64_t j = 0; j < weights.cols; ++j) {
      largest = std::max(largest, std::abs(weights(i, j)));
      if (percentile < 1) values.push_back(weights(i, j));
    }
  }
  if (percentile >= 1) return largest;
  const double high = std::abs(crossbar::percentile(values, percentile));
  const double both = std::max(high, std::abs(crossbar::percentile(values, 1.0 - percentile)));
  return both > 0 ? both : largest;  // mostly zeros: nothing is clipped
}

double WeightMapping::slice_weight(int slice) const noexcept {
  return power_of_two(slice * slice_bits());
}

double WeightMapping::per_array_unit() const noexcept {
  if (slices > 1) {
    return (power_of_two(slice_bits()) - 1.0) / (range * weight_steps());
  }
  if (differential()) return 1.0 / range;
  const double levels = power_of_two(cell_bits);
  const bool narrowed = cell_bits > 0 && !emulate_crosssim_offset_gain;
  return 2.0 / (narrowed ? range * (levels - 2.0) / (levels - 1.0) : range);
}

double WeightMapping::middle() const noexcept {
  if (differential()) return 0;
  if (slices == 1) {
    const double levels = power_of_two(cell_bits);
    const double narrowed = cell_bits > 0 ? range * (levels - 2.0) / (levels - 1.0) : range;
    return 1.0 - narrowed / 2.0;  // g_min' + r' / 2
  }
  double idle = 0;
  for (int s = 0; s < slices; ++s) idle += slice_weight(s) * g_min;
  return idle + power_of_two(weight_bits - 1) * range / (power_of_two(slice_bits()) - 1.0);
}

WeightMapping mapping_from(const DeviceSpec& spec) {
  WeightMapping mapping;
  const double on_off = spec.number("cell.on_off");
  if (on_off != 0 && on_off <= 1) {
    fail_usage(
        "device '{}': cell.on_off = {} leaves no range between G_min and G_max; give a "
        "ratio above 1, or 0 for G_min = 0",
        spec.name(), on_off);
  }
  mapping.scheme = scheme_from(spec);
  mapping.g_min = on_off == 0 ? 0.0 : 1.0 / on_off;
  mapping.range = 1.0 - mapping.g_min;
  mapping.weight_bits = static_cast<int>(spec.integer("weight.bits"));
  mapping.cell_bits = static_cast<int>(spec.integer("cell.bits"));
  mapping.slices = static_cast<int>(spec.integer("weight.slices"));
  mapping.flip = spec.flag("weight.flip");
  mapping.percentile = spec.number("weight.percentile");
  mapping.limit = spec.number("weight.max");
  if (mapping.limit > 0 && mapping.percentile < 1) {
    fail_usage(
        "device '{}': weight.max = {} and weight.percentile = {} both give the full scale; set "
        "weight.max to 0 or weight.percentile to 1",
        spec.name(), mapping.limit, mapping.percentile);
  }
  mapping.emulate_crosssim_offset_gain = spec.flag("emulate_crosssim_offset_gain");
  if (mapping.weight_bits == 1) {
    fail_usage(
        "device '{}': weight.bits = 1 is a sign without a magnitude; give 2 to 16, or 0 for "
        "analog weights",
        spec.name());
  }
  mapping.settle();
  check_slices(spec, mapping);
  check_scheme(spec, mapping);
  return mapping;
}

}  // namespace jb::crossbar
