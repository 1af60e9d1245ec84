#pragma once
// The crossbar in plain loops over float64, written from the published equations of CrossSim V3.2
// (Sandia) one element at a time, without anything of the backend: what its mappings are compared
// with. Matrices as in the backend: A is samples x inputs, B inputs x outputs.

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "backends/core/matrix.h"

namespace jb::test {

struct ReferenceCrossbar {
  enum class Sign { one_sided, two_sided, offset, unit_column };
  Sign sign = Sign::one_sided;
  double g_min = 0;
  int cell_bits = 0;
  int weight_bits = 0;
  int slices = 1;
  bool crosssim_gain = false;  // what CrossSim V3.2 divides offset cores by
  double weight_max = 0;       // 0: max|B|

  int dac_bits = 0;  // 0: none
  bool unsigned_inputs = false;
  bool serial = false;
  int plane_bits = 1;
  bool analog = false;

  int adc_bits = 0;  // 0: none
  bool sign_magnitude = false;
  double low = 0;
  double high = 0;
  double current_limit = 0;
  std::vector<std::int64_t> tiles;  // lengths of input tiles; empty: one

  [[nodiscard]] bool pairs() const { return sign == Sign::one_sided || sign == Sign::two_sided; }
  [[nodiscard]] int magnitude() const { return unsigned_inputs ? dac_bits : dac_bits - 1; }
  [[nodiscard]] int slice_bits() const {
    if (weight_bits % slices == 0) return weight_bits / slices;
    return (weight_bits - (pairs() ? 1 : 0) + slices - 1) / slices;
  }

  [[nodiscard]] double quantised_cell(double g) const {
    if (cell_bits == 0) return g;
    const double steps = std::ldexp(1, cell_bits) - 1;
    const double r = 1 - g_min;
    return g_min + r * std::nearbyint((g - g_min) * steps / r) / steps;
  }
  [[nodiscard]] double dac(double x) const {
    if (dac_bits == 0) return x;
    const double steps = std::ldexp(1, magnitude()) - 1;
    return std::nearbyint(std::clamp(x, unsigned_inputs ? 0.0 : -1.0, 1.0) * steps) / steps;
  }
  [[nodiscard]] double adc(double y) const {
    if (adc_bits == 0) return y;
    const double levels = std::ldexp(1, adc_bits) - (sign_magnitude ? 1 : 0);
    const double per_unit = (levels - 1) / (high - low);
    if (sign_magnitude) return std::nearbyint(std::clamp(y, low, high) * per_unit) / per_unit;
    return std::nearbyint((std::clamp(y, low, high) - low) * per_unit) / per_unit + low;
  }

  /// Conductances of the cells of w, one (offset) or two of them.
  struct Cells {
    double plus = 0;
    double minus = 0;
  };
  [[nodiscard]] Cells pair_of(double share) const {
    const double r = 1 - g_min;
    if (sign == Sign::two_sided) {
      return {quantised_cell(g_min + r * (1 + share) / 2),
              quantised_cell(g_min + r * (1 - share) / 2)};
    }
    return {quantised_cell(g_min + r * std::max(share, 0.0)),
            quantised_cell(g_min + r * std::max(-share, 0.0))};
  }
  [[nodiscard]] double narrowed() const {
    const double levels = std::ldexp(1, cell_bits);
    return (1 - g_min) * (cell_bits == 0 ? 1 : (levels - 2) / (levels - 1));
  }
  [[nodiscard]] Cells cells(double w, int slice) const {
    if (slices == 1) {
      if (pairs()) return pair_of(w);
      return {quantised_cell(narrowed() * (w / 2 + 0.5) + 1 - narrowed()), 0};
    }
    const double code = std::nearbyint(w * (std::ldexp(1, weight_bits - 1) - 1));
    auto rest = static_cast<long>(pairs() ? std::abs(code) : code + std::ldexp(1, weight_bits - 1));
    const long base = 1L << slice_bits();
    for (int s = 0; s < slice; ++s) rest /= base;
    const double share = static_cast<double>(slice + 1 < slices ? rest % base : rest) /
                         static_cast<double>(base - 1);
    if (pairs()) return pair_of(code < 0 ? -share : share);
    return {quantised_cell(g_min + (1 - g_min) * share), 0};
  }

