#include "backends/crossbar/plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "backends/core/threads.h"
#include "backends/plan_checks.h"

namespace jb::crossbar {
namespace {

constexpr std::int64_t kRowsPerPiece = 16;
// Above this share of clipped samples a run carries the lint "saturated".
constexpr double kSaturationShare = 1e-3;

/// Moments of x and the largest magnitude in each row. Usage error for NaN and infinity: no
/// converter has a code for them.
OperandMoments checked_moments(const ConstMatrixRef& x, std::string_view what,
                               std::vector<double>& row_largest) {
  const OperandMoments moments = measure_operand(x, row_largest);
  // Squares of finite elements add up to a finite number unless they are huge.
  if (!std::isfinite(moments.mean_square) && has_non_finite(x)) {
    fail_usage(
        "{} holds NaN or infinite elements, which no conductance or input line can take; "
        "clean the data",
        what);
  }
  return moments;
}

OperandMoments checked_moments(const ConstMatrixRef& x, std::string_view what) {
  std::vector<double> row_largest;
  return checked_moments(x, what, row_largest);
}

std::uint64_t scope_of_tile(std::uint64_t scope, std::int64_t tile) {
  // Odd multiplier of SplitMix64 (Steele et al., OOPSLA 2014): distinct scopes for distinct tiles.
  return scope + 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(tile + 1);
}

void add_lint(std::vector<std::string>& lints, std::int64_t clipped, std::int64_t all,
              std::string_view what) {
  const double share = all > 0 ? static_cast<double>(clipped) / static_cast<double>(all) : 0.0;
  if (share > kSaturationShare) {
    lints.push_back(fmt::format("saturated: {:.2g} % of {} clipped", 100.0 * share, what));
  }
}

}  // namespace

CrossbarPlan::CrossbarPlan(std::shared_ptr<Machine> machine, const GemmShape& shape,
                           const ConstMatrixRef& b, OperandMode mode, const PlanOptions& options)
    : machine_(std::move(machine)),
      scope_(options.scope),
      cells_(machine_->config, machine_->instance, options.scope) {
  check_plan_operand(shape, b);
  if (shape.k > 0 && shape.n > 0) check_computable(GemmShape{1, shape.n, shape.k}, "crossbar");
  const Layout layout = layout_of(machine_->config, shape.k, shape.n, false);
  check_solvable(machine_->config.wires, machine_->spec.name(), layout.inputs.longest(),
                 layout.outputs.longest() + (machine_->config.mapping.unit_column() ? 1 : 0));
  weights_ = copy_as<double>(b);
  moments_ = checked_moments(std::as_const(weights_).view(), "B");
  if (options.input_range && options.input_range->magnitude() > 0 &&
      machine_->config.dac.bits > 0) {
    ranged_ = machine_->config;
    ranged_->input_range = InputRange::fixed;
    ranged_->input_max = options.input_range->magnitude();
  }
  if (options.samples != nullptr && options.samples->rows.cols() == rows() &&
      options.samples->rows.rows() > 0) {
    samples_ = options.samples;
  }
  const std::int64_t tiles = layout.tiles();
  resident_ = mode == OperandMode::stationary && machine_->fits(tiles);
  tiles_ = resident_ ? tiles : 0;
  draw_converters();
  if (resident_) {
    program(0);
    setup_ = machine_->counter().setup(rows(), cols(), moments_);
  }
  machine_->tiles_in_use += tiles_;
  machine_->plans.push_back(this);
}

CrossbarPlan::~CrossbarPlan() {
  std::erase(machine_->plans, this);
  machine_->tiles_in_use -= tiles_;
}

double CrossbarPlan::cell_age() const noexcept {
  // A reloaded operand was programmed just before its execute.
  if (!resident_ || at_start_) return 0.0;
  return std::max(0.0, machine_->epoch.age_s - programmed_at_s_);
}

void CrossbarPlan::program(std::uint64_t event) {
  const WeightMapping& mapping = machine_->config.mapping;
  const double full_scale =
      machine_->config.headroom * mapping.full_scale(std::as_const(weights_).view());
  cells_.program(std::as_const(weights_).view(), full_scale, event);
  faults_ = cells_.faults();
  event_ = event;
  programmed_ = true;
  reference_ = {};
  start_trims_ = {};
  forget_corrections();
  drop_effective();
  if (machine_->config.adc_bits > 0 &&
      (samples_ != nullptr || machine_->config.adc_rule == AdcRangeRule::calibrated)) {
    measure_ranges();
  }
  if (resident_ && machine_->config.default_calibration != "none") take_reference();
}

void CrossbarPlan::age_changed() {
  if (machine_->config.converters.moves()) draw_converters();
  if (resident_ && machine_->config.cell.ages()) drop_effective();
}

void CrossbarPlan::drop_effective() {
  for (const int direction : {0, 1}) {
    // Laid out for look-ups it is filled anew at each age, in the same memory.
    SlicedOperand kept = std::move(packed_float_[direction].sliced);
    packed_float_[direction] = {};
    if (kept.way == SlicedWay::look_up) packed_float_[direction].sliced = std::move(kept);
    packed_double_[direction] = {};
  }
}

void CrossbarPlan::draw_converters() {
  const analog::ConverterModel& model = machine_->config.converters;
  const double age_s = at_start_ ? programmed_at_s_ : machine_->epoch.age_s;
  for (const int direction : {0, 1}) {
    gain_[direction] = {};
    offset_[direction] = {};
    const Matrix<double>* const trims = direction == 0 && trims_.size() > 0 ? &trims_ : nullptr;
    if (!model.present() && trims == nullptr) continue;
    const Layout layout = layout_of(machine_->config, rows(), cols(), direction == 1);
    const std::int64_t slices = machine_->config.mapping.slices;
    const std::int64_t outputs = (direction == 1 ? rows() : cells_.columns(cols())) * slices;
    const std::uint64_t side = direction == 1 ? tag_of("rows") : tag_of("columns");
    const analog::ConverterErrors errors(
        model, machine_->instance.seed, machine_->instance.instance,
        tag_of("crossbar.adc.gain") ^ side, tag_of("crossbar.adc.offset") ^ side, scope_);
    Matrix<float> gains(layout.inputs.tiles, outputs);
    Matrix<float> offsets(layout.inputs.tiles, outputs);
    for (std::int64_t t = 0; t < gains.rows(); ++t) {
      const auto width = static_cast<std::size_t>(outputs);
      const std::span<float> gain(gains.data() + t * outputs, width);
      errors.row(t, age_s, machine_->epoch.temperature_C, gain,
                 {offsets.data() + t * outputs, width});
      if (trims == nullptr) continue;
      // One trim for all slices of a column; unit columns keep the gain they have.
      for (std::int64_t i = 0; i < cols() * slices; ++i) {
        float& own = gain[static_cast<std::size_t>(i)];
        own = static_cast<float>((1.0 + static_cast<double>(own)) * (*trims)(t, i / slices) - 1.0);
      }
    }
    gain_[direction] = std::move(gains);
    offset_[direction] = std::move(offsets);
  }
}

std::vector<RandomStream> CrossbarPlan::white_streams(std::string_view what,
                                                      std::int64_t tiles) const {
  std::vector<RandomStream> streams;
  if (!machine_->config.cell.has_white()) return streams;
  for (std::int64_t t = 0; t < tiles; ++t) {
    streams.emplace_back(machine_->instance.seed, machine_->instance.instance, tag_of(what),
                         scope_of_tile(scope_, t));
  }
  return streams;
}

Pass CrossbarPlan::pass(bool transposed, const Draw& draw) const {
  const Config& config = config_for(transposed);
  const Layout layout = layout_of(config, rows(), cols(), transposed);
  Pass out;
  out.config = &config;
  out.inputs = layout.inputs;
  out.outputs = transposed ? rows() : cols();
  out.draw = draw;
  out.white =
      white_streams(transposed ? "crossbar.white.back" : "crossbar.white", layout.inputs.tiles);
  const double unit = cells_.weight_unit() / config.dac.full_code();
  const auto width = static_cast<std::size_t>(out.outputs);
  const int direction = transposed ? 1 : 0;
  for (std::int64_t t = 0; t < layout.inputs.tiles; ++t) {
    TileOutput tile;
    tile.adc = converter(layout.inputs.length(t), 0);
    tile.array_per_sum = unit;
    tile.lsb_per_sum = unit / tile.adc.lsb();
    if (gain_[direction].size() > 0) {
      tile.gain = {gain_[direction].data() + t * out.outputs, width};
      tile.offset = {offset_[direction].data() + t * out.outputs, width};
    }
    out.tiles.push_back(tile);
  }
  out.scale.assign(width, cells_.array_scale() * factor_);
  return out;
}

std::optional<double> CrossbarPlan::converter_range() const {
  if (samples_ == nullptr || ranges_.empty()) return std::nullopt;
  const std::int64_t inputs = layout_of(machine_->config, rows(), cols(), false).inputs.longest();
  double widest = 0;
  for (std::size_t s = 0; s < ranges_.size(); ++s) {
    const analog::Adc own = machine_->config.adc(inputs, static_cast<int>(s));
    widest = std::max(widest, ranges_[s].high / (own.full_code() * own.lsb()));
  }
  return widest;
}

void CrossbarPlan::load(const Draw& draw) {
  // A reloaded operand is programmed anew for each loading, with errors of its own.
  const std::uint64_t event = draw.call - draw.since_loading;
  if (!resident_ && (!programmed_ || event_ != event)) program(event);
}

Execution CrossbarPlan::execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                                Direction direction) {
  const bool transposed = direction == Direction::transposed;
  check_execute_operands(rows(), cols(), transposed, a, c);
  if (transposed && machine_->config.mapping.flip) {
    fail_usage(
        "device '{}': a product with B^T would drive flipped columns, which hold complements; set "
        "weight.flip to false for training",
        machine_->spec.name());
  }
  if (transposed && machine_->config.wires.gated()) {
    fail_usage(
        "device '{}': inputs at gates drive the rows only, so that there is no product with B^T; "
        "set wire.gates to false or wire.topology to input-source for training",
        machine_->spec.name());
  }
  const OperandMoments moments = checked_moments(a, "A", workspace_.full_scales);
  load(draw);
  Saturation seen;
  if (a.type == ElementType::f64) {
    seen = multiply_as<double, double>(transposed, draw, a, c);
  } else if (sums_fit_float(transposed) ||
             sliced_way(composed_pass(transposed, draw)) == SlicedWay::bytes) {
    seen = multiply_as<float, float>(transposed, draw, a, c);
  } else {
    seen = multiply_as<float, double>(transposed, draw, a, c);
  }
  if (!transposed && !offsets_.empty()) {
    if (a.type == ElementType::f64) {
      take_offsets(c.as<double>());
    } else {
      take_offsets(c.as<float>());
    }
  }
  return executed(a.rows, transposed, moments, seen);
}

