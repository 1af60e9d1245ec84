#include "backends/photonic/fields.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>

#include "backends/analog/converter.h"
#include "backends/analog/rows.h"
#include "backends/core/threads.h"
#include "backends/photonic/homodyne_rows.h"

namespace jb::photonic {
namespace {

constexpr std::int64_t kElementsPerPiece = 32768;
std::int64_t row_grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, kElementsPerPiece / std::max<std::int64_t>(1, cols));
}

analog::Dac dac_of(std::int64_t bits) { return {static_cast<int>(bits)}; }

FieldSums sums_of(const std::int8_t* x, std::int64_t n) { return homodyne_rows().sums_i8(x, n); }
FieldSums sums_of(const float* x, std::int64_t n) { return homodyne_rows().sums_f32(x, n); }
FieldSums sums_of(const double* x, std::int64_t n) { return homodyne_rows().sums_f64(x, n); }

/// Turns rows of A into fields.
template <class S, class T>
class RowSender {
 public:
  RowSender(const DrivenSide& a, double batch_max, const HomodyneParameters& p,
            const Pieces& pieces, ActivationFields<T>& out)
      : a_(a),
        rows_(a.matrix.rows),
        cols_(a.matrix.cols),
        batch_max_(batch_max),
        per_vector_(p.norm == Normalisation::per_vector),
        clips_(p.norm == Normalisation::fixed_scale && p.full_scale_a > 0),
        range_(p.dac_range_a),
        floor_(p.floor),
        dac_{static_cast<int>(p.dac_bits_a)},
        pieces_(pieces),
        out_(out) {}

  void send(std::int64_t begin, std::int64_t end) {
    RowReader<S> reader(a_, end);
    for (std::int64_t i = begin; i < end; ++i) send_row(i, reader.row(i));
  }

 private:
  void send_row(std::int64_t i, const S* row) {
    const auto at = static_cast<std::size_t>(i);
    const double own = per_vector_ ? analog::largest_magnitude(row, cols_) : batch_max_;
    const double full = range_ > 0 && own > 0 ? range_ : own;
    out_.full[at] = dac_.bits > 0 ? dac_.full_code() : full;
    if (dac_.bits > 0) out_.unit[at] = full / dac_.full_code();
    for (std::int64_t c = 0; c < pieces_.count; ++c) {
      const FieldSums sums = send_piece(i, row, pieces_.begin(c), pieces_.size(c), full);
      const double floor = floor_ * out_.full[at];
      const auto slot = static_cast<std::size_t>(c * rows_ + i);
      out_.energy[slot] = sums.squares + static_cast<double>(pieces_.size(c)) * floor * floor;
      out_.sum[slot] = sums.sum;
    }
  }

  FieldSums send_piece(std::int64_t i, const S* row, std::int64_t first, std::int64_t size,
                       double full) {
    if (out_.storage.rows() == 0) return sums_of(&out_.fields(i, first), size);  // A itself
    T* const target = &out_.storage(i, first);
    if (dac_.bits > 0) {
      analog::encode(dac_, row + first, size, full, target);
    } else {
      for (std::int64_t j = 0; j < size; ++j) {
        const auto x = static_cast<double>(row[first + j]);
        target[j] = static_cast<T>(clips_ ? std::clamp(x, -full, full) : x);
      }
    }
    return sums_of(target, size);
  }

  const DrivenSide& a_;
  std::int64_t rows_;
  std::int64_t cols_;
  double batch_max_;
  bool per_vector_;
  bool clips_;
  double range_;
  double floor_;
  analog::Dac dac_;
  const Pieces& pieces_;
  ActivationFields<T>& out_;
};

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
      Matrix<T> narrow(part.rows, part.cols);
      parallel_for(part.rows, row_grain(part.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t l = begin; l < end; ++l) {
          for (std::int64_t j = 0; j < part.cols; ++j) narrow(l, j) = static_cast<T>(part(l, j));
        }
      });
      packed.emplace_back(std::as_const(narrow).view());
    }
  }
  return packed;
}

