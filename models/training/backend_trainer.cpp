#include "models/training/backend_trainer.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "backends/core/error.h"
#include "backends/core/random.h"
#include "backends/core/threads.h"

namespace jb::models {
namespace {

/// Layer number of rows: four tags a layer.
std::uint32_t tag(std::size_t layer, Orientation orientation) {
  return static_cast<std::uint32_t>(layer * kOrientations + static_cast<std::size_t>(orientation)) +
         1;
}

/// The operand as a machine with alternating signs holds it: those of X's columns and of Y's.
template <class T>
void alternate_both(Matrix<T>& b) {
  for (std::int64_t i = 0; i < b.rows(); ++i) {
    for (std::int64_t j = (i + 1) % 2; j < b.cols(); j += 2) b(i, j) = -b(i, j);
  }
}

/// False when a value is not finite.
bool add_bias(MatrixView<float> c, const std::vector<float>& bias, bool relu) {
  bool finite = true;
  for (std::int64_t i = 0; i < c.rows; ++i) {
    float* row = &c(i, 0);
    for (std::int64_t j = 0; j < c.cols; ++j) {
      const float value = row[j] + bias[static_cast<std::size_t>(j)];
      finite = finite && std::isfinite(value);
      row[j] = relu ? std::max(value, 0.0F) : value;
    }
  }
  return finite;
}

double product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

/// Actions of an update that the data decide: pulses that meet.
bool is_event(const Price& price) {
  return price.data_dependent && price.category == Category::programming;
}

}  // namespace

std::string_view name_of(Orientation orientation) noexcept {
  switch (orientation) {
    case Orientation::forward:
      return "forward";
    case Orientation::input_gradient:
      return "input-gradient";
    case Orientation::weight_gradient:
      return "weight-gradient";
    case Orientation::update:
      return "update";
  }
  return "";
}

Orientation BackendTrainer::orientation_of(std::uint32_t layer) noexcept {
  return static_cast<Orientation>((layer - 1) % kOrientations);
}

BackendTrainer::BackendTrainer(Device& device, const std::string& name,
                               const BackendTrainOptions& options)
    : device_(device), network_(name), options_(options), prices_(device.prices()) {
  periphery_ = add_periphery(prices_);
}

BackendTrainer::BackendTrainer(Device& device, TrainableNetwork& network,
                               const BackendTrainOptions& options)
    : BackendTrainer(device, network.name(), options) {
  for (TrainableLayer& given : network.layers()) {
    Layer layer;
    layer.parameters = &given.weights;
    layer.bias = &given.bias;
    layer.relu = given.relu;
    layer.conv = given.conv;
    add_layer(given.name, std::move(layer));
  }
  make_buffers();
}

BackendTrainer::BackendTrainer(Device& device, Mlp& network, const BackendTrainOptions& options)
    : BackendTrainer(device, network.name, options) {
  for (std::size_t l = 0; l < network.weights.size(); ++l) {
    Layer layer;
    layer.parameters = &network.weights[l];
    layer.bias = &network.biases[l];
    layer.relu = l + 1 < network.weights.size();
    add_layer(fmt::format("fc{}", l + 1), std::move(layer));
  }
  make_buffers();
}

void BackendTrainer::add_layer(const std::string& name, Layer layer) {
  const std::size_t l = layers_.size();
  const Matrix<float>& w = *layer.parameters;
  for (std::size_t o = 0; o < kOrientations; ++o) {
    names_.push_back(fmt::format("{}/{}", name, name_of(static_cast<Orientation>(o))));
  }
  const std::int64_t rows = options_.batch * (layer.conv ? layer.conv->positions() : 1);
  Matrix<float> held =
      options_.alternating ? copy_as<float>(ConstMatrixRef(w.view())) : Matrix<float>();
  if (options_.alternating) alternate_both(held);
  layer.plan = device_.plan({rows, w.cols(), w.rows()},
                            options_.alternating ? std::as_const(held).view() : w.view(),
                            OperandMode::stationary, {.scope = tag_of(name), .family = name});
  setup_ += layer.plan->setup().relabelled(tag(l, Orientation::update));
  layer.gradient = Matrix<float>(w.rows(), w.cols());
  layer.bias_gradient.resize(static_cast<std::size_t>(w.cols()));
  layer.weights =
      Optimizer(options_.optimizer, options_.momentum, static_cast<std::size_t>(w.size()));
  layer.biases =
      Optimizer(options_.optimizer, options_.momentum, static_cast<std::size_t>(w.cols()));
  layer.change = Matrix<double>(w.rows(), w.cols());
  layer.gradient_scope = tag_of(name + "/weight-gradient");
  layers_.push_back(std::move(layer));
}

void BackendTrainer::make_buffers() {
  outer_ = layers_.front().plan->updates_by_outer_products();
  const auto add_width = [&](std::int64_t width) {
    activations_.emplace_back(options_.batch, width);
    deltas_.emplace_back(options_.batch, width);
  };
  for (Layer& layer : layers_) {
    add_width(layer.conv ? layer.conv->input_size() : layer.parameters->rows());
    if (!layer.conv) continue;
    const std::int64_t rows = options_.batch * layer.conv->positions();
    layer.lowered = Matrix<float>(rows, layer.parameters->rows());
    if (&layer != &layers_.front()) {
      layer.lowered_gradient = Matrix<float>(rows, layer.parameters->rows());
    }
    layer.sums = Matrix<float>(rows, layer.parameters->cols());
    layer.maps = Matrix<float>(options_.batch, layer.conv->map_size());
    layer.map_gradient = Matrix<float>(options_.batch, layer.conv->map_size());
  }
  add_width(layers_.back().parameters->cols());
  labels_.resize(static_cast<std::size_t>(options_.batch));
  counts_ = empty_counts();
}

TrainingCounts BackendTrainer::empty_counts() const {
  TrainingCounts counts;
  counts.macs_of_row.assign(names_.size(), 0.0);
  return counts;
}

void BackendTrainer::add_macs(double macs, std::size_t layer, Orientation orientation) {
  counts_.macs[static_cast<std::size_t>(orientation)] += macs;
  counts_.macs_of_row[tag(layer, orientation) - 1] += macs;
}

Support BackendTrainer::supports_options() const {
  const std::string& device = device_.spec().name();
  for (const Layer& layer : layers_) {
    if (layer.plan->updates_by_outer_products() == outer_) continue;
    return Support::no(fmt::format(
        "device '{}' holds some layers of {} only and can update those alone by outer products: "
        "give it more tiles, or choose reprogramming (--update reprogram)",
        device, network_));
  }
  if (!outer_) return Support::yes();
  if (options_.noise_aware) {
    return Support::no(fmt::format(
        "device '{}' updates its cells by outer products and noise-aware training writes new "
        "weights: choose reprogramming (--update reprogram), or drop --noise-aware",
        device));
  }
  if (options_.optimizer != OptimizerKind::sgd) {
    return Support::no(fmt::format(
        "device '{}' updates its cells by outer products, which is plain SGD and not {}: give "
        "--optimizer sgd, or choose reprogramming (--update reprogram)",
        device, name_of(options_.optimizer)));
  }
  return Support::yes();
}

bool BackendTrainer::resident() const {
  return std::all_of(layers_.begin(), layers_.end(),
                     [](const Layer& layer) { return layer.plan->resident(); });
}

std::string BackendTrainer::implementation() const {
  return layers_.front().plan->implementation();
}

std::vector<std::string> BackendTrainer::lints() const {
  std::vector<std::string> texts;
  for (const auto& [key, text] : lints_) {
    texts.push_back(fmt::format("layer '{}': {}", names_[key.first], text));
  }
  return texts;
}

/// Runs what the machine does, on its clock.
template <class Work>
void BackendTrainer::on_machine(std::size_t layer, Orientation orientation, const GemmShape& shape,
                                Work work) {
  const auto start = std::chrono::steady_clock::now();
  Execution execution = work();
  counts_.machine_s +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  take_statistics(execution, layer, orientation, shape);
  add(execution, layer, orientation);
}

void BackendTrainer::take_statistics(Execution& execution, std::size_t layer,
                                     Orientation orientation, const GemmShape& shape) {
  if (!execution.statistics_known) return;
  const std::uint32_t number = tag(layer, orientation);
  double events = 0;
  for (const ActivityRow& row : execution.activity.rows()) {
    if (is_event(device_.prices().prices.at(row.action))) events += row.count;
  }
  counts_.products.add(number, 0, shape, execution.statistics, events);
  if (options_.given == nullptr || !device_.prices().depends_on_data()) return;
  const std::string& name = names_.at(number - 1);
  const LayerStatistics* const given = options_.given->find(name, 0, shape);
  if (given == nullptr) {
    fail_usage(
        "the operand statistics hold none of '{}' ({}): give the record of a training of this "
        "network",
        name, to_string(shape));
  }
  execution.activity = with_given(execution, *given, orientation, shape);
}

/// What was counted, moved by what the machine counts for the given statistics instead of the
/// executed ones: both are linear in them.
Activity BackendTrainer::with_given(const Execution& execution, const LayerStatistics& given,
                                    Orientation orientation, const GemmShape& shape) const {
  const bool update = orientation == Orientation::update;
  const OperandMode mode =
      orientation == Orientation::weight_gradient ? OperandMode::dynamic : OperandMode::stationary;
  const Activity executed =
      update ? Activity{} : device_.estimate(shape, mode, execution.statistics);
  const Activity wanted = update ? Activity{} : device_.estimate(shape, mode, given.mean);
  Activity result;
  result.executed_macs = execution.activity.executed_macs;
  result.device_time_s =
      execution.activity.device_time_s + wanted.device_time_s - executed.device_time_s;
  const std::vector<Price>& prices = device_.prices().prices;
  for (std::size_t id = 0; id < prices.size(); ++id) {
    const auto action = static_cast<ActionId>(id);
    double count = execution.activity.count(action);
    if (is_event(prices[id])) {
      count = given.events;
    } else if (prices[id].data_dependent) {
      count = std::max(0.0, count + wanted.count(action) - executed.count(action));
    }
    result.add(action, count);
  }
  return result;
}

void BackendTrainer::add(const Execution& execution, std::size_t layer, Orientation orientation) {
  const std::uint32_t number = tag(layer, orientation);
  counts_.activity += execution.activity.relabelled(number);
  for (const std::string& lint : execution.lints) {
    lints_[{number - 1, lint.substr(0, lint.find(':'))}] = lint;
  }
}

void BackendTrainer::add(const PeripheryWork& work, std::size_t layer, Orientation orientation) {
  count(counts_.activity, periphery_, work, tag(layer, orientation));
}

void BackendTrainer::gather(const LabelledImages& data, std::span<const std::int64_t> samples) {
  const std::int64_t width = data.images.cols();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const float* const row = data.images.data() + samples[i] * width;
    std::copy(row, row + width, &activations_.front()(static_cast<std::int64_t>(i), 0));
    labels_[i] = data.labels[static_cast<std::size_t>(samples[i])];
  }
}

