#include "backends/photonic/homodyne_plan.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <type_traits>
#include <utility>

#include "backends/core/gemm.h"
#include "backends/core/threads.h"
#include "backends/plan_checks.h"

namespace jb::photonic {
namespace {

constexpr std::int64_t kElementsPerPiece = 32768;
// Clipping above this share of readouts is worth a lint: errors then are no longer those of noise.
constexpr double kSaturationLint = 1e-3;
// Columns of pieces of the inner dimension start at multiples of this in the noise plane, so that
// no two readouts share a number and rows of noise are whole blocks of the generator.
constexpr std::int64_t kNoiseColumns = 64;

OperandMoments checked_moments(const ConstMatrixRef& x, const char* what) {
  const OperandMoments moments = measure_operand(x);
  if (!std::isfinite(moments.mean_square) || !std::isfinite(moments.max_abs)) {
    fail_usage(
        "{} holds NaN, infinite or too large values (its squares must sum to a finite number)",
        what);
  }
  return moments;
}

/// Static errors of the weight lanes: modulator gain and phase between the two beams.
struct LaneErrors {
  double gain = 1;
  double cosine = 1;
};

LaneErrors lane_errors(const HomodyneMachine& machine, std::int64_t column) {
  const HomodyneParameters& p = machine.parameters;
  LaneErrors errors;
  if (p.gain_error == 0 && p.phase_error_rad == 0) return errors;
  const std::int64_t lane = p.outputs > 0 ? column % p.outputs : column;
  const RandomStream stream(machine.instance.seed, machine.instance.instance,
                            tag_of("photonic.lane"), 0);
  errors.gain = 1 + p.gain_error * static_cast<double>(stream.normal(0, lane, 0));
  errors.cosine = std::cos(p.phase_error_rad * static_cast<double>(stream.normal(1, lane, 0)));
  return errors;
}

template <class T>
const PackedMatrix<T>& packed(const WeightFields& weights, std::int64_t piece) {
  if constexpr (std::is_same_v<T, float>) {
    return weights.packed_f32[static_cast<std::size_t>(piece)];
  } else {
    return weights.packed_f64[static_cast<std::size_t>(piece)];
  }
}

void write_row(const std::vector<double>& values, double unit, const MatrixRef& c, std::int64_t i) {
  const auto n = static_cast<std::int64_t>(values.size());
  const auto write = [&](auto view) {
    using C = std::remove_reference_t<decltype(view(0, 0))>;
    for (std::int64_t j = 0; j < n; ++j) {
      view(i, j) = static_cast<C>(values[static_cast<std::size_t>(j)] * unit);
    }
  };
  if (c.type == ElementType::f64) {
    write(c.as<double>());
  } else {
    write(c.as<float>());
  }
}

}  // namespace

bool HomodyneMachine::exact() const noexcept {
  const HomodyneParameters& p = parameters;
  return !p.shot_noise && p.rin_per_Hz == 0 && p.amplifier_e == 0 && p.dark_A == 0 &&
         p.capacitance_F == 0 && p.gain_error == 0 && p.phase_error_rad == 0 && p.dac_bits_a == 0 &&
         p.dac_bits_b == 0 && p.adc_bits == 0 &&
         !(p.norm == Normalisation::fixed_scale && p.full_scale_a > 0);
}

HomodynePlan::HomodynePlan(std::shared_ptr<const HomodyneMachine> machine, const ConstMatrixRef& b,
                           OperandMode mode, const PlanOptions& options)
    : machine_(std::move(machine)), b_(copy_as<double>(b)), mode_(mode), options_(options) {
  take_moments();
  // Packing belongs to planning, not to the first product.
  (void)side(false, b.type == ElementType::f32);
}

void HomodynePlan::take_moments() { b_moments_ = checked_moments(std::as_const(b_).view(), "B"); }

std::string HomodynePlan::implementation() const {
  if (machine_->exact()) return "homodyne/exact";
  const HomodyneParameters& p = machine_->parameters;
  if (!p.shot_noise) return "homodyne/no-shot";
  return p.law_for(b_.rows()) == NoiseLaw::poisson ? "homodyne/poisson" : "homodyne/gaussian";
}

std::int64_t HomodynePlan::readout_length(std::int64_t k) const {
  // Only clipping and rounding see single readouts; the sum of several noises is one noise.
  const HomodyneParameters& p = machine_->parameters;
  return p.adc_bits > 0 || p.capacitance_F > 0 ? p.slots(k) : k;
}

const HomodynePlan::Side& HomodynePlan::side(bool transposed, bool host_f32) {
  const HomodyneParameters& p = machine_->parameters;
  const std::int64_t k = transposed ? b_.cols() : b_.rows();
  // Codes are multiplied exactly: in f32 where its integers reach far enough, else in f64.
  const bool codes = p.dac_bits_a > 0 && p.dac_bits_b > 0;
  const bool as_f32 = codes ? codes_fit_f32(p, readout_length(k)) : host_f32;
  std::optional<Side>& slot = sides_[transposed ? 1 : 0][as_f32 ? 1 : 0];
  if (!slot) slot = make_side(transposed, as_f32);
  return *slot;
}

HomodynePlan::Side HomodynePlan::make_side(bool transposed, bool as_f32) const {
  const HomodyneParameters& p = machine_->parameters;
  const MatrixView<const double> b = transposed ? b_.view().transposed() : b_.view();
  Side side;
  side.as_f32 = as_f32;
  side.pieces = cut_into(b.rows, readout_length(b.rows));
  side.weights = send_weights(b, b_moments_, p, side.pieces, as_f32);
  const double photons = p.eta * side.weights.beta * side.weights.beta;
  for (std::int64_t c = 0; c < side.pieces.count; ++c) {
    ColumnLight light;
    for (std::int64_t j = 0; j < b.cols; ++j) {
      const LaneErrors lane = lane_errors(*machine_, j);
      const double energy = side.weights.energy[static_cast<std::size_t>(c * b.cols + j)];
      light.light_e.push_back(photons * energy * lane.gain * lane.gain);
      light.signal.push_back(lane.gain * lane.cosine);
    }
    side.columns.push_back(std::move(light));
  }
  return side;
}

ReadoutSettings HomodynePlan::settings_for(const Pieces& pieces, std::int64_t piece) const {
  const HomodyneParameters& p = machine_->parameters;
  const double warmer_K = machine_->epoch.temperature_C - 25.0;
  const std::int64_t cycles = pieces.size(piece);
  ReadoutSettings s;
  s.shot = p.shot_noise;
  s.poisson = p.law_for(pieces.k) == NoiseLaw::poisson;
  s.cycles = static_cast<double>(cycles);
  // A piece that stands for several readouts carries the noise of each.
  const Pieces readouts = cut_into(cycles, p.slots(cycles));
  for (std::int64_t r = 0; r < readouts.count; ++r) {
    s.readout_variance_e2 += p.readout_variance_e2(static_cast<double>(readouts.size(r)), warmer_K);
  }
  s.rin_variance = p.rin_variance();
  s.well_e = p.well_e();
  if (p.adc_bits > 0) {
    s.adc = analog::Adc(static_cast<int>(p.adc_bits), analog::AdcStyle::sign_magnitude,
                        p.adc_full_scale_e(pieces.k, warmer_K));
  }
  return s;
}

template <class T>
std::int64_t HomodynePlan::run(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                               bool transposed, const Side& side, const OperandMoments& moments) {
  const HomodyneParameters& p = machine_->parameters;
  const Pieces& pieces = side.pieces;
  const ActivationFields<T> sent = send_activations<T>(a, moments, p, pieces);
  const ReadoutNoise noise(machine_->instance.seed, machine_->instance.instance, options_.scope,
                           transposed);
  const std::int64_t n = c.cols;
  const std::int64_t plane = (n + kNoiseColumns - 1) / kNoiseColumns * kNoiseColumns;
  const bool in_place = pieces.count == 1 && c.type == element_type_of<T>;
  Matrix<T> scratch = in_place ? Matrix<T>() : Matrix<T>(c.rows, n);
  const MatrixView<T> products = in_place ? c.as<T>() : scratch.view();
  // Partial sums are added digitally: whole ADC codes, or electrons where there is no ADC.
  Matrix<double> sums = pieces.count > 1 ? Matrix<double>(c.rows, n) : Matrix<double>();
  std::atomic<std::int64_t> clipped{0};
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerPiece / n);
  for (std::int64_t piece = 0; piece < pieces.count; ++piece) {
    gemm<T>(sent.fields.block(0, pieces.begin(piece), a.rows, pieces.size(piece)),
            packed<T>(side.weights, piece), products);
    const ReadoutSettings settings = settings_for(pieces, piece);
    const ColumnLight& columns = side.columns[static_cast<std::size_t>(piece)];
    const double step = settings.adc.lsb();
    parallel_for(c.rows, grain, [&](std::int64_t begin, std::int64_t end) {
      ReadoutBuffers buffers(n);
      std::int64_t here = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double alpha = sent.alpha[at];
        const double energy = sent.energy[static_cast<std::size_t>(piece * a.rows + i)];
        const RowLight row{2 * p.eta * alpha * side.weights.beta, p.eta * alpha * alpha * energy};
        for (std::int64_t j = 0; j < n; ++j) {
          buffers.electrons[static_cast<std::size_t>(j)] = static_cast<double>(products(i, j));
        }
        here += read_row(settings, row, columns, noise,
                         {draw.row_offset + i, piece * plane, draw.call}, buffers);
        const double per_electron = row.gain_e > 0 ? 1 / row.gain_e : 0.0;
        const double unit = step * (sent.unit[at] * side.weights.unit) * per_electron;
        if (pieces.count > 1) {
          double* const sum = &sums(i, 0);
          for (std::int64_t j = 0; j < n; ++j) {
            sum[j] += buffers.electrons[static_cast<std::size_t>(j)];
          }
          if (piece + 1 < pieces.count) continue;
          buffers.electrons.assign(sum, sum + n);
        }
        write_row(buffers.electrons, unit, c, i);
      }
      clipped += here;
    });
  }
  return clipped;
}