/// Sum of all squares as sent: rows summed one by one, their sums added in order.
double add_rows(MatrixView<const double> fields, double floor) {
  const std::int64_t n = fields.cols;
  const DrivenSide side{ConstMatrixRef(fields)};
  std::vector<double> squares(static_cast<std::size_t>(fields.rows));
  parallel_for(fields.rows, row_grain(n), [&](std::int64_t begin, std::int64_t end) {
    RowReader<double> reader(side, end);
    for (std::int64_t l = begin; l < end; ++l) {
      squares[static_cast<std::size_t>(l)] = homodyne_rows().sums_f64(reader.row(l), n).squares +
                                             static_cast<double>(n) * floor * floor;
    }
  });
  return std::accumulate(squares.begin(), squares.end(), 0.0);
}

/// Sums and sums of squares of columns [begin, end) over each piece as the lanes carry them, rows
/// added in order.
void add_columns(MatrixView<const double> fields, const Pieces& pieces, const LaneCoupling& lanes,
                 double floor, std::int64_t begin, std::int64_t end, WeightFields& out) {
  const std::int64_t n = fields.cols;
  for (std::int64_t c = 0; c < pieces.count; ++c) {
    double* const energy = out.energy.data() + c * n;
    double* const sum = out.sum.data() + c * n;
    for (std::int64_t l = pieces.begin(c); l < pieces.begin(c) + pieces.size(c); ++l) {
      for (std::int64_t j = begin; j < end; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const double own = lanes.own.empty() ? 1.0 : lanes.own[at];
        double x = own * fields(l, j);
        if (!lanes.left.empty()) {
          if (j > 0) x += lanes.left[at] * fields(l, j - 1);
          if (j + 1 < n) x += lanes.right[at] * fields(l, j + 1);
        }
        energy[j] += x * x + own * own * floor * floor;
        sum[j] += x;
      }
    }
  }
}

}  // namespace

Pieces cut_into(std::int64_t k, std::int64_t length) noexcept {
  Pieces pieces{k, std::max<std::int64_t>(1, length), 0};
  pieces.count = (k + pieces.length - 1) / pieces.length;
  return pieces;
}

template <class T>
ActivationFields<T> send_activations(const DrivenSide& a, double batch_max,
                                     const HomodyneParameters& p, const Pieces& pieces) {
  const std::int64_t rows = a.matrix.rows;
  const std::int64_t cols = a.matrix.cols;
  const auto m = static_cast<std::size_t>(rows);
  ActivationFields<T> out;
  out.unit.assign(m, 1.0);
  out.full.assign(m, 0.0);
  out.alpha.assign(m, 0.0);
  out.energy.assign(static_cast<std::size_t>(pieces.count) * m, 0.0);
  out.sum.assign(out.energy.size(), 0.0);
  const bool fixed = p.norm == Normalisation::fixed_scale && p.full_scale_a > 0;
  if (fixed) batch_max = p.full_scale_a;
  bool as_it_is = false;
  if constexpr (!std::is_same_v<T, std::int8_t>) {
    as_it_is = p.dac_bits_a == 0 && !fixed && a.source == nullptr &&
               a.matrix.type == element_type_of<T> && a.matrix.col_stride == 1;
    if (as_it_is) out.fields = a.matrix.as<T>();
  }
  if (!as_it_is) {
    out.storage = Matrix<T>(rows, cols);
    out.fields = std::as_const(out.storage).view();
  }
  parallel_for(rows, row_grain(cols), [&](std::int64_t begin, std::int64_t end) {
    if (a.matrix.type == ElementType::f64) {
      RowSender<double, T>(a, batch_max, p, pieces, out).send(begin, end);
    } else {
      RowSender<float, T>(a, batch_max, p, pieces, out).send(begin, end);
    }
  });
  set_alpha(p, p.dac_bits_a > 0 ? dac_of(p.dac_bits_a).full_code() : batch_max, pieces, out);
  return out;
}

