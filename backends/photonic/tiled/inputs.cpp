#include "backends/photonic/tiled/inputs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/analog/converter.h"
#include "backends/analog/rows.h"
#include "backends/core/threads.h"

namespace jb::photonic {
namespace {

constexpr std::int64_t kElementsPerPiece = 32768;

std::int64_t row_grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, kElementsPerPiece / std::max<std::int64_t>(1, cols));
}

template <class F>
void visit(const ConstMatrixRef& a, F f) {
  if (a.type == ElementType::f64) {
    f(a.as<double>());
  } else {
    f(a.as<float>());
  }
}

/// What one element of a row is sent as, relative to full scale.
struct Encoding {
  double full_scale = 0;
  bool shifted = false;   ///< (x + 1) / 2
  bool negative = false;  ///< max(-x, 0)
  bool positive = false;  ///< max(x, 0)

  [[nodiscard]] double operator()(double a) const {
    if (full_scale <= analog::kLeastFullScale) return shifted ? 0.5 : 0;
    const double x = std::clamp(a / full_scale, -1.0, 1.0);
    if (shifted) return (x + 1) / 2;
    if (negative) return std::max(-x, 0.0);
    return positive ? std::max(x, 0.0) : x;
  }
};

Encoding encoding_of(const TiledParameters& p, const RowScales& scales, InputPart part,
                     std::size_t i) {
  Encoding e;
  e.full_scale = scales.full_scale[i];
  if (!p.intensities()) return e;
  const bool is_signed = scales.is_signed[i] != 0;
  e.shifted = is_signed && p.signed_inputs == SignedInputs::offset;
  e.negative = part == InputPart::negative;
  e.positive = !e.shifted && !e.negative;
  return e;
}

template <class T>
void sum_light(const TiledParameters& p, std::int64_t begin, std::int64_t end, SentInputs<T>& out) {
  for (std::int64_t i = begin; i < end; ++i) {
    const double unit = out.per_field[static_cast<std::size_t>(i)];
    for (std::int64_t t = 0; t < out.light.rows(); ++t) {
      double sum = 0;
      double squares = 0;
      const std::int64_t last = std::min(out.fields.cols, (t + 1) * p.slots);
      for (std::int64_t l = t * p.slots; l < last; ++l) {
        const double x = static_cast<double>(out.fields(i, l)) * unit;
        sum += x;
        squares += x * x;
      }
      out.light(t, i) = p.intensities() ? sum : squares;
      if (p.intensities()) out.squares(t, i) = squares;
    }
  }
}

}  // namespace

RowScales scale_rows(const ConstMatrixRef& a, double full_scale) {
  RowScales scales;
  const auto m = static_cast<std::size_t>(a.rows);
  scales.full_scale.assign(m, full_scale);
  scales.is_signed.assign(m, 0);
  visit(a, [&](auto view) {
    std::vector<char> clips(m, 0);
    parallel_for(a.rows, row_grain(a.cols), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        double largest = 0;
        double smallest = 0;
        for (std::int64_t l = 0; l < a.cols; ++l) {
          const auto x = static_cast<double>(view(i, l));
          largest = std::max(largest, x);
          smallest = std::min(smallest, x);
        }
        scales.is_signed[at] = smallest < 0 ? 1 : 0;
        const double magnitude = std::max(largest, -smallest);
        if (full_scale == 0) scales.full_scale[at] = magnitude;
        clips[at] = magnitude > scales.full_scale[at] ? 1 : 0;
      }
    });
    scales.clips = std::find(clips.begin(), clips.end(), 1) != clips.end();
  });
  scales.signed_rows = std::count(scales.is_signed.begin(), scales.is_signed.end(), 1);
  return scales;
}

template <class T>
SentInputs<T> send_inputs(const ConstMatrixRef& a, const RowScales& scales,
                          const TiledParameters& p, InputPart part, std::int64_t first_row,
                          const Matrix<double>& gains) {
  SentInputs<T> out;
  const std::int64_t tiles = (a.cols + p.slots - 1) / p.slots;
  const double full_code = p.full_code_a();
  out.per_field.assign(static_cast<std::size_t>(a.rows), 1 / full_code);
  out.light = Matrix<double>(tiles, a.rows);
  if (p.intensities()) out.squares = Matrix<double>(tiles, a.rows);
  out.storage = Matrix<T>(a.rows, a.cols);
  const bool codes = p.bits_a > 0;
  visit(a, [&](auto view) {
    parallel_for(a.rows, row_grain(a.cols), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        T* const target = out.storage.data() + i * a.cols;
        if (part == InputPart::negative && scales.is_signed[at] == 0) {
          out.per_field[at] = 0;
          continue;
        }
        const Encoding encode = encoding_of(p, scales, part, at);
        for (std::int64_t l = 0; l < a.cols; ++l) {
          const double x = encode(static_cast<double>(view(i, l)));
          target[l] = static_cast<T>(codes ? analog::round_half_even(x * full_code) : x);
        }
        if (gains.size() == 0) continue;
        const double* const gain = gains.data() + (first_row + i) % gains.rows() * p.slots;
        for (std::int64_t l = 0; l < a.cols; ++l) {
          target[l] = static_cast<T>(static_cast<double>(target[l]) * gain[l % p.slots]);
        }
      }
    });
  });
  out.fields = std::as_const(out.storage).view();
  parallel_for(a.rows, row_grain(a.cols),
               [&](std::int64_t begin, std::int64_t end) { sum_light(p, begin, end, out); });
  return out;
}

template SentInputs<float> send_inputs<float>(const ConstMatrixRef&, const RowScales&,
                                              const TiledParameters&, InputPart, std::int64_t,
                                              const Matrix<double>&);
template SentInputs<double> send_inputs<double>(const ConstMatrixRef&, const RowScales&,
                                                const TiledParameters&, InputPart, std::int64_t,
                                                const Matrix<double>&);

}  // namespace jb::photonic
