#include "backends/photonic/fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>
#include <utility>

#include "backends/analog/converter.h"
#include "backends/core/threads.h"

namespace jb::photonic {
namespace {

constexpr std::int64_t kElementsPerPiece = 32768;
// Operands that stay below this are sent as zeros: the reciprocal of their scale would overflow.
constexpr double kNoScale = 1e-290;

std::int64_t row_grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, kElementsPerPiece / std::max<std::int64_t>(1, cols));
}

/// Sum of squares in float64, in an order that depends on the length alone.
template <class T>
double sum_of_squares(const T* x, std::int64_t stride, std::int64_t count) {
  constexpr std::int64_t kLanes = 8;
  std::array<double, kLanes> lane{};
  std::int64_t i = 0;
  if (stride == 1) {
    for (; i + kLanes <= count; i += kLanes) {
      for (std::int64_t l = 0; l < kLanes; ++l) {
        const auto v = static_cast<double>(x[i + l]);
        lane[static_cast<std::size_t>(l)] += v * v;
      }
    }
  } else {
    for (; i + kLanes <= count; i += kLanes) {
      for (std::int64_t l = 0; l < kLanes; ++l) {
        const auto v = static_cast<double>(x[(i + l) * stride]);
        lane[static_cast<std::size_t>(l)] += v * v;
      }
    }
  }
  for (; i < count; ++i) {
    const auto v = static_cast<double>(x[i * stride]);
    lane[static_cast<std::size_t>(i % kLanes)] += v * v;
  }
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

template <class S>
double largest_of_row(MatrixView<const S> a, std::int64_t i) {
  double largest = 0;
  for (std::int64_t j = 0; j < a.cols; ++j) {
    largest = std::max(largest, std::fabs(static_cast<double>(a(i, j))));
  }
  return largest;
}

analog::Dac dac_of(std::int64_t bits) { return {static_cast<int>(bits)}; }

/// Dac::code with its full code looked up once: this runs for every element of A.
double code_of(double x, double full_code) {
  return analog::round_half_even(std::clamp(x, -1.0, 1.0) * full_code);
}

/// 1 / full, or 0 for operands that are sent as zeros.
double reciprocal(double full) { return full > kNoScale ? 1 / full : 0.0; }

/// Fills the fields and units of the rows [begin, end) of A.
template <class S, class T>
void fill_rows(MatrixView<const S> a, double batch_max, const HomodyneParameters& p,
               std::int64_t begin, std::int64_t end, ActivationFields<T>& out) {
  const analog::Dac dac = dac_of(p.dac_bits_a);
  const double full_code = dac.full_code();
  for (std::int64_t i = begin; i < end; ++i) {
    const double full = p.norm == Normalisation::per_vector ? largest_of_row(a, i) : batch_max;
    T* const target = &out.storage(i, 0);
    if (dac.bits == 0) {
      for (std::int64_t j = 0; j < a.cols; ++j) {
        target[j] = static_cast<T>(std::clamp(static_cast<double>(a(i, j)), -full, full));
      }
      continue;
    }
    out.unit[static_cast<std::size_t>(i)] = full / full_code;
    const double scale = reciprocal(full);
    for (std::int64_t j = 0; j < a.cols; ++j) {
      target[j] = static_cast<T>(code_of(static_cast<double>(a(i, j)) * scale, full_code));
    }
  }
}

template <class T>
void fill_fields(const ConstMatrixRef& a, double batch_max, const HomodyneParameters& p,
                 ActivationFields<T>& out) {
  out.storage = Matrix<T>(a.rows, a.cols);
  if (a.cols == 0) return;
  parallel_for(a.rows, row_grain(a.cols), [&](std::int64_t begin, std::int64_t end) {
    if (a.type == ElementType::f64) {
      fill_rows(a.as<double>(), batch_max, p, begin, end, out);
    } else {
      fill_rows(a.as<float>(), batch_max, p, begin, end, out);
    }
  });
  out.fields = std::as_const(out.storage).view();
}

/// Amplitudes alpha of every row: (1 - split) n_mac photons per slot on average over the row, over
/// the batch, or over data of the design PAPR at full scale.
template <class T>
void set_alpha(const HomodyneParameters& p, double full_field, const Pieces& pieces,
               ActivationFields<T>& out) {
  const std::int64_t m = out.fields.rows;
  const double photons = (1 - p.split) * p.n_mac;
  std::vector<double> row_energy(static_cast<std::size_t>(m), 0.0);
  double total = 0;
  for (std::int64_t i = 0; i < m; ++i) {
    double& sum = row_energy[static_cast<std::size_t>(i)];
    for (std::int64_t c = 0; c < pieces.count; ++c) {
      sum += out.energy[static_cast<std::size_t>(c * m + i)];
    }
    total += sum;
  }
  const auto k = static_cast<double>(pieces.k);
  double common = total > 0 ? std::sqrt(photons * static_cast<double>(m) * k / total) : 0.0;
  if (p.norm == Normalisation::fixed_scale && p.papr > 0) {
    common = full_field > 0 ? std::sqrt(photons * p.papr) / full_field : 0.0;
  }
  for (std::int64_t i = 0; i < m; ++i) {
    const auto at = static_cast<std::size_t>(i);
    double alpha = common;
    if (p.norm == Normalisation::per_vector) {
      alpha = row_energy[at] > 0 ? std::sqrt(photons * k / row_energy[at]) : 0.0;
    }
    out.alpha[at] = alpha;
    if (alpha == 0) out.unit[at] = 0;
  }
}

template <class T>
std::vector<PackedMatrix<T>> pack(MatrixView<const double> fields, const Pieces& pieces) {
  std::vector<PackedMatrix<T>> packed;
  for (std::int64_t c = 0; c < pieces.count; ++c) {
    const MatrixView<const double> part =
        fields.block(pieces.begin(c), 0, pieces.size(c), fields.cols);
    if constexpr (std::is_same_v<T, double>) {
      packed.emplace_back(part);
    } else {
      const Matrix<T> narrow = copy_as<T>(part);
      packed.emplace_back(narrow.view());
    }
  }
  return packed;
}

/// Sum of squares of each column over each piece, rows added in order.
std::vector<double> column_energies(MatrixView<const double> fields, const Pieces& pieces) {
  const std::int64_t n = fields.cols;
  std::vector<double> energy(static_cast<std::size_t>(pieces.count * n), 0.0);
  for (std::int64_t c = 0; c < pieces.count; ++c) {
    double* const sums = energy.data() + c * n;
    for (std::int64_t l = pieces.begin(c); l < pieces.begin(c) + pieces.size(c); ++l) {
      for (std::int64_t j = 0; j < n; ++j) sums[j] += fields(l, j) * fields(l, j);
    }
  }
  return energy;
}

}  // namespace