template ActivationFields<std::int8_t> send_activations<std::int8_t>(const DrivenSide&, double,
                                                                     const HomodyneParameters&,
                                                                     const Pieces&);
template ActivationFields<float> send_activations<float>(const DrivenSide&, double,
                                                         const HomodyneParameters&, const Pieces&);
template ActivationFields<double> send_activations<double>(const DrivenSide&, double,
                                                           const HomodyneParameters&,
                                                           const Pieces&);

WeightFields send_weights(MatrixView<const double> b, const OperandMoments& moments,
                          const HomodyneParameters& p, const Pieces& pieces, FieldType type,
                          const LaneCoupling& lanes) {
  const analog::Dac dac = dac_of(p.dac_bits_b);
  WeightFields out;
  out.unit = moments.max_abs > 0 ? 1.0 : 0.0;
  out.full = moments.max_abs;
  MatrixView<const double> fields = b;
  Matrix<double> storage;
  if (dac.bits > 0) {
    storage = Matrix<double>(b.rows, b.cols);
    const double full_code = dac.full_code();
    const DrivenSide side{ConstMatrixRef(b)};
    parallel_for(b.rows, row_grain(b.cols), [&](std::int64_t begin, std::int64_t end) {
      RowReader<double> reader(side, end);
      for (std::int64_t l = begin; l < end; ++l) {
        analog::encode(dac, reader.row(l), b.cols, moments.max_abs, &storage(l, 0));
      }
    });
    out.unit = moments.max_abs / full_code;
    out.full = moments.max_abs > 0 ? full_code : 0.0;
    fields = std::as_const(storage).view();
  }
  const double floor = p.floor * out.full;
  out.energy.assign(static_cast<std::size_t>(pieces.count * b.cols), 0.0);
  out.sum.assign(out.energy.size(), 0.0);
  parallel_for(b.cols, row_grain(b.rows), [&](std::int64_t begin, std::int64_t end) {
    add_columns(fields, pieces, lanes, floor, begin, end, out);
  });
  const double total = add_rows(fields, floor);
  const double photons = p.split * p.n_mac;
  if (total > 0) {
    const double elements = static_cast<double>(b.rows) * static_cast<double>(b.cols);
    out.beta = std::sqrt(photons * elements / total);
    if (p.norm == Normalisation::fixed_scale && p.papr > 0) {
      out.beta = std::sqrt(photons * p.papr) / out.full;
    }
  }
  switch (type) {
    case FieldType::bytes:
      out.packed_bytes = pack<std::int8_t>(fields, pieces);
      break;
    case FieldType::f32:
      out.packed_f32 = pack<float>(fields, pieces);
      break;
    case FieldType::f64:
      out.packed_f64 = pack<double>(fields, pieces);
      break;
  }
  return out;
}

FieldType field_type(const HomodyneParameters& p, std::int64_t slots, bool host_f32) noexcept {
  if (p.dac_bits_a == 0 || p.dac_bits_b == 0) return host_f32 ? FieldType::f32 : FieldType::f64;
  constexpr double kExactFloat = 16777216.0;   // 2^24: integers up to here are floats
  constexpr double kExactWord = 2147483647.0;  // 2^31 - 1
  constexpr std::int64_t kByteBits = 8;
  const double largest = dac_of(p.dac_bits_a).full_code() * dac_of(p.dac_bits_b).full_code() *
                         static_cast<double>(slots);
  if (p.dac_bits_a <= kByteBits && p.dac_bits_b <= kByteBits && largest <= kExactWord) {
    return FieldType::bytes;
  }
  return largest <= kExactFloat ? FieldType::f32 : FieldType::f64;
}

}  // namespace jb::photonic