double BackendTrainer::step(const LabelledImages& data, std::span<const std::int64_t> samples,
                            double rate) {
  const auto rows = static_cast<std::int64_t>(samples.size());
  ++step_;
  gather(data, samples);
  if (!forward(rows)) fail_diverged(rate);
  const std::size_t last = layers_.size() - 1;
  const double loss =
      softmax_gradient(rows_of(deltas_[last + 1], rows),
                       std::span(labels_).first(static_cast<std::size_t>(rows)), rows);
  add(softmax_gradient_work(static_cast<double>(rows),
                            static_cast<double>(deltas_[last + 1].cols())),
      last, Orientation::forward);
  for (std::size_t l = last; l > 0; --l) input_gradient(l, rows);
  for (std::size_t l = 0; l <= last; ++l) {
    if (!outer_) weight_gradient(l, rows);
    bias_gradient(l, rows);
    update(l, rows, rate);
  }
  return loss / static_cast<double>(rows);
}

std::int64_t BackendTrainer::product_rows(std::size_t layer, std::int64_t samples) const {
  const std::optional<ConvStage>& conv = layers_[layer].conv;
  return conv ? samples * conv->positions() : samples;
}

MatrixView<float> BackendTrainer::inputs_of(std::size_t layer, std::int64_t samples) {
  Layer& own = layers_[layer];
  return rows_of(own.conv ? own.lowered : activations_[layer], product_rows(layer, samples));
}

