#include "backends/photonic/mesh/clements.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>

namespace jb::photonic {
namespace {

using Complex = std::complex<double>;

constexpr double kPi = std::numbers::pi;

double conjugate(double x) { return x; }
Complex conjugate(Complex x) { return std::conj(x); }

double square(double x) { return x * x; }

/// Columns (c, c + 1) of rows [0, rows) times the adjoint of [a, b; -b*, a*].
template <class T>
void rotate_columns(Matrix<T>& u, std::int64_t rows, std::int64_t c, T a, T b) {
  for (std::int64_t i = 0; i < rows; ++i) {
    T* const pair = &u(i, c);
    const T left = pair[0];
    const T right = pair[1];
    pair[0] = left * conjugate(a) + right * conjugate(b);
    pair[1] = right * a - left * b;
  }
}

/// Rows (r - 1, r) from column c on: [a, b; -b*, a*] times them.
template <class T>
void rotate_rows(Matrix<T>& u, std::int64_t r, std::int64_t c, T a, T b) {
  T* const upper = &u(r - 1, 0);
  T* const lower = &u(r, 0);
  for (std::int64_t j = c; j < u.cols(); ++j) {
    const T above = upper[j];
    const T below = lower[j];
    upper[j] = a * above + b * below;
    lower[j] = conjugate(a) * below - conjugate(b) * above;
  }
}

/// Nulls u(r, c) by a rotation of columns (c, c + 1), and returns that rotation.
template <class T>
ModeRotation<T> null_by_columns(Matrix<T>& u, std::int64_t r, std::int64_t c) {
  const T x = u(r, c);
  const T y = u(r, c + 1);
  const double length = std::hypot(std::abs(x), std::abs(y));
  const T a = length > 0 ? conjugate(y) / length : T(1);
  const T b = length > 0 ? -conjugate(x) / length : T(0);
  rotate_columns(u, r + 1, c, a, b);
  u(r, c) = T(0);
  return {static_cast<std::int32_t>(c), {a, b, -conjugate(b), conjugate(a)}};
}

/// Nulls u(r, c) by a rotation of rows (r - 1, r), and returns its adjoint.
template <class T>
ModeRotation<T> null_by_rows(Matrix<T>& u, std::int64_t r, std::int64_t c) {
  const T x = u(r - 1, c);
  const T y = u(r, c);
  const double length = std::hypot(std::abs(x), std::abs(y));
  const T a = length > 0 ? conjugate(x) / length : T(1);
  const T b = length > 0 ? conjugate(y) / length : T(0);
  rotate_rows(u, r, c, a, b);
  u(r, c) = T(0);
  return {static_cast<std::int32_t>(r - 1), {conjugate(a), -b, conjugate(b), a}};
}

double wrapped(double phase) {
  const double turns = std::floor(phase / (2 * kPi));
  return phase - 2 * kPi * turns;
}

/// Sines and cosines of both splitter angles of an MZI.
struct Splitters {
  double cos_a = std::numbers::sqrt2 / 2;
  double sin_a = std::numbers::sqrt2 / 2;
  double cos_b = std::numbers::sqrt2 / 2;
  double sin_b = std::numbers::sqrt2 / 2;
};

Splitters splitters_of(std::span<const SplitterErrors> errors, std::size_t mzi) {
  if (errors.empty()) return {};
  const double a = kPi / 4 + errors[mzi].first;
  const double b = kPi / 4 + errors[mzi].second;
  return {std::cos(a), std::sin(a), std::cos(b), std::sin(b)};
}

/// The four elements of B(b) diag(e^{i theta}, 1) B(a).
std::array<Complex, 4> without_phi(double theta, const Splitters& x) {
  const Complex e = std::polar(1.0, theta);
  const Complex i(0, 1);
  return {
      x.cos_b * x.cos_a * e - x.sin_b * x.sin_a, i * (x.cos_b * x.sin_a * e + x.sin_b * x.cos_a),
      i * (x.sin_b * x.cos_a * e + x.cos_b * x.sin_a), x.cos_b * x.cos_a - x.sin_b * x.sin_a * e};
}

/// theta at which the first element has magnitude `bar` and the second `cross`, or comes nearest:
/// |s0|^2 = cos^2(a + b) + sin 2a sin 2b sin^2(theta / 2), |s1|^2 = sin^2(a - b) + ... cos^2(...).
double internal_phase(double bar, double cross, const Splitters& x) {
  const double least_bar = square(x.cos_a * x.cos_b - x.sin_a * x.sin_b);
  const double least_cross = square(x.sin_a * x.cos_b - x.cos_a * x.sin_b);
  return 2 * std::atan2(std::sqrt(std::max(0.0, square(bar) - least_bar)),
                        std::sqrt(std::max(0.0, square(cross) - least_cross)));
}

/// x / |x|, or 1 for 0.
Complex direction(Complex x) {
  const double length = std::hypot(x.real(), x.imag());
  return length > 0 ? x / length : Complex(1, 0);
}

/// Turns rotations into phases. After each MZI the fields of the product are those of the device
/// times a phase per mode that is still pending; the next MZI's external phase takes it up.
class Programmer {
 public:
  explicit Programmer(std::size_t modes) : pending_(modes, Complex(1, 0)) {}