Execution HomodynePlan::execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                                Direction direction) {
  const bool transposed = direction == Direction::transposed;
  const GemmShape shape = check_execute_operands(b_.rows(), b_.cols(), transposed, a, c);
  const HomodyneParameters& p = machine_->parameters;
  Execution result;
  result.statistics = {checked_moments(a, "A"), b_moments_};
  const double papr_a = result.statistics.a.papr();
  const double papr_b = result.statistics.b.papr();
  result.activity = machine_->accounting.product(shape, p.laser_papr(papr_a, papr_b));
  if (shape.m == 0 || shape.n == 0) return result;
  if (shape.k == 0) {
    const Matrix<double> zero(shape.m, shape.n);
    copy_into(zero.view(), c);
    return result;
  }
  const Side& use = side(transposed, a.type == ElementType::f32);
  if (machine_->exact()) {
    if (a.type == ElementType::f64) {
      gemm<double>(a.as<double>(), packed<double>(use.weights, 0), c.as<double>());
    } else {
      gemm<float>(a.as<float>(), packed<float>(use.weights, 0), c.as<float>());
    }
    return result;
  }
  const std::int64_t clipped = use.as_f32
                                   ? run<float>(a, c, draw, transposed, use, result.statistics.a)
                                   : run<double>(a, c, draw, transposed, use, result.statistics.a);
  const double readouts = static_cast<double>(shape.m) * static_cast<double>(shape.n) *
                          static_cast<double>(use.pieces.count);
  add_lints(static_cast<double>(clipped) / readouts, result);
  return result;
}

