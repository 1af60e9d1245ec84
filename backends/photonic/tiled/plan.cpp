#include "backends/photonic/tiled/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "backends/analog/rows.h"
#include "backends/core/threads.h"
#include "backends/photonic/tiled/readout.h"
#include "backends/plan_checks.h"

namespace jb::photonic {
namespace {

constexpr std::int64_t kRowsPerPiece = 64;
// Clipping above this share of readouts is worth a lint: errors then are no longer those of noise.
constexpr double kSaturationLint = 1e-3;
// Counts below this are visibly not normal; the model draws normals.
constexpr double kFewPhotons = 20;
// A laser above this per core is worth a lint: no chip takes that light.
constexpr double kLaserLint_W = 1000;
// Readings that the ADCs' range is set by, at most about: 32 MiB of them.
constexpr std::int64_t kMostReadings = 1 << 22;
// Their call, beyond those of any execute, whose noise they would otherwise share.
constexpr std::uint64_t kRangingCall = std::uint64_t{1} << 41U;

OperandMoments checked_moments(const ConstMatrixRef& x, const char* what) {
  const OperandMoments moments = measure_operand(x);
  if (!std::isfinite(moments.mean_square) || !std::isfinite(moments.max_abs)) {
    fail_usage(
        "{} holds NaN, infinite or too large values (its squares must sum to a finite number)",
        what);
  }
  return moments;
}

template <class T>
const std::vector<PackedMatrix<T>>& packed_of(const std::vector<PackedMatrix<float>>& f32,
                                              const std::vector<PackedMatrix<double>>& f64) {
  if constexpr (std::is_same_v<T, float>) {
    return f32;
  } else {
    return f64;
  }
}

template <class T>
std::vector<PackedMatrix<T>> pack(const Matrix<double>& values, std::int64_t slots) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t top = 0; top < values.rows(); top += slots) {
    lengths.push_back(std::min(slots, values.rows() - top));
  }
  const Matrix<T> typed = copy_as<T>(values.view());
  return pack_segments<T>(typed.view(), lengths);
}

/// Sums of w^2 of every slot tile and column, in B's unit.
Matrix<double> squares_of(const RealisedWeights& weights, std::int64_t slots) {
  const Matrix<double>& w = weights.values;
  Matrix<double> sums(weights.full_scale.rows(), w.cols());
  for (std::int64_t l = 0; l < w.rows(); ++l) {
    double* const sum = sums.data() + l / slots * w.cols();
    for (std::int64_t j = 0; j < w.cols(); ++j) {
      const double x = w(l, j) * weights.unit;
      sum[j] += x * x;
    }
  }
  return sums;
}

/// kappa times the rms of a sum of independent products of weights and activations of the given
/// peak-to-average ratio. A row that is scaled to its largest element has none above its length.
double adc_full_scale(const TiledParameters& p, std::int64_t k, double rms_b) {
  const auto length = static_cast<double>(k);
  const double papr = p.full_scale_a > 0 ? p.adc_papr : std::min(p.adc_papr, length);
  return p.adc_kappa * rms_b * std::sqrt(std::min(static_cast<double>(p.slots), length) / papr);
}

RealisedWeights transposed_of(const RealisedWeights& weights) {
  RealisedWeights out;
  out.values = copy_as<double>(weights.values.view().transposed());
  out.full_scale = copy_as<double>(weights.full_scale.view().transposed());
  out.unit = weights.unit;
  out.integer = weights.integer;
  return out;
}

}  // namespace

TiledMachine::TiledMachine(const DeviceSpec& device, const TiledParameters& p,
                           const DeviceInstance& which)
    : spec(device),
      parameters(p),
      accounting(device, p),
      instance(which),
      gains(activation_gains(p, which)) {}

bool TiledMachine::drifts() const noexcept {
  const TiledParameters& p = parameters;
  return p.mesh.drift_rad_per_rt_s > 0 || p.rings.drift_GHz_per_rt_s > 0 ||
         p.lanes.drift_rad_per_rt_s > 0;
}

bool TiledMachine::exact() const noexcept {
  const TiledParameters& p = parameters;
  return weights_are_exact(p) && p.bits_a == 0 && p.bits_b == 0 && p.adc_bits == 0 &&
         p.full_scale_a == 0 && variance_of(p).none();
}