std::optional<Execution> CrossbarPlan::execute_rows(const RowSource<float>& a, const MatrixRef& c,
                                                    const Draw& draw) {
  // Products of one reading per output encode row by row; the others want all rows at once.
  if (machine_->config.composed() || !sums_fit_float(false) || a.rows() == 0 || a.cols() == 0) {
    return std::nullopt;
  }
  RowwiseMoments taken(a.rows(), a.cols());
  const DrivenSide driven(a, taken);
  check_execute_operands(rows(), cols(), false, driven.matrix, c);
  load(draw);
  const std::optional<Saturation> seen = multiply_rows(driven, c, draw);
  if (!seen) return std::nullopt;
  const OperandMoments moments = taken.total();
  // An element without a code: the way of matrices says so.
  if (!std::isfinite(moments.mean_square)) return std::nullopt;
  if (!offsets_.empty()) take_offsets(c.as<float>());
  return executed(a.rows(), false, moments, *seen);
}

/// What a product of m rows was, its moments and saturation known.
Execution CrossbarPlan::executed(std::int64_t m, bool transposed, const OperandMoments& moments,
                                 const Saturation& seen) const {
  Execution result;
  result.statistics = {moments, moments_};
  const Counter counter{config_for(transposed), machine_->catalogue};
  result.activity = counter.execute(m, rows(), cols(), transposed, !resident_, result.statistics);
  if (!transposed && ranged_) result.statistics.a.max_abs = ranged_->input_max;
  add_device_lints(result.lints);
  add_lint(result.lints, seen.outputs_clipped, seen.outputs, "ADC samples");
  add_lint(result.lints, seen.inputs_clipped, seen.inputs, "DAC inputs");
  return result;
}