MatrixView<float> BackendTrainer::outputs_of(std::size_t layer, std::int64_t samples) {
  Layer& own = layers_[layer];
  return rows_of(own.conv ? own.sums : deltas_[layer + 1], product_rows(layer, samples));
}

Execution BackendTrainer::multiply(std::size_t layer, MatrixView<const float> x,
                                   MatrixView<float> y, const Draw& draw) {
  if (!options_.alternating) {
    return layers_[layer].plan->execute(x, y, draw, Direction::forward);
  }
  Matrix<float> sent = copy_as<float>(ConstMatrixRef(x));
  alternate_columns(sent.view());
  Execution execution =
      layers_[layer].plan->execute(std::as_const(sent).view(), y, draw, Direction::forward);
  alternate_columns(y);
  return execution;
}

bool BackendTrainer::forward(std::int64_t samples) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& own = layers_[l];
    if (own.conv) {
      own.conv->lower(rows_of(activations_[l], samples), inputs_of(l, samples));
    }
    // The logits are not needed themselves: their gradient takes their place.
    const bool last = l + 1 == layers_.size();
    const MatrixView<float> output =
        own.conv || last ? outputs_of(l, samples) : rows_of(activations_[l + 1], samples);
    const std::int64_t rows = product_rows(l, samples);
    on_machine(l, Orientation::forward, {rows, output.cols, own.parameters->rows()}, [&] {
      return multiply(l, inputs_of(l, samples), output, Draw{static_cast<std::uint64_t>(step_), 0});
    });
    if (!add_bias(output, *own.bias, own.relu)) return false;
    const double elements = product(rows, output.cols);
    PeripheryWork work = bias_work(elements);
    if (own.relu) work += relu_work(elements);
    if (own.conv) {
      own.conv->to_maps(output, rows_of(own.maps, samples));
      own.conv->pool(rows_of(own.maps, samples), rows_of(activations_[l + 1], samples));
      if (own.conv->pooling().present()) work += own.conv->pool_work(static_cast<double>(samples));
    }
    add(work, l, Orientation::forward);
    add_macs(elements * static_cast<double>(own.parameters->rows()), l, Orientation::forward);
  }
  return true;
}