TiledPlan::TiledPlan(std::shared_ptr<TiledMachine> machine, const ConstMatrixRef& b,
                     OperandMode mode, const PlanOptions& options)
    : machine_(std::move(machine)), b_(copy_as<double>(b)), options_(options) {
  take_moments();
  const TiledParameters& p = machine_->parameters;
  const std::int64_t tiles = tiling_of(p, b_.rows(), b_.cols()).count();
  resident_ = mode == OperandMode::stationary && (!p.stationary() || machine_->fits(tiles));
  if (resident_ && p.stationary()) {
    cores_ = tiles;
    first_core_ = machine_->cores_in_use;
    setup_ = machine_->accounting.load(b_.rows(), b_.cols());
  }
  // Realising and packing belong to planning, not to the first product.
  (void)side(false, b.type == ElementType::f32);
  if (options_.samples != nullptr) set_adc_range(*options_.samples);
  machine_->cores_in_use += cores_;
  machine_->plans.push_back(this);
}

TiledPlan::~TiledPlan() {
  std::erase(machine_->plans, this);
  machine_->cores_in_use -= cores_;
}

void TiledPlan::take_moments() { b_moments_ = checked_moments(std::as_const(b_).view(), "B"); }

std::string TiledPlan::implementation() const {
  const std::string name = machine_->spec.text(kArchitectureKey);
  if (machine_->exact()) return name + "/exact";
  return name + (machine_->parameters.shot_noise ? "/gaussian" : "/no-shot");
}

void TiledPlan::forget() {
  for (auto& by_type : sides_) {
    for (std::optional<Side>& slot : by_type) slot.reset();
  }
}

LockState TiledPlan::lock_state(double adc_full_scale) const {
  const TiledParameters& p = machine_->parameters;
  LockState lock{machine_->epoch.since_calibration_s, machine_->locks, 0};
  // One full-scale element is read alone; its sum is a step of the converter as any other.
  const double lsb = p.adc_bits > 0 && b_moments_.max_abs > 0
                         ? adc_full_scale / b_moments_.max_abs /
                               (std::ldexp(1.0, static_cast<int>(p.adc_bits) - 1) - 1)
                         : 0.0;
  const double deviation =
      full_scale_deviation(p, lsb) / std::sqrt(static_cast<double>(p.calibration_readings));
  // An interferometer's output field changes by half a radian's phase at most.
  lock.residual = p.kind == TiledKind::mesh ? 2 * deviation : deviation;
  return lock;
}

const TiledPlan::Side& TiledPlan::side(bool transposed, bool host_f32) {
  std::optional<Side>& slot = sides_[transposed ? 1 : 0][host_f32 ? 1 : 0];
  if (!slot) slot = make_side(transposed, host_f32);
  return *slot;
}

TiledPlan::Side TiledPlan::make_side(bool transposed, bool host_f32) const {
  const TiledParameters& p = machine_->parameters;
  const MatrixView<const double> b = transposed ? b_.view().transposed() : b_.view();
  Side side;
  side.adc_full_scale = adc_full_scale(p, b.rows, std::sqrt(b_moments_.mean_square));
  const LockState lock = lock_state(side.adc_full_scale);
  if (!transposed) side.adc_full_scale *= adc_range_;
  // Light that passes a mesh backwards meets the transposed matrix.
  const bool reciprocal = transposed && p.kind == TiledKind::mesh;
  side.weights = reciprocal
                     ? transposed_of(realise(p, machine_->instance, b_.view(), b_moments_.max_abs,
                                             first_core_, lock))
                     : realise(p, machine_->instance, b, b_moments_.max_abs, first_core_, lock);
  side.squares = squares_of(side.weights, p.slots);
  side.column_sum.assign(static_cast<std::size_t>(b.cols), 0.0);
  for (std::int64_t l = 0; l < b.rows; ++l) {
    for (std::int64_t j = 0; j < b.cols; ++j)
      side.column_sum[static_cast<std::size_t>(j)] += b(l, j);
  }
  // Codes are multiplied exactly: in f32 where its integers reach far enough, else in f64.
  constexpr double kExact = 16777216.0;  // 2^24: integers up to here are floats
  const bool codes = side.weights.integer && p.bits_a > 0;
  const double largest = side.weights.integer ? p.full_code_a() * b_moments_.max_abs /
                                                    side.weights.unit * static_cast<double>(p.slots)
                                              : 0.0;
  side.as_f32 = host_f32 && (!codes || largest <= kExact);
  // The exact machine is one product; any other reads slot tile by slot tile.
  const std::int64_t slots = machine_->exact() ? std::max<std::int64_t>(1, b.rows) : p.slots;
  if (side.as_f32) {
    side.packed_f32 = pack<float>(side.weights.values, slots);
  } else {
    side.packed_f64 = pack<double>(side.weights.values, slots);
  }
  return side;
}

