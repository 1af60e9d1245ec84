#include "backends/photonic/homodyne_plan.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <span>
#include <type_traits>
#include <utility>

#include "backends/analog/rows.h"
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
// Products that are formed before they are read: 2 MiB of them.
constexpr std::int64_t kProductsInCache = 1 << 19;
// Readings that the ADCs' range is set by, at most about: 32 MiB of them.
constexpr std::int64_t kMostReadings = 1 << 22;
// Their call, beyond those of any execute, whose noise they would otherwise share.
constexpr std::uint64_t kRangingCall = std::uint64_t{1} << 41U;

void check_moments(const OperandMoments& moments, const char* what) {
  if (std::isfinite(moments.mean_square) && std::isfinite(moments.max_abs)) return;
  fail_usage("{} holds NaN, infinite or too large values (its squares must sum to a finite number)",
             what);
}

OperandMoments checked_moments(const ConstMatrixRef& x, const char* what) {
  const OperandMoments moments = measure_operand(x);
  check_moments(moments, what);
  return moments;
}

template <class T>
const std::vector<PackedMatrix<T>>& packed(const WeightFields& weights) {
  if constexpr (std::is_same_v<T, std::int8_t>) {
    return weights.packed_bytes;
  } else if constexpr (std::is_same_v<T, float>) {
    return weights.packed_f32;
  } else {
    return weights.packed_f64;
  }
}

void widen(const std::int32_t* p, std::int64_t n, double factor, double* d) {
  homodyne_rows().widen_i32(p, n, factor, d);
}
void widen(const float* p, std::int64_t n, double factor, double* d) {
  homodyne_rows().widen_f32(p, n, factor, d);
}
void widen(const double* p, std::int64_t n, double factor, double* d) {
  homodyne_rows().widen_f64(p, n, factor, d);
}
void couple(const std::int32_t* p, std::int64_t n, const Coupling& c, double* d) {
  homodyne_rows().couple_i32(p, n, c, d);
}
void couple(const float* p, std::int64_t n, const Coupling& c, double* d) {
  homodyne_rows().couple_f32(p, n, c, d);
}
void couple(const double* p, std::int64_t n, const Coupling& c, double* d) {
  homodyne_rows().couple_f64(p, n, c, d);
}

