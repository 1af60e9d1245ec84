#include "backends/photonic/mesh/mesh_tile.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <utility>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/analog/random_walk.h"
#include "backends/core/random.h"
#include "backends/photonic/mesh/clements.h"
#include "backends/photonic/mesh/svd.h"

namespace jb::photonic {
namespace {

constexpr double kPi = std::numbers::pi;

/// The three parts of a core that hold phases.
enum class Part : std::int64_t { right = 0, left = 1, attenuators = 2 };

/// Phases as the shifters of one part give them: rounded to their converters' steps, then off by
/// static error, drift and what a lock has misread.
class Shifters {
 public:
  Shifters(const MeshHardware& hardware, Part part, std::size_t count)
      : m_(hardware.imperfections), row_(static_cast<std::int64_t>(part)), errors_(count, 0.0) {
    const auto core = static_cast<std::uint64_t>(hardware.core);
    const auto stream = [&](const char* what) {
      return RandomStream(hardware.instance.seed, hardware.instance.instance, tag_of(what), core);
    };
    add_normals(stream("photonic.mesh.phase"), m_.phase_error_rad, 0);
    if (m_.drift_rad_per_rt_s == 0) return;
    if (hardware.lock.locks > 0) {
      add_normals(stream("photonic.mesh.lock"), hardware.lock.residual, hardware.lock.locks);
    }
    const RandomStream walk = stream("photonic.mesh.drift");
    for (std::size_t i = 0; i < count; ++i) {
      errors_[i] +=
          m_.drift_rad_per_rt_s * analog::random_walk(walk, row_, static_cast<std::int64_t>(i),
                                                      hardware.lock.since_s, hardware.lock.locks);
    }
  }

  [[nodiscard]] double given(double phase, std::size_t shifter) const {
    if (m_.phase_bits > 0) {
      const double step = 2 * kPi / std::ldexp(1.0, static_cast<int>(m_.phase_bits));
      phase = step * analog::round_half_even(phase / step);
    }
    return phase + errors_[shifter];
  }

 private:
  void add_normals(const RandomStream& stream, double rms, std::uint64_t call) {
    if (rms == 0) return;
    std::vector<float> normals(errors_.size());
    stream.normals(normals, row_, 0, call);
    for (std::size_t i = 0; i < errors_.size(); ++i) {
      errors_[i] += rms * static_cast<double>(normals[i]);
    }
  }

  const MeshImperfections& m_;
  std::int64_t row_;
  std::vector<double> errors_;
};

std::vector<SplitterErrors> splitters_of(const MeshHardware& hardware, Part part,
                                         std::size_t mzis) {
  const double rms = hardware.imperfections.splitter_rad;
  if (rms == 0) return {};
  const RandomStream stream(hardware.instance.seed, hardware.instance.instance,
                            tag_of("photonic.mesh.splitter"),
                            static_cast<std::uint64_t>(hardware.core));
  std::vector<float> normals(2 * mzis);
  stream.normals(normals, static_cast<std::int64_t>(part), 0, 0);
  std::vector<SplitterErrors> errors;
  for (std::size_t i = 0; i < mzis; ++i) {
    errors.push_back(
        {rms * static_cast<double>(normals[2 * i]), rms * static_cast<double>(normals[2 * i + 1])});
  }
  return errors;
}

/// Sends fields through a mesh that is set to an orthogonal matrix.
void pass(const MeshHardware& hardware, Part part, Matrix<double> orthogonal, ModeFields& fields) {
  const MeshImperfections& m = hardware.imperfections;
  const auto n = static_cast<std::size_t>(orthogonal.rows());
  const std::size_t mzis = n * (n - 1) / 2;
  const std::vector<SplitterErrors> splitters = splitters_of(hardware, part, mzis);
  const RotationProduct<double> product = decompose(std::move(orthogonal));
  MeshPhases phases = m.corrected ? phases_of(product, splitters) : phases_of(product);
  const Shifters shifters(hardware, part, 2 * mzis + n);
  for (std::size_t i = 0; i < mzis; ++i) {
    phases.mzis[i].theta = shifters.given(phases.mzis[i].theta, 2 * i);
    phases.mzis[i].phi = shifters.given(phases.mzis[i].phi, 2 * i + 1);
  }
  for (std::size_t i = 0; i < n; ++i) {
    phases.outputs[i] = shifters.given(phases.outputs[i], 2 * mzis + i);
  }
  const double transmission = std::pow(10.0, -m.mzi_loss_dB / 20);
  pass_mesh(phases, {splitters, transmission, m.balanced}, fields);
}

/// Attenuators are interferometers of which one output is used: amplitude sin(theta / 2), phase
/// theta / 2 taken out at its set value.
void attenuate(const MeshHardware& hardware, const Eigen::VectorXd& values, ModeFields& fields) {
  const auto n = static_cast<std::size_t>(values.size());
  const Shifters shifters(hardware, Part::attenuators, n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const double set = 2 * std::asin(std::min(1.0, values(row) / values(0)));
    const double given = shifters.given(set, i);
    const std::complex<double> factor = std::polar(1.0, (given - set) / 2) * std::sin(given / 2);
    for (std::int64_t j = 0; j < fields.re.cols(); ++j) {
      const std::complex<double> x =
          factor * std::complex<double>(fields.re(row, j), fields.im(row, j));
      fields.re(row, j) = x.real();
      fields.im(row, j) = x.imag();
    }
  }
}

Matrix<double> matrix_of(const RowMajorMatrix& x) {
  Matrix<double> out(x.rows(), x.cols());
  std::copy(x.data(), x.data() + x.size(), out.data());
  return out;
}

}  // namespace

double realise_tile(const MeshHardware& hardware, bool exact, Matrix<double>& w) {
  const std::int64_t n = w.rows();
  const Eigen::Map<const RowMajorMatrix> target(w.data(), n, n);
  if (target.isZero(0)) return 0;
  if (exact) return largest_singular_value(target);
  const SingularValues svd = singular_values(target);
  const double largest = svd.values(0);
  ModeFields fields = unit_fields(n);
  pass(hardware, Part::right, matrix_of(svd.right), fields);
  attenuate(hardware, svd.values, fields);
  pass(hardware, Part::left, matrix_of(svd.left), fields);
  // 2 N columns: the loss that the machine's digital scale takes back.
  const double columns = 2 * static_cast<double>(n);
  const double scale = largest * std::pow(10.0, columns * hardware.imperfections.mzi_loss_dB / 20);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) w(i, j) = scale * fields.re(i, j);
  }
  return largest;
}

}  // namespace jb::photonic