template <class T>
std::int64_t TiledPlan::run(const ConstMatrixRef& a, const MatrixRef& c, const RowScales& scales,
                            const Draw& draw, bool transposed, const Side& side,
                            std::vector<double>* readings) const {
  const TiledParameters& p = machine_->parameters;
  analog::Adc adc;
  if (p.adc_bits > 0 && side.adc_full_scale > 0 && readings == nullptr) {
    adc = analog::Adc(static_cast<int>(p.adc_bits), analog::AdcStyle::sign_magnitude,
                      side.adc_full_scale);
  }
  Matrix<double> total(c.rows, c.cols);
  std::int64_t clipped = 0;
  const auto pass = [&](InputPart part, double sign) {
    const bool second = part == InputPart::negative;
    const std::string what = std::string("photonic.tiled.readout") + (second ? ".negative" : "") +
                             (transposed ? ".transposed" : "");
    TiledReadout<T> readout(p, side.weights, side.squares, adc,
                            RandomStream(machine_->instance.seed, machine_->instance.instance,
                                         tag_of(what), options_.scope));
    std::vector<double> of_pass;
    if (readings != nullptr) {
      of_pass.assign(static_cast<std::size_t>(c.rows * side.squares.size()), 0.0);
      readout.keep(&of_pass);
    }
    const SentInputs<T> sent = send_inputs<T>(a, scales, p, part, draw.row_offset, machine_->gains);
    readout.run(sent, packed_of<T>(side.packed_f32, side.packed_f64), sign, draw, total);
    clipped += readout.clipped();
    if (readings != nullptr) readings->insert(readings->end(), of_pass.begin(), of_pass.end());
  };
  pass(InputPart::whole, 1);
  const bool passes = p.intensities() && p.signed_inputs == SignedInputs::two_pass;
  if (passes && scales.signed_rows > 0) pass(InputPart::negative, -1);

  const bool offset = p.intensities() && p.signed_inputs == SignedInputs::offset;
  const double step = adc.lsb();
  const auto write = [&](auto view) {
    using C = std::remove_reference_t<decltype(view(0, 0))>;
    parallel_for(c.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double full = scales.full_scale[at];
        const bool shifted = offset && scales.is_signed[at] != 0;
        for (std::int64_t j = 0; j < c.cols; ++j) {
          const double sum = total(i, j) * step;
          const double y = shifted ? 2 * sum - side.column_sum[static_cast<std::size_t>(j)] : sum;
          view(i, j) = static_cast<C>(y * full);
        }
      }
    });
  };
  if (c.type == ElementType::f64) {
    write(c.as<double>());
  } else {
    write(c.as<float>());
  }
  return clipped;
}

RowScales TiledPlan::scales_of(const ConstMatrixRef& a, bool transposed) const {
  const TiledParameters& p = machine_->parameters;
  const bool ranged =
      !transposed && p.bits_a > 0 && options_.input_range && options_.input_range->magnitude() > 0;
  return scale_rows(a, ranged ? options_.input_range->magnitude() : p.full_scale_a);
}

void TiledPlan::set_adc_range(const ProductSamples& samples) {
  const std::int64_t k = b_.rows();
  const std::int64_t n = b_.cols();
  const Side& used = side(false, true);
  if (machine_->parameters.adc_bits == 0 || used.adc_full_scale <= 0 || n == 0) return;
  if (samples.rows.rows() == 0 || samples.rows.cols() != k || k == 0) return;
  const std::int64_t most = std::max<std::int64_t>(1, kMostReadings / used.squares.size());
  const std::int64_t rows = std::min(samples.rows.rows(), most);
  const ConstMatrixRef a(samples.rows.view().block(0, 0, rows, k));
  (void)checked_moments(a, "a calibration sample");
  const RowScales scales = scales_of(a, false);
  Matrix<float> ignored(rows, n);
  const Draw draw{.call = kRangingCall};
  std::vector<double> readings;
  if (used.as_f32) {
    (void)run<float>(a, ignored.view(), scales, draw, false, used, &readings);
  } else {
    const Matrix<double> wide = copy_as<double>(a);
    (void)run<double>(wide.view(), ignored.view(), scales, draw, false, used, &readings);
  }
  const double range = analog::range_holding(std::move(readings), samples.share);
  if (range <= 0) return;
  adc_range_ = range / used.adc_full_scale;
  for (std::optional<Side>& slot : sides_[0]) {
    if (slot) slot->adc_full_scale = range;
  }
}