void write_row(const std::vector<double>& values, double unit, const MatrixRef& c, std::int64_t i) {
  const auto n = static_cast<std::int64_t>(values.size());
  const auto write = [&](auto view) {
    using C = std::remove_reference_t<decltype(view(0, 0))>;
    if (view.col_stride == 1) {
      analog::store(std::span<const double>(values), unit, &view(i, 0));
      return;
    }
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

/// Row `i` of A as its detectors see it in one piece.
template <class T>
RowLight row_light(const HomodyneMachine& machine, const ActivationFields<T>& sent, double beta,
                   std::int64_t lane, std::int64_t i, std::int64_t piece) {
  const HomodyneParameters& p = machine.parameters;
  const auto at = static_cast<std::size_t>(i);
  const auto slot = static_cast<std::size_t>(piece * sent.fields.rows + i);
  const double gain = machine.lanes->gain(Arm::activations, lane);
  const double alpha = sent.alpha[at] * gain;
  RowLight row;
  row.gain_e = 2 * p.eta * alpha * beta;
  row.light_e = p.eta * alpha * alpha * sent.energy[slot];
  row.sum = sent.sum[slot];
  row.full = sent.full[at];
  if (machine.lanes->has_phases()) {
    const double phase = machine.lanes->phase_rad(Arm::activations, lane);
    row.cosine = std::cos(phase);
    row.sine = std::sin(phase);
  }
  return row;
}

}  // namespace

void HomodyneMachine::use_lanes(std::int64_t rows, std::int64_t cols) noexcept {
  const auto note = [](std::int64_t& in_use, std::int64_t wanted, std::int64_t there) {
    in_use = std::max(in_use, there > 0 ? std::min(wanted, there) : wanted);
  };
  note(rows_in_use, rows, parameters.samples);
  note(cols_in_use, cols, parameters.outputs);
}

bool HomodyneMachine::exact() const noexcept {
  const HomodyneParameters& p = parameters;
  return !p.shot_noise && p.rin_per_Hz == 0 && p.amplifier_e == 0 && p.dark_A == 0 &&
         p.capacitance_F == 0 && p.gain_error == 0 && !lanes->has_phases() &&
         p.splitter_error == 0 && p.crosstalk == 0 && p.floor == 0 && p.dac_bits_a == 0 &&
         p.dac_bits_b == 0 && p.adc_bits == 0 &&
         !(p.norm == Normalisation::fixed_scale && p.full_scale_a > 0);
}

HomodynePlan::HomodynePlan(std::shared_ptr<const HomodyneMachine> machine, const ConstMatrixRef& b,
                           OperandMode mode, const PlanOptions& options)
    : machine_(std::move(machine)), b_(b), mode_(mode), options_(options) {
  take_moments();
  // Packing belongs to planning, not to the first product.
  (void)side(false, b.type == ElementType::f32);
  if (options_.samples != nullptr) set_adc_range(*options_.samples);
}

void HomodynePlan::take_moments() { b_moments_ = checked_moments(b_.view(), "B"); }

std::string HomodynePlan::implementation() const {
  if (machine_->exact()) return "homodyne/exact";
  const HomodyneParameters& p = machine_->parameters;
  if (!p.shot_noise) return "homodyne/no-shot";
  return p.law_for(b_.rows()) == NoiseLaw::poisson ? "homodyne/poisson" : "homodyne/gaussian";
}

double HomodynePlan::input_range() const {
  const bool ranged = machine_->parameters.dac_bits_a > 0 && options_.input_range;
  return ranged ? options_.input_range->magnitude() : 0;
}

std::int64_t HomodynePlan::readout_length(std::int64_t k) const {
  // Only clipping and rounding see single readouts; the sum of several noises is one noise.
  const HomodyneParameters& p = machine_->parameters;
  return p.adc_bits > 0 || p.capacitance_F > 0 ? p.slots(k) : k;
}

const HomodynePlan::Side& HomodynePlan::side(bool transposed, bool host_f32) {
  const std::int64_t k = transposed ? b_.cols() : b_.rows();
  const std::int64_t n = transposed ? b_.rows() : b_.cols();
  const FieldType type = field_type(machine_->parameters, readout_length(k), host_f32);
  std::optional<Side>& slot = sides_[transposed ? 1 : 0][static_cast<int>(type)];
  if (!slot) slot = make_side(transposed, type);
  if (slot->lanes_version != machine_->lanes->version()) set_phases(*slot, n);
  return *slot;
}

HomodynePlan::Side HomodynePlan::make_side(bool transposed, FieldType type) const {
  const HomodyneParameters& p = machine_->parameters;
  const StoredOperand::Wide wide = b_.wide();
  const MatrixView<const double> b = transposed ? wide.view().transposed() : wide.view();
  Side side;
  side.type = type;
  side.pieces = cut_into(b.rows, readout_length(b.rows));
  side.lanes = machine_->lanes->coupling(b.cols);
  side.weights = send_weights(b, b_moments_, p, side.pieces, type, side.lanes);
  for (std::int64_t c = 0; c < side.pieces.count; ++c) {
    side.columns.push_back(column_light(side, b.cols, c));
  }
  set_phases(side, b.cols);
  return side;
}

ColumnLight HomodynePlan::column_light(const Side& side, std::int64_t n, std::int64_t piece) const {
  const HomodyneParameters& p = machine_->parameters;
  const double photons = p.eta * side.weights.beta * side.weights.beta;
  ColumnLight light;
  double mean = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    const auto slot = static_cast<std::size_t>(piece * n + j);
    const double own = side.lanes.own.empty() ? 1.0 : side.lanes.own[static_cast<std::size_t>(j)];
    light.light_e.push_back(photons * side.weights.energy[slot]);
    light.sum.push_back(side.weights.sum[slot]);
    light.full.push_back(side.weights.full * own);
    mean += light.light_e.back() / static_cast<double>(n);
  }
  for (const double exact : light.light_e) {
    // Simplified laws of the literature: one norm for all columns, or the column's for both beams.
    const bool matrix = p.noise_norm == NoiseNorm::matrix;
    const bool column = p.noise_norm == NoiseNorm::row && mean > 0;
    light.noise_e.push_back(static_cast<float>(matrix ? mean : exact));
    light.share.push_back(column ? static_cast<float>(exact / mean) : 1.0F);
  }
  return light;
}