Pieces cut_into(std::int64_t k, std::int64_t length) noexcept {
  Pieces pieces{k, std::max<std::int64_t>(1, length), 0};
  pieces.count = (k + pieces.length - 1) / pieces.length;
  return pieces;
}

template <class T>
ActivationFields<T> send_activations(const ConstMatrixRef& a, const OperandMoments& moments,
                                     const HomodyneParameters& p, const Pieces& pieces) {
  const auto m = static_cast<std::size_t>(a.rows);
  ActivationFields<T> out;
  out.unit.assign(m, 1.0);
  out.alpha.assign(m, 0.0);
  out.energy.assign(static_cast<std::size_t>(pieces.count) * m, 0.0);
  const analog::Dac dac = dac_of(p.dac_bits_a);
  const bool fixed = p.norm == Normalisation::fixed_scale && p.full_scale_a > 0;
  const double batch_max = fixed ? p.full_scale_a : moments.max_abs;
  if (dac.bits > 0 || fixed || a.type != element_type_of<T>) {
    fill_fields(a, batch_max, p, out);
  } else {
    out.fields = a.as<T>();
  }
  const MatrixView<const T> fields = out.fields;
  parallel_for(a.rows, row_grain(a.cols), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t c = 0; c < pieces.count; ++c) {
        const T* const first = &fields(i, pieces.begin(c));
        out.energy[static_cast<std::size_t>(c * a.rows + i)] =
            sum_of_squares(first, fields.col_stride, pieces.size(c));
      }
    }
  });
  set_alpha(p, dac.bits > 0 ? dac.full_code() : batch_max, pieces, out);
  return out;
}

template ActivationFields<float> send_activations<float>(const ConstMatrixRef&,
                                                         const OperandMoments&,
                                                         const HomodyneParameters&, const Pieces&);
template ActivationFields<double> send_activations<double>(const ConstMatrixRef&,
                                                           const OperandMoments&,
                                                           const HomodyneParameters&,
                                                           const Pieces&);

WeightFields send_weights(MatrixView<const double> b, const OperandMoments& moments,
                          const HomodyneParameters& p, const Pieces& pieces, bool as_f32) {
  const analog::Dac dac = dac_of(p.dac_bits_b);
  WeightFields out;
  out.unit = moments.max_abs > 0 ? 1.0 : 0.0;
  MatrixView<const double> fields = b;
  Matrix<double> storage;
  if (dac.bits > 0) {
    storage = Matrix<double>(b.rows, b.cols);
    const double scale = reciprocal(moments.max_abs);
    const double full_code = dac.full_code();
    for (std::int64_t l = 0; l < b.rows; ++l) {
      for (std::int64_t j = 0; j < b.cols; ++j) storage(l, j) = code_of(b(l, j) * scale, full_code);
    }
    out.unit = moments.max_abs / dac.full_code();
    fields = std::as_const(storage).view();
  }
  out.energy = column_energies(fields, pieces);
  double total = 0;
  for (const double sum : out.energy) total += sum;
  const double photons = p.split * p.n_mac;
  if (total > 0) {
    const double elements = static_cast<double>(b.rows) * static_cast<double>(b.cols);
    out.beta = std::sqrt(photons * elements / total);
    if (p.norm == Normalisation::fixed_scale && p.papr > 0) {
      out.beta = std::sqrt(photons * p.papr) / (dac.bits > 0 ? dac.full_code() : moments.max_abs);
    }
  }
  if (as_f32) {
    out.packed_f32 = pack<float>(fields, pieces);
  } else {
    out.packed_f64 = pack<double>(fields, pieces);
  }
  return out;
}

bool codes_fit_f32(const HomodyneParameters& p, std::int64_t length) noexcept {
  constexpr double kExact = 16777216.0;  // 2^24: integers up to here are floats
  if (p.dac_bits_a == 0 || p.dac_bits_b == 0) return false;
  const double largest = dac_of(p.dac_bits_a).full_code() * dac_of(p.dac_bits_b).full_code();
  return largest * static_cast<double>(length) <= kExact;
}

}  // namespace jb::photonic