  template <class T>
  MziPhases set(const ModeRotation<T>& rotation, const Splitters& splitters) {
    Complex& upper = pending_[static_cast<std::size_t>(rotation.mode)];
    Complex& lower = pending_[static_cast<std::size_t>(rotation.mode) + 1];
    // y = diag(pending after) R, with R = [s0 e^{i phi}, s1; s2 e^{i phi}, s3].
    const std::array<Complex, 4> y = {upper * rotation.u[0], lower * rotation.u[1],
                                      upper * rotation.u[2], lower * rotation.u[3]};
    MziPhases phases;
    phases.mode = rotation.mode;
    phases.theta = internal_phase(std::abs(rotation.u[0]), std::abs(rotation.u[1]), splitters);
    const std::array<Complex, 4> s = without_phi(phases.theta, splitters);
    // Where y1 is near zero its phase is noise; phi then takes the same noise back.
    upper = direction(y[1] * std::conj(s[1]));
    const Complex external = direction(y[0] * std::conj(upper * s[0]));
    const bool bar = std::norm(y[3]) > std::norm(y[2]);
    lower = direction(bar ? y[3] * std::conj(s[3]) : y[2] * std::conj(s[2] * external));
    phases.phi = wrapped(std::arg(external));
    return phases;
  }

  template <class T>
  void multiply(const std::vector<T>& diagonal) {
    for (std::size_t i = 0; i < pending_.size(); ++i) pending_[i] *= diagonal[i];
  }

  [[nodiscard]] std::vector<double> outputs() const {
    std::vector<double> phases;
    for (const Complex& p : pending_) phases.push_back(wrapped(std::arg(p)));
    return phases;
  }

 private:
  std::vector<Complex> pending_;
};

/// Two rows of fields through one MZI: [r0 r1; r2 r3] times them.
void mix(const std::array<Complex, 4>& r, std::int64_t cols, double* re0, double* im0, double* re1,
         double* im1) {
  const double a = r[0].real();
  const double b = r[0].imag();
  const double c = r[1].real();
  const double d = r[1].imag();
  const double e = r[2].real();
  const double f = r[2].imag();
  const double g = r[3].real();
  const double h = r[3].imag();
  for (std::int64_t j = 0; j < cols; ++j) {
    const double x0 = re0[j];
    const double y0 = im0[j];
    const double x1 = re1[j];
    const double y1 = im1[j];
    re0[j] = a * x0 - b * y0 + c * x1 - d * y1;
    im0[j] = a * y0 + b * x0 + c * y1 + d * x1;
    re1[j] = e * x0 - f * y0 + g * x1 - h * y1;
    im1[j] = e * y0 + f * x0 + g * y1 + h * x1;
  }
}

void multiply_row(ModeFields& fields, std::int64_t row, Complex factor) {
  for (std::int64_t j = 0; j < fields.re.cols(); ++j) {
    const Complex x = factor * Complex(fields.re(row, j), fields.im(row, j));
    fields.re(row, j) = x.real();
    fields.im(row, j) = x.imag();
  }
}

}  // namespace

template <class T>
RotationProduct<T> decompose(Matrix<T> u) {
  const std::int64_t n = u.rows();
  RotationProduct<T> product;
  for (std::int64_t i = 1; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      if (i % 2 == 1) {
        product.before.push_back(null_by_columns(u, n - 1 - j, i - 1 - j));
      } else {
        product.after.push_back(null_by_rows(u, n - i + j, j));
      }
    }
  }
  std::reverse(product.after.begin(), product.after.end());
  for (std::int64_t i = 0; i < n; ++i) {
    const double length = std::abs(u(i, i));
    product.diagonal.push_back(length > 0 ? u(i, i) / length : T(1));
  }
  return product;
}
template RotationProduct<double> decompose<double>(Matrix<double>);
template RotationProduct<std::complex<double>> decompose<std::complex<double>>(
    Matrix<std::complex<double>>);