/// dX of layer l, and from it dY of the layer below.
void BackendTrainer::input_gradient(std::size_t layer, std::int64_t samples) {
  constexpr auto kThis = Orientation::input_gradient;
  Layer& own = layers_[layer];
  const std::int64_t rows = product_rows(layer, samples);
  const MatrixView<float> above = outputs_of(layer, samples);
  const MatrixView<float> below = rows_of(own.conv ? own.lowered_gradient : deltas_[layer], rows);
  const double macs = product(rows, above.cols) * static_cast<double>(below.cols);
  if (options_.noise_aware) {
    gemm<float>(above, std::as_const(*own.parameters).view().transposed(), below);
    PeripheryWork work;
    work.macs = macs;
    add(work, layer, kThis);
  } else {
    std::vector<float> undo;
    Matrix<float> scaled;
    MatrixView<const float> a = above;
    if (options_.scaled || options_.alternating) {
      scaled = copy_as<float>(above);
      if (options_.scaled) undo = scale_rows(scaled.view());
      if (options_.alternating) alternate_columns(scaled.view());
      a = std::as_const(scaled).view();
    }
    on_machine(layer, kThis, {rows, below.cols, above.cols}, [&] {
      return own.plan->execute(a, below, Draw{static_cast<std::uint64_t>(step_), 0},
                               Direction::transposed);
    });
    if (options_.alternating) alternate_columns(below);
    if (options_.scaled) {
      multiply_rows(below, undo);
      add(row_scaling_work(static_cast<double>(rows), static_cast<double>(above.cols),
                           static_cast<double>(below.cols)),
          layer, kThis);
    }
  }
  if (own.conv) {
    own.conv->raise(below, rows_of(deltas_[layer], samples));
    add(own.conv->raise_work(static_cast<double>(samples)), layer, kThis);
  }
  add(bring_back(layer - 1, samples), layer, kThis);
  add_macs(macs, layer, kThis);
}