/// What the record should say of the devices themselves.
void CrossbarPlan::add_device_lints(std::vector<std::string>& lints) const {
  const CellModel& model = machine_->config.cell;
  if (model.has_faults()) {
    lints.push_back(
        fmt::format("faults: {} of {} devices stuck off, {} stuck on; fault map {:016x}",
                    faults_.stuck_off, faults_.devices, faults_.stuck_on, faults_.hash));
  }
  if (model.retention_end_s > 0 && cell_age() > model.retention_end_s) {
    lints.push_back(
        fmt::format("extrapolated: cells of {:.3g} s are older than their retention data, which "
                    "are held from {:.3g} s on",
                    cell_age(), model.retention_end_s));
  }
}

Activity CrossbarPlan::update(const ConstMatrixRef& delta) {
  check_delta(rows(), cols(), delta);
  (void)checked_moments(delta, "the update");
  const Matrix<double> change = copy_as<double>(delta);
  Matrix<double> updated(rows(), cols());
  for (std::int64_t i = 0; i < weights_.size(); ++i) {
    updated.data()[i] = weights_.data()[i] + change.data()[i];
  }
  moments_ = checked_moments(std::as_const(updated).view(), "the updated operand");
  weights_ = std::move(updated);
  if (!resident_) {
    programmed_ = false;  // the next execute programs and pays
    return {};
  }
  programmed_at_s_ = machine_->epoch.age_s;
  program(event_ + 1);
  return machine_->counter().setup(rows(), cols(), moments_);
}