std::optional<double> TiledPlan::converter_range() const {
  return adc_range_ != 1 ? std::optional<double>(adc_range_) : std::nullopt;
}

Execution TiledPlan::execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                             Direction direction) {
  const bool transposed = direction == Direction::transposed;
  const GemmShape shape = check_execute_operands(b_.rows(), b_.cols(), transposed, a, c);
  const TiledParameters& p = machine_->parameters;
  Execution result;
  result.statistics = {checked_moments(a, "A"), b_moments_};
  const RowScales scales = scales_of(a, transposed);
  TiledUse use;
  if (p.intensities() && shape.m > 0) {
    use.signed_rows_frac = static_cast<double>(scales.signed_rows) / static_cast<double>(shape.m);
    result.statistics.a.signed_rows_frac = use.signed_rows_frac;
  }
  // Ring banks hold no transposed weights; they are loaded for the product.
  use.reloaded = p.stationary() && (!resident_ || (transposed && p.kind != TiledKind::mesh));
  result.activity = machine_->accounting.product(shape, use);
  if (shape.m == 0 || shape.n == 0) return result;
  if (shape.k == 0) {
    const Matrix<double> zero(shape.m, shape.n);
    copy_into(zero.view(), c);
    return result;
  }
  const Side& used = side(transposed, a.type == ElementType::f32);
  if (machine_->exact()) {
    if (a.type == ElementType::f64) {
      gemm<double>(a.as<double>(), used.packed_f64[0], c.as<double>());
    } else {
      gemm<float>(a.as<float>(), used.packed_f32[0], c.as<float>());
    }
    return result;
  }
  const std::int64_t clipped = used.as_f32
                                   ? run<float>(a, c, scales, draw, transposed, used, nullptr)
                                   : run<double>(a, c, scales, draw, transposed, used, nullptr);
  const double readouts = static_cast<double>(shape.m) * static_cast<double>(shape.n) *
                          static_cast<double>(used.weights.full_scale.rows());
  add_lints(static_cast<double>(clipped) / readouts, scales, result);
  return result;
}

void TiledPlan::add_lints(double clipped_share, const RowScales& scales, Execution& result) const {
  const TiledParameters& p = machine_->parameters;
  if (clipped_share > kSaturationLint) {
    result.lints.push_back(fmt::format(
        "saturated: {:.3g} % of ADC samples clipped; raise adc.kappa", 100 * clipped_share));
  }
  if (scales.clips) {
    const double full_scale = scales.full_scale.front();
    result.lints.push_back(
        full_scale == p.full_scale_a
            ? fmt::format(
                  "saturated: activations reach {:.3g}, the modulators clip at norm.full_scale_a = "
                  "{:.3g}",
                  result.statistics.a.max_abs, full_scale)
            : fmt::format("saturated: activations reach {:.3g}, the modulators' full scale was set "
                          "to {:.3g} on calibration data",
                          result.statistics.a.max_abs, full_scale));
  }
  if (p.shot_noise && p.photons < kFewPhotons) {
    result.lints.push_back(fmt::format(
        "photons: a readout has {:.3g} photons at full scale; their noise is drawn as normal",
        p.photons));
  }
  if (p.has_energy && p.laser_W > kLaserLint_W) {
    result.lints.push_back(fmt::format(
        "laser: {:.3g} dB of loss need {:.3g} W a core at the wall, which no chip can take",
        p.loss_dB, p.laser_W));
  }
}

Activity TiledPlan::update(const ConstMatrixRef& delta) {
  check_delta(b_.rows(), b_.cols(), delta);
  (void)checked_moments(delta, "the update");
  const Matrix<double> change = copy_as<double>(delta);
  for (std::int64_t i = 0; i < b_.size(); ++i) b_.data()[i] += change.data()[i];
  take_moments();
  forget();
  Activity activity = machine_->accounting.rewrite(b_.rows(), b_.cols());
  if (cores_ > 0) activity += machine_->accounting.load(b_.rows(), b_.cols());
  return activity;
}

}  // namespace jb::photonic