void HomodynePlan::set_phases(Side& side, std::int64_t n) const {
  const Lanes& lanes = *machine_->lanes;
  side.lanes_version = lanes.version();
  if (!lanes.has_phases() || side.columns.empty()) return;
  std::vector<double> cosine;
  std::vector<double> sine;
  for (std::int64_t j = 0; j < n; ++j) {
    const double phase = lanes.phase_rad(Arm::weights, lanes.lane_of(Arm::weights, j));
    cosine.push_back(std::cos(phase));
    sine.push_back(std::sin(phase));
  }
  for (ColumnLight& columns : side.columns) {
    columns.cosine = cosine;
    columns.sine = sine;
  }
}

ReadoutSettings HomodynePlan::settings_for(const Pieces& pieces, std::int64_t piece,
                                           double adc_range) const {
  const HomodyneParameters& p = machine_->parameters;
  const double warmer_K = machine_->lanes->epoch().temperature_C - 25.0;
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
  s.phases = machine_->lanes->has_phases();
  s.imbalance = machine_->lanes->has_imbalance();
  s.rin_variance = p.rin_variance();
  s.common_mode = p.common_mode;
  s.relative_floor = p.floor;
  s.well_e = p.well_e();
  if (p.adc_bits > 0 && adc_range > 0) {
    s.adc = analog::Adc(static_cast<int>(p.adc_bits), analog::AdcStyle::sign_magnitude,
                        adc_range * p.adc_full_scale_e(pieces.k, warmer_K));
  }
  return s;
}

template <class T>
std::int64_t HomodynePlan::run(const DrivenSide& a, const MatrixRef& c, const Draw& draw,
                               bool transposed, const Side& side, const Raw& raw,
                               Execution& result) {
  const HomodyneMachine& machine = *machine_;
  const Pieces& pieces = side.pieces;
  HomodyneParameters sending = machine.parameters;
  if (!transposed) sending.dac_range_a = input_range();
  const ActivationFields<T> sent =
      send_activations<T>(a, result.statistics.a.max_abs, sending, pieces);
  if (a.source != nullptr) {
    result.statistics.a = a.moments->total();
    check_moments(result.statistics.a, "A");
  }
  const ReadoutNoise noise(machine.instance.seed, machine.instance.instance, options_.scope,
                           transposed);
  const std::int64_t n = c.cols;
  const std::int64_t plane = (n + kNoiseColumns - 1) / kNoiseColumns * kNoiseColumns;
  const Coupling coupling{side.lanes.own.data(), side.lanes.left.data(), side.lanes.right.data()};
  std::vector<ReadoutSettings> settings;
  for (std::int64_t piece = 0; piece < pieces.count; ++piece) {
    const double adc_range = raw.readings != nullptr ? 0 : transposed ? 1 : adc_range_;
    settings.push_back(settings_for(pieces, piece, adc_range));
  }
  // Rows are taken in chunks whose products stay in cache until they are read.
  const std::int64_t all_rows = c.rows;
  const std::int64_t chunk = std::clamp<std::int64_t>(kProductsInCache / n, 1, all_rows);
  Matrix<SumOf<T>> products(chunk, n);
  // Partial sums are added digitally: whole ADC codes, or electrons where there is no ADC.
  Matrix<double> sums = pieces.count > 1 ? Matrix<double>(chunk, n) : Matrix<double>();
  std::atomic<std::int64_t> clipped{0};
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerPiece / n);
  for (std::int64_t first = 0; first < all_rows; first += chunk) {
    const std::int64_t rows = std::min(chunk, all_rows - first);
    for (std::int64_t piece = 0; piece < pieces.count; ++piece) {
      gemm<T>(sent.fields.block(first, pieces.begin(piece), rows, pieces.size(piece)),
              packed<T>(side.weights)[static_cast<std::size_t>(piece)],
              products.view().block(0, 0, rows, n));
      const ReadoutSettings& s = settings[static_cast<std::size_t>(piece)];
      const ColumnLight& columns = side.columns[static_cast<std::size_t>(piece)];
      parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        ReadoutBuffers buffers(n);
        if (s.imbalance) {
          buffers.delta.resize(buffers.normal.size());
          buffers.residual.resize(buffers.normal.size());
        }
        std::int64_t here = 0;
        for (std::int64_t local = begin; local < end; ++local) {
          const std::int64_t i = first + local;
          const std::int64_t lane = machine.lanes->lane_of(Arm::activations, draw.row_offset + i);
          const RowLight row = row_light(machine, sent, side.weights.beta, lane, i, piece);
          if (s.imbalance) machine.lanes->imbalance(lane, buffers.delta, buffers.residual);
          const double factor = s.phases ? 1.0 : row.gain_e;
          if (side.lanes.own.empty()) {
            widen(&products(local, 0), n, factor, buffers.electrons.data());
          } else {
            couple(&products(local, 0), n, coupling, buffers.electrons.data());
            if (!s.phases) {
              homodyne_rows().widen_f64(buffers.electrons.data(), n, factor,
                                        buffers.electrons.data());
            }
          }
          here += read_row(s, row, columns, noise, {draw.row_offset + i, piece * plane, draw.call},
                           buffers);
          if (raw.readings != nullptr) {
            std::copy_n(buffers.electrons.data(), n,
                        raw.readings->data() + (i * pieces.count + piece) * n);
          }
          if (pieces.count > 1) {
            double* const sum = &sums(local, 0);
            if (piece == 0) std::fill_n(sum, n, 0.0);
            homodyne_rows().accumulate(buffers.electrons.data(), n, sum);
            if (piece + 1 < pieces.count) continue;
            std::copy_n(sum, n, buffers.electrons.data());
          }
          const auto at = static_cast<std::size_t>(i);
          const double nominal = 2 * machine.parameters.eta * sent.alpha[at] * side.weights.beta;
          const double lsb = s.adc.lsb();
          const double per_lsb =
              (sent.unit[at] * side.weights.unit) * (nominal > 0 ? 1 / nominal : 0.0);
          if (raw.value_per_electron != nullptr) {
            (*raw.value_per_electron)[at] = per_lsb;
            write_row(buffers.electrons, lsb, c, i);
            continue;
          }
          const double unit =
              lsb * (sent.unit[at] * side.weights.unit) * (nominal > 0 ? 1 / nominal : 0.0);
          write_row(buffers.electrons, unit, c, i);
        }
        clipped += here;
      });
    }
  }
  return clipped;
}