  /// Input j of plane k, relative to full scale.
  [[nodiscard]] double plane(double x, int k) const {
    const auto code =
        static_cast<long>(std::nearbyint(std::abs(x) * (std::ldexp(1, magnitude()) - 1)));
    const long base = 1L << plane_bits;
    const auto digit = static_cast<double>((code >> (k * plane_bits)) % base);
    return (x < 0 ? -1 : 1) * digit / static_cast<double>(base - 1);
  }

  /// One slice of one output of one tile, planes accumulated. `column` gives its cells.
  [[nodiscard]] double slice_output(const std::vector<double>& x,
                                    const std::function<Cells(std::size_t)>& column) const {
    const auto current = [&](const auto& input) {
      double plus = 0;
      double minus = 0;
      for (std::size_t j = 0; j < x.size(); ++j) {
        const Cells g = column(j);
        plus += g.plus * input(j);
        minus += g.minus * input(j);
      }
      if (current_limit > 0) {
        plus = std::clamp(plus, -current_limit, current_limit);
        minus = std::clamp(minus, -current_limit, current_limit);
      }
      return plus - minus;
    };
    if (!serial) return adc(current([&](std::size_t j) { return x[j]; }));
    const int m = magnitude();
    const int planes = (m + plane_bits - 1) / plane_bits;
    const double base = std::ldexp(1, plane_bits);
    double o = 0;
    for (int k = 0; k < planes; ++k) {
      const double y = current([&](std::size_t j) { return plane(x[j], k); });
      o = (o + (analog ? y : adc(y))) / base;
    }
    o *= (base - 1) * std::ldexp(1, plane_bits * planes - m) * std::ldexp(1, m) /
         (std::ldexp(1, m) - 1);
    return analog ? adc(o) : o;
  }

  /// One output of one tile; `weight` gives w in [-1, 1].
  [[nodiscard]] double tile_output(const std::vector<double>& x,
                                   const std::function<double(std::size_t)>& weight) const {
    const auto read = [&](int slice, const std::function<double(std::size_t)>& w) {
      return slice_output(x, [&](std::size_t j) { return cells(w(j), slice); });
    };
    const auto zero = [](std::size_t) { return 0.0; };
    double inputs = 0;
    for (const double v : x) inputs += v;
    const double r = 1 - g_min;
    if (slices == 1) {
      const double y = read(0, weight);
      if (pairs()) return y / r;
      const double idle =
          sign == Sign::unit_column ? read(0, zero) : (1 - narrowed() + narrowed() / 2) * inputs;
      return (y - idle) * 2 / (crosssim_gain ? r : narrowed());
    }
    double acc = 0;
    const double base = std::ldexp(1, slice_bits());
    for (int s = 0; s < slices; ++s) {
      double y = read(s, weight);
      if (sign == Sign::offset) y -= g_min * inputs;
      if (sign == Sign::unit_column) y -= read(s, zero);
      acc += std::pow(base, s) * y / r;
    }
    acc *= base - 1;
    if (sign == Sign::offset) acc -= std::ldexp(1, weight_bits - 1) * inputs;
    return acc / (std::ldexp(1, weight_bits - 1) - 1);
  }

  /// A B for inputs that are relative to full scale already.
  [[nodiscard]] Matrix<double> multiply(const Matrix<double>& a, const Matrix<double>& b) const {
    double top = weight_max;
    if (top == 0) {
      for (std::int64_t i = 0; i < b.size(); ++i) top = std::max(top, std::abs(b.data()[i]));
    }
    const std::vector<std::int64_t> lengths =
        tiles.empty() ? std::vector<std::int64_t>{b.rows()} : tiles;
    Matrix<double> c(a.rows(), b.cols());
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      for (std::int64_t col = 0; col < b.cols(); ++col) {
        std::int64_t first = 0;
        for (const std::int64_t length : lengths) {
          std::vector<double> x;
          for (std::int64_t j = 0; j < length; ++j) x.push_back(dac(a(i, first + j)));
          c(i, col) += top * tile_output(x, [&](std::size_t j) {
                         const double w = b(first + static_cast<std::int64_t>(j), col);
                         return std::clamp(w, -top, top) / top;
                       });
          first += length;
        }
      }
    }
    return c;
  }
};

}  // namespace jb::test