void HomodynePlan::add_lints(double clipped_share, Execution& result) const {
  const HomodyneParameters& p = machine_->parameters;
  const OperandStatistics& s = result.statistics;
  if (clipped_share > kSaturationLint) {
    result.lints.push_back(fmt::format(
        "saturated: {:.3g} % of readouts clipped (full well or ADC); raise adc.kappa or c_fF, or "
        "lower n_mac",
        100 * clipped_share));
  }
  if (p.norm == Normalisation::fixed_scale && p.full_scale_a > 0 && s.a.max_abs > p.full_scale_a) {
    result.lints.push_back(fmt::format(
        "saturated: activations reach {:.3g}, the modulators clip at norm.full_scale_a = {:.3g}",
        s.a.max_abs, p.full_scale_a));
  }
  const double needed = p.split * s.b.papr() + (1 - p.split) * s.a.papr();
  if (p.has_energy && !machine_->theory_bound && p.papr > 0 && needed > p.papr) {
    result.lints.push_back(fmt::format(
        "papr: the operands need a laser sized for {:.3g}, its energy is that of papr = {:.3g}",
        needed, p.papr));
  }
}

Activity HomodynePlan::update(const ConstMatrixRef& delta) {
  check_delta(b_.rows(), b_.cols(), delta);
  (void)checked_moments(delta, "the update");
  const Matrix<double> change = copy_as<double>(delta);
  for (std::int64_t i = 0; i < b_.rows(); ++i) {
    for (std::int64_t j = 0; j < b_.cols(); ++j) b_(i, j) += change(i, j);
  }
  take_moments();
  for (auto& by_type : sides_) {
    for (std::optional<Side>& slot : by_type) slot.reset();
  }
  return machine_->accounting.rewrite(b_.rows(), b_.cols());
}

}  // namespace jb::photonic