bool CrossbarPlan::updates_by_outer_products() const {
  return machine_->config.update.rule == UpdateRule::outer_product && resident_;
}

Activity CrossbarPlan::update_outer(const ConstMatrixRef& x, const ConstMatrixRef& d, double scale,
                                    const Draw& draw, const MatrixRef& stored) {
  if (!updates_by_outer_products()) fail_internal("this operand is not updated by outer products");
  if (x.rows != d.rows || x.cols != rows() || d.cols != cols()) {
    fail_usage(
        "an update by outer products of {} x {} and {} x {} does not fit the operand {} x {}",
        x.rows, x.cols, d.rows, d.cols, rows(), cols());
  }
  (void)checked_moments(x, "the update by outer products");
  (void)checked_moments(d, "the update by outer products");
  const double full_scale = cells_.full_scale();
  const PulseUpdate pulses(machine_->config.update, machine_->instance, scope_, x, d,
                           full_scale > 0 ? scale / full_scale : 0.0);
  std::vector<double> coincidences(static_cast<std::size_t>(rows()), 0.0);
  parallel_for(rows(), kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> change(static_cast<std::size_t>(cols()));
    for (std::int64_t row = begin; row < end; ++row) {
      coincidences[static_cast<std::size_t>(row)] = pulses.row(row, draw.call, change);
      cells_.shift(weights_.view(), row, change);
    }
  });
  moments_ = measure_operand(std::as_const(weights_).view());
  drop_effective();
  copy_into(std::as_const(weights_).view(), stored);
  const Counter counter = machine_->counter();
  const double all = std::accumulate(coincidences.begin(), coincidences.end(), 0.0);
  Activity activity = counter.update_outer(x.rows, rows(), cols(), all);
  if (machine_->config.default_calibration != "none") {
    take_reference();  // of the weights as they now are
    activity += counter.calibrate(rows(), cols(), moments_);
  }
  return activity;
}

}  // namespace jb::crossbar