template <class T>
MeshPhases phases_of(const RotationProduct<T>& product, std::span<const SplitterErrors> known) {
  Programmer programmer(product.diagonal.size());
  MeshPhases phases;
  phases.mzis.reserve(product.before.size() + product.after.size());
  const auto set_all = [&](const std::vector<ModeRotation<T>>& rotations) {
    for (const ModeRotation<T>& rotation : rotations) {
      const Splitters splitters = splitters_of(known, phases.mzis.size());
      phases.mzis.push_back(programmer.set(rotation, splitters));
    }
  };
  set_all(product.before);
  programmer.multiply(product.diagonal);
  set_all(product.after);
  phases.outputs = programmer.outputs();
  return phases;
}
template MeshPhases phases_of<double>(const RotationProduct<double>&,
                                      std::span<const SplitterErrors>);
template MeshPhases phases_of<std::complex<double>>(const RotationProduct<std::complex<double>>&,
                                                    std::span<const SplitterErrors>);

ModeFields unit_fields(std::int64_t modes) {
  ModeFields fields{Matrix<double>(modes, modes), Matrix<double>(modes, modes)};
  for (std::int64_t i = 0; i < modes; ++i) fields.re(i, i) = 1;
  return fields;
}

void pass_mesh(const MeshPhases& phases, const MeshOptics& optics, ModeFields& fields) {
  const std::int64_t cols = fields.re.cols();
  // Columns that a mode has passed; MZIs follow each other as early as they can.
  std::vector<std::int64_t> column(phases.outputs.size(), 0);
  const auto lost_until = [&](std::size_t mode, std::int64_t next) {
    const auto skipped = static_cast<double>(next - column[mode]);
    return optics.balanced ? std::pow(optics.field_transmission, skipped) : 1.0;
  };
  for (std::size_t i = 0; i < phases.mzis.size(); ++i) {
    const MziPhases& mzi = phases.mzis[i];
    const std::int64_t m = mzi.mode;
    const auto upper = static_cast<std::size_t>(m);
    const std::int64_t at = std::max(column[upper], column[upper + 1]);
    const Complex external = std::polar(optics.field_transmission * lost_until(upper, at), mzi.phi);
    const double lower = optics.field_transmission * lost_until(upper + 1, at);
    std::array<Complex, 4> r = without_phi(mzi.theta, splitters_of(optics.splitters, i));
    r[0] *= external;
    r[1] *= lower;
    r[2] *= external;
    r[3] *= lower;
    mix(r, cols, &fields.re(m, 0), &fields.im(m, 0), &fields.re(m + 1, 0), &fields.im(m + 1, 0));
    column[upper] = column[upper + 1] = at + 1;
  }
  const auto columns = static_cast<std::int64_t>(phases.outputs.size());
  for (std::size_t i = 0; i < phases.outputs.size(); ++i) {
    multiply_row(fields, static_cast<std::int64_t>(i),
                 std::polar(lost_until(i, columns), phases.outputs[i]));
  }
}

}  // namespace jb::photonic