PeripheryWork BackendTrainer::bring_back(std::size_t layer, std::int64_t samples) {
  Layer& own = layers_[layer];
  const MatrixView<float> passed = rows_of(deltas_[layer + 1], samples);
  PeripheryWork work;
  MatrixView<float> gradient = passed;
  MatrixView<const float> values = rows_of(activations_[layer + 1], samples);
  if (own.conv) {
    gradient = rows_of(own.map_gradient, samples);
    values = rows_of(own.maps, samples);
    own.conv->unpool(passed, values, gradient);
    if (own.conv->pooling().present()) work += own.conv->unpool_work(static_cast<double>(samples));
  }
  if (own.relu) {
    for (std::int64_t i = 0; i < gradient.rows; ++i) {
      for (std::int64_t j = 0; j < gradient.cols; ++j) {
        gradient(i, j) = values(i, j) > 0.0F ? gradient(i, j) : 0.0F;
      }
    }
    work += relu_work(product(samples, gradient.cols));
  }
  if (own.conv) own.conv->to_rows(gradient, outputs_of(layer, samples));
  return work;
}

void BackendTrainer::weight_gradient(std::size_t layer, std::int64_t samples) {
  constexpr auto kThis = Orientation::weight_gradient;
  const std::int64_t rows = product_rows(layer, samples);
  const MatrixView<float> x = inputs_of(layer, samples);
  const MatrixView<float> d = outputs_of(layer, samples);
  const MatrixView<float> gradient = layers_[layer].gradient.view();
  const double macs = product(rows, x.cols) * static_cast<double>(d.cols);
  add_macs(macs, layer, kThis);
  if (options_.noise_aware) {
    gemm<float>(x.transposed(), d, gradient);
    PeripheryWork work;
    work.macs = macs;
    add(work, layer, kThis);
    return;
  }
  // The operand with fewer values is loaded.
  const bool swapped = x.cols < d.cols;
  const MatrixView<float> driven = swapped ? d : x;
  const MatrixView<float> loaded = swapped ? x : d;
  const MatrixView<float> out = swapped ? gradient.transposed() : gradient;
  const SampleSigns signs = !options_.alternating ? SampleSigns::kept
                            : step_ % 2 == 0      ? SampleSigns::even_changed
                                                  : SampleSigns::odd_changed;
  const BalancedProduct operands = balance(driven, loaded, options_.scaled, signs);
  on_machine(layer, kThis, {out.rows, out.cols, rows}, [&] {
    const std::unique_ptr<Plan> plan =
        device_.plan({out.rows, out.cols, rows}, operands.b.view(), OperandMode::dynamic,
                     {.scope = layers_[layer].gradient_scope});
    Execution execution = plan->execute(
        operands.a.view(), out, Draw{static_cast<std::uint64_t>(step_), 0}, Direction::forward);
    execution.activity += plan->setup();
    return execution;
  });
  if (!options_.scaled) return;
  undo_balance(operands, out);
  add(balance_work(static_cast<double>(rows), static_cast<double>(out.rows),
                   static_cast<double>(out.cols)),
      layer, kThis);
}

/// Column sums of dY, row by row: a fixed order. Digital.
void BackendTrainer::bias_gradient(std::size_t layer, std::int64_t samples) {
  std::vector<float>& sums = layers_[layer].bias_gradient;
  const MatrixView<float> delta = outputs_of(layer, samples);
  std::fill(sums.begin(), sums.end(), 0.0F);
  for (std::int64_t i = 0; i < delta.rows; ++i) {
    for (std::int64_t j = 0; j < delta.cols; ++j) sums[static_cast<std::size_t>(j)] += delta(i, j);
  }
  add(bias_work(product(delta.rows, delta.cols)), layer, Orientation::weight_gradient);
}

