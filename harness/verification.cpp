#include "harness/verification.h"

#include <algorithm>
#include <cmath>

#include "backends/core/gemm.h"
#include "backends/core/random.h"

namespace jb::harness {
namespace {

constexpr std::int64_t kRowsPerBlock = 256;

/// Row-major float64 copy of rows [first, first + out.rows) named by `rows`, of any host matrix.
void copy_rows(const ConstMatrixRef& source, std::span<const std::int64_t> rows,
               MatrixView<double> out) {
  const auto copy = [&](const auto& view) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t j = 0; j < out.cols; ++j) {
        out(static_cast<std::int64_t>(i), j) = static_cast<double>(view(rows[i], j));
      }
    }
  };
  if (source.type == ElementType::f64) {
    copy(source.as<double>());
  } else {
    copy(source.as<float>());
  }
}

double squares(MatrixView<const double> x) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) sum += x(i, j) * x(i, j);
  }
  return sum;
}

void add_differences(Fidelity& fidelity, MatrixView<const double> reference,
                     MatrixView<const double> got) {
  for (std::int64_t i = 0; i < reference.rows; ++i) {
    for (std::int64_t j = 0; j < reference.cols; ++j) {
      if (!std::isfinite(got(i, j))) {
        fidelity.finite = false;
        continue;
      }
      const double difference = got(i, j) - reference(i, j);
      fidelity.error_squares += difference * difference;
      fidelity.reference_squares += reference(i, j) * reference(i, j);
      fidelity.max_abs_error = std::max(fidelity.max_abs_error, std::abs(difference));
    }
  }
}

double unit_roundoff(ElementType type) {
  switch (type) {
    case ElementType::f64:
      return std::ldexp(1.0, -53);  // 53 significant bits (IEEE 754)
    case ElementType::f32:
      return std::ldexp(1.0, -24);  // 24
    case ElementType::tf32:
    case ElementType::f16:
      return std::ldexp(1.0, -11);  // 11
    case ElementType::bf16:
      return std::ldexp(1.0, -8);  // 8, and conversions that truncate lose a full last place
    case ElementType::f8e4m3:
      return std::ldexp(1.0, -4);  // 4
    case ElementType::f8e5m2:
      return std::ldexp(1.0, -3);  // 3
    default:
      return 0;
  }
}

}  // namespace

std::vector<std::int64_t> rows_to_verify(const GemmShape& shape, double budget_macs,
                                         std::uint64_t seed) {
  const double per_row = static_cast<double>(shape.n) * static_cast<double>(shape.k);
  std::int64_t count = shape.m;
  if (per_row * static_cast<double>(shape.m) > budget_macs) {
    count = std::max<std::int64_t>(1, static_cast<std::int64_t>(budget_macs / per_row));
  }
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  const RandomStream stream(seed, 0, tag_of("verify.rows"), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = shape.m / count * i + std::min(i, shape.m % count);
    const std::int64_t length = shape.m / count + (i < shape.m % count ? 1 : 0);
    std::int64_t row = begin;
    if (length > 1) {
      row += static_cast<std::int64_t>(stream.words(0, static_cast<std::uint64_t>(i), 0)[0] %
                                       static_cast<std::uint64_t>(length));
    }
    rows[static_cast<std::size_t>(i)] = row;
  }
  return rows;
}

std::optional<double> Fidelity::relative_error() const {
  if (reference_squares > 0) return std::sqrt(error_squares / reference_squares);
  if (error_squares == 0) return 0.0;
  return std::nullopt;
}

std::optional<double> Fidelity::sqnr_dB() const {
  if (error_squares <= 0 || reference_squares <= 0) return std::nullopt;
  return 10 * std::log10(reference_squares / error_squares);
}

void verify_product(Fidelity& fidelity, const GemmShape& shape, RowGather gather_a,
                    const ConstMatrixRef& b, const ConstMatrixRef& c,
                    std::span<const std::int64_t> rows) {
  const Matrix<double> b64 = copy_as<double>(b);
  const PackedMatrix<double> packed(b64.view());
  const double b_squares = squares(b64.view());
  double a_squares = 0;
  const auto total = static_cast<std::int64_t>(rows.size());
  const std::int64_t block = std::min(total, kRowsPerBlock);
  Matrix<double> a_rows(block, shape.k);
  Matrix<double> reference(block, shape.n);
  Matrix<double> got(block, shape.n);
  for (std::int64_t first = 0; first < total; first += block) {
    const std::int64_t count = std::min(block, total - first);
    const auto names =
        rows.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    const MatrixView<double> a_block = a_rows.view().block(0, 0, count, shape.k);
    const MatrixView<double> reference_block = reference.view().block(0, 0, count, shape.n);
    const MatrixView<double> got_block = got.view().block(0, 0, count, shape.n);
    gather_a(names, a_block);
    gemm<double>(a_block, packed, reference_block);
    copy_rows(c, names, got_block);
    add_differences(fidelity, reference_block, got_block);
    a_squares += squares(a_block);
  }
  fidelity.bound_squares += a_squares * b_squares;
  fidelity.rows_verified += total;
  fidelity.rows += shape.m;
}

void verify_elements(Fidelity& fidelity, MatrixView<const double> reference,
                     const ConstMatrixRef& got) {
  const Matrix<double> got64 = copy_as<double>(got);
  add_differences(fidelity, reference, got64.view());
  fidelity.rows_verified += reference.rows;
  fidelity.rows += reference.rows;
}

std::optional<Rounding> rounding_of(ElementType precision, ElementType host) {
  const double output = unit_roundoff(host);
  switch (precision) {
    case ElementType::f64:
    case ElementType::f32:
      return Rounding{0, unit_roundoff(precision), output};
    case ElementType::tf32:
    case ElementType::bf16:
    case ElementType::f16:
    case ElementType::f8e4m3:
    case ElementType::f8e5m2:
      return Rounding{unit_roundoff(precision), unit_roundoff(ElementType::f32),
                      std::max(output, unit_roundoff(precision))};
    default:
      return std::nullopt;
  }
}

double relative_error_bound(const Rounding& rounding, std::int64_t k) {
  const double ku = static_cast<double>(k) * rounding.accumulate;
  const double gamma = ku < 0.5 ? ku / (1 - ku) : 1;  // a sum that long may lose everything
  const double product =
      (1 + rounding.input) * (1 + rounding.input) * (1 + gamma) * (1 + rounding.output);
  return product - 1;
}

Json verification_json(const Fidelity& fidelity, std::optional<double> error_bound) {
  Json json = Json::object();
  json["reference"] = "float64";
  json["rows_verified"] = fidelity.rows_verified;
  json["rows"] = fidelity.rows;
  json["method"] = fidelity.rows_verified == fidelity.rows
                       ? "every element"
                       : "every element of one seeded row in each of rows_verified strata";
  json["exact"] = fidelity.error_squares == 0;
  if (error_bound) json["rounding_bound_frobenius"] = *error_bound;
  return json;
}

}  // namespace jb::harness