/// A as the laser must pay for it.
OperandMoments HomodynePlan::at_full_scale(OperandMoments a, bool transposed) const {
  if (!transposed && input_range() > 0) a.max_abs = input_range();
  return a;
}

/// What the product costs, its operands known.
void HomodynePlan::count(const GemmShape& shape, bool transposed, Execution& result) const {
  const double papr_a = at_full_scale(result.statistics.a, transposed).papr();
  const double papr = machine_->parameters.laser_papr(papr_a, result.statistics.b.papr());
  result.activity = machine_->accounting.product(shape, papr);
}

Execution HomodynePlan::execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                                Direction direction) {
  const bool transposed = direction == Direction::transposed;
  const GemmShape shape = check_execute_operands(b_.rows(), b_.cols(), transposed, a, c);
  Execution result;
  result.statistics = {checked_moments(a, "A"), b_moments_};
  count(shape, transposed, result);
  if (shape.m == 0 || shape.n == 0) return result;
  if (shape.k == 0) {
    const Matrix<double> zero(shape.m, shape.n);
    copy_into(zero.view(), c);
    return result;
  }
  const Side& use = side(transposed, a.type == ElementType::f32);
  if (machine_->exact()) {
    if (a.type == ElementType::f64) {
      gemm<double>(a.as<double>(), packed<double>(use.weights)[0], c.as<double>());
    } else {
      gemm<float>(a.as<float>(), packed<float>(use.weights)[0], c.as<float>());
    }
    return result;
  }
  read_all(a, c, draw, transposed, use, {}, result);
  result.statistics.a = at_full_scale(result.statistics.a, transposed);
  return result;
}