void BackendTrainer::update(std::size_t layer, std::int64_t samples, double rate) {
  Layer& own = layers_[layer];
  std::vector<float>& bias = *own.bias;
  own.biases.step(bias, own.bias_gradient, rate, step_);
  double digital = static_cast<double>(bias.size());
  if (outer_) {
    const std::int64_t rows = product_rows(layer, samples);
    const GemmShape shape{own.parameters->rows(), own.parameters->cols(), rows};
    add_macs(shape.macs(), layer, Orientation::weight_gradient);
    const MatrixView<float> x = inputs_of(layer, samples);
    const MatrixView<float> d = outputs_of(layer, samples);
    on_machine(layer, Orientation::update, shape, [&] {
      Execution execution;
      execution.activity = own.plan->update_outer(
          x, d, -rate, Draw{static_cast<std::uint64_t>(step_), 0}, own.parameters->view());
      execution.statistics = {measure_operand(x), measure_operand(d)};
      return execution;
    });
  } else {
    write_weights(layer, rate);
    digital += static_cast<double>(own.gradient.size());
  }
  add(optimizer_work(options_.optimizer, digital), layer, Orientation::update);
}

void BackendTrainer::write_weights(std::size_t layer, double rate) {
  Layer& own = layers_[layer];
  Matrix<float>& weights = *own.parameters;
  const auto size = static_cast<std::size_t>(weights.size());
  // The change of a float is a double without rounding, so that machine and host hold the same.
  for (std::size_t i = 0; i < size; ++i) {
    own.change.data()[i] = static_cast<double>(weights.data()[i]);
  }
  own.weights.step({weights.data(), size}, {own.gradient.data(), size}, rate, step_);
  bool finite = true;
  for (std::size_t i = 0; i < size; ++i) {
    own.change.data()[i] = static_cast<double>(weights.data()[i]) - own.change.data()[i];
    finite = finite && std::isfinite(own.change.data()[i]);
  }
  if (!finite) fail_diverged(rate);
  if (options_.alternating) alternate_both(own.change);
  const GemmShape shape{0, weights.cols(), weights.rows()};  // no product
  on_machine(layer, Orientation::update, shape, [&] {
    Execution execution;
    execution.statistics_known = false;
    execution.activity = own.plan->update(std::as_const(own.change).view());
    return execution;
  });
}

void BackendTrainer::fail_diverged(double rate) const {
  fail_usage("training of {} diverged in step {}: lower the learning rate (there {:.3g})", network_,
             step_, rate);
}

Matrix<float> BackendTrainer::logits(MatrixView<const float> images, std::uint64_t call) {
  Matrix<float> result(images.rows, deltas_.back().cols());
  for (std::int64_t first = 0; first < images.rows; first += options_.batch) {
    const std::int64_t samples = std::min(options_.batch, images.rows - first);
    Matrix<float> hidden;
    MatrixView<const float> input = images.block(first, 0, samples, images.cols);
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      Layer& own = layers_[l];
      const bool last = l + 1 == layers_.size();
      const std::int64_t rows = product_rows(l, samples);
      if (own.conv) {
        own.conv->lower(input, inputs_of(l, samples));
        input = inputs_of(l, samples);
      }
      Matrix<float> next(last ? 0 : rows, last ? 0 : own.parameters->cols());
      const MatrixView<float> output =
          last ? result.view().block(first, 0, samples, result.cols()) : next.view();
      const Draw draw{call, first * (rows / samples)};
      (void)multiply(l, input, output, draw);
      add_bias(output, *own.bias, own.relu);
      if (own.conv) {
        own.conv->to_maps(output, rows_of(own.maps, samples));
        next = Matrix<float>(samples, own.conv->output_size());
        own.conv->pool(rows_of(own.maps, samples), next.view());
      }
      hidden = std::move(next);
      input = std::as_const(hidden).view();
    }
  }
  return result;
}

SampleOrder::SampleOrder(std::int64_t count, std::uint64_t seed)
    : seed_(seed), order_(static_cast<std::size_t>(count)) {
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
}

const std::vector<std::int64_t>& SampleOrder::shuffled(int epoch) {
  const RandomStream shuffle(seed_, 0, tag_of("trainer.shuffle"), 0);
  for (auto i = static_cast<std::int64_t>(order_.size()) - 1; i > 0; --i) {
    const std::uint64_t word = shuffle.word(epoch, i, 0);
    const auto j = static_cast<std::size_t>((word * static_cast<std::uint64_t>(i + 1)) >> 32U);
    std::swap(order_[static_cast<std::size_t>(i)], order_[j]);
  }
  return order_;
}

}  // namespace jb::models