std::optional<Execution> HomodynePlan::execute_rows(const RowSource<float>& a, const MatrixRef& c,
                                                    const Draw& draw) {
  // Exact products take A as it is, and a scale of the whole batch is known after all of it.
  const HomodyneParameters& p = machine_->parameters;
  const bool of_batch = p.norm == Normalisation::per_batch ||
                        (p.norm == Normalisation::fixed_scale && !(p.full_scale_a > 0));
  if (machine_->exact() || of_batch || a.rows() == 0 || a.cols() == 0) return std::nullopt;
  RowwiseMoments taken(a.rows(), a.cols());
  const DrivenSide driven(a, taken);
  const GemmShape shape = check_execute_operands(b_.rows(), b_.cols(), false, driven.matrix, c);
  Execution result;
  result.statistics.b = b_moments_;
  read_all(driven, c, draw, false, side(false, true), {}, result);
  count(shape, false, result);
  result.statistics.a = at_full_scale(result.statistics.a, false);
  return result;
}

Execution HomodynePlan::detect(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                               std::vector<double>& value_per_electron) {
  check_execute_operands(b_.rows(), b_.cols(), false, a, c);
  Execution result;
  result.statistics = {checked_moments(a, "A"), b_moments_};
  value_per_electron.assign(static_cast<std::size_t>(a.rows), 0.0);
  if (a.rows == 0 || c.cols == 0 || a.cols == 0) return result;
  const Side& use = side(false, a.type == ElementType::f32);
  read_all(a, c, draw, false, use, {&value_per_electron, nullptr}, result);
  return result;
}

void HomodynePlan::read_all(const DrivenSide& a, const MatrixRef& c, const Draw& draw,
                            bool transposed, const Side& use, const Raw& raw, Execution& result) {
  std::int64_t clipped = 0;
  switch (use.type) {
    case FieldType::bytes:
      clipped = run<std::int8_t>(a, c, draw, transposed, use, raw, result);
      break;
    case FieldType::f32:
      clipped = run<float>(a, c, draw, transposed, use, raw, result);
      break;
    case FieldType::f64:
      clipped = run<double>(a, c, draw, transposed, use, raw, result);
      break;
  }
  const double readouts = static_cast<double>(c.rows) * static_cast<double>(c.cols) *
                          static_cast<double>(use.pieces.count);
  add_lints(static_cast<double>(clipped) / readouts, result);
}

void HomodynePlan::set_adc_range(const ProductSamples& samples) {
  const std::int64_t k = b_.rows();
  const std::int64_t n = b_.cols();
  const double full_scale_e = machine_->parameters.adc_full_scale_e(k, 0);
  if (machine_->parameters.adc_bits == 0 || full_scale_e <= 0 || n == 0) return;
  if (samples.rows.rows() == 0 || samples.rows.cols() != k || k == 0) return;
  const Side& use = side(false, true);
  const std::int64_t most = std::max<std::int64_t>(1, kMostReadings / (n * use.pieces.count));
  const std::int64_t rows = std::min(samples.rows.rows(), most);
  const ConstMatrixRef a(samples.rows.view().block(0, 0, rows, k));
  std::vector<double> readings(static_cast<std::size_t>(rows * use.pieces.count * n));
  Matrix<float> ignored(rows, n);
  Execution execution;
  execution.statistics = {checked_moments(a, "a calibration sample"), b_moments_};
  read_all(a, ignored.view(), {.call = kRangingCall}, false, use, {nullptr, &readings}, execution);
  const double range_e = analog::range_holding(std::move(readings), samples.share);
  if (range_e > 0) adc_range_ = range_e / full_scale_e;
}

std::optional<double> HomodynePlan::converter_range() const {
  return adc_range_ != 1 ? std::optional<double>(adc_range_) : std::nullopt;
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
  if (input_range() > 0 && s.a.max_abs > input_range()) {
    result.lints.push_back(fmt::format(
        "saturated: activations reach {:.3g}, the DACs' full scale was set to {:.3g} on "
        "calibration data",
        s.a.max_abs, input_range()));
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
  b_.add(delta);
  take_moments();
  for (auto& by_type : sides_) {
    for (std::optional<Side>& slot : by_type) slot.reset();
  }
  return machine_->accounting.rewrite(b_.rows(), b_.cols());
}

}  // namespace jb::photonic
