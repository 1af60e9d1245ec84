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

BackendTrainer::BackendTrainer(Device& device, Mlp& network, const BackendTrainOptions& options)
    : device_(device), network_(network), options_(options), prices_(device.prices()) {
  periphery_ = add_periphery(prices_);
  for (std::size_t l = 0; l < network.weights.size(); ++l) {
    Matrix<float>& w = network.weights[l];
    const std::string name = fmt::format("fc{}", l + 1);
    for (std::size_t o = 0; o < kOrientations; ++o) {
      names_.push_back(fmt::format("{}/{}", name, name_of(static_cast<Orientation>(o))));
    }
    auto plan = device.plan({options.batch, w.cols(), w.rows()}, std::as_const(w).view(),
                            OperandMode::stationary, {.scope = tag_of(name)});
    setup_ += plan->setup().relabelled(tag(l, Orientation::update));
    const auto size = static_cast<std::size_t>(w.size());
    const auto columns = static_cast<std::size_t>(w.cols());
    layers_.push_back(Layer{std::move(plan), Matrix<float>(w.rows(), w.cols()),
                            std::vector<float>(columns),
                            Optimizer(options.optimizer, options.momentum, size),
                            Optimizer(options.optimizer, options.momentum, columns),
                            Matrix<double>(w.rows(), w.cols()), tag_of(name + "/weight-gradient")});
  }
  outer_ = layers_.front().plan->updates_by_outer_products();
  for (const std::int64_t width : network.widths) {
    activations_.emplace_back(options.batch, width);
    deltas_.emplace_back(options.batch, width);
  }
  labels_.resize(static_cast<std::size_t>(options.batch));
}

Support BackendTrainer::supports_options() const {
  const std::string& device = device_.spec().name();
  for (const Layer& layer : layers_) {
    if (layer.plan->updates_by_outer_products() == outer_) continue;
    return Support::no(fmt::format(
        "device '{}' holds some layers of {} only and can update those alone by outer products: "
        "give it more tiles, or choose reprogramming (--update reprogram)",
        device, network_.name));
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
  add(softmax_gradient_work(static_cast<double>(rows), static_cast<double>(network_.widths.back())),
      last, Orientation::forward);
  for (std::size_t l = last; l > 0; --l) input_gradient(l, rows);
  for (std::size_t l = 0; l <= last; ++l) {
    if (!outer_) weight_gradient(l, rows);
    bias_gradient(l, rows);
    update(l, rows, rate);
  }
  return loss / static_cast<double>(rows);
}

bool BackendTrainer::forward(std::int64_t rows) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const bool relu = l + 1 < layers_.size();
    // The logits are not needed themselves: their gradient takes their place.
    const MatrixView<float> output = rows_of(relu ? activations_[l + 1] : deltas_[l + 1], rows);
    on_machine(l, Orientation::forward, {rows, output.cols, network_.widths[l]}, [&] {
      return layers_[l].plan->execute(rows_of(activations_[l], rows), output,
                                      Draw{static_cast<std::uint64_t>(step_), 0},
                                      Direction::forward);
    });
    if (!add_bias(output, network_.biases[l], relu)) return false;
    const double elements = product(rows, output.cols);
    PeripheryWork work = bias_work(elements);
    if (relu) work += relu_work(elements);
    add(work, l, Orientation::forward);
    counts_.macs[static_cast<std::size_t>(Orientation::forward)] +=
        elements * static_cast<double>(network_.widths[l]);
  }
  return true;
}

/// dX of layer l, through the ReLU below it.
void BackendTrainer::input_gradient(std::size_t layer, std::int64_t rows) {
  constexpr auto kThis = Orientation::input_gradient;
  const MatrixView<float> above = rows_of(deltas_[layer + 1], rows);
  const MatrixView<float> below = rows_of(deltas_[layer], rows);
  const double macs = product(rows, above.cols) * static_cast<double>(below.cols);
  if (options_.noise_aware) {
    gemm<float>(above, std::as_const(network_.weights[layer]).view().transposed(), below);
    PeripheryWork work;
    work.macs = macs;
    add(work, layer, kThis);
  } else {
    std::vector<float> undo;
    Matrix<float> scaled;
    MatrixView<const float> a = above;
    if (options_.scaled) {
      scaled = copy_as<float>(above);
      undo = scale_rows(scaled.view());
      a = std::as_const(scaled).view();
    }
    on_machine(layer, kThis, {rows, below.cols, above.cols}, [&] {
      return layers_[layer].plan->execute(a, below, Draw{static_cast<std::uint64_t>(step_), 0},
                                          Direction::transposed);
    });
    if (options_.scaled) {
      multiply_rows(below, undo);
      add(row_scaling_work(static_cast<double>(rows), static_cast<double>(above.cols),
                           static_cast<double>(below.cols)),
          layer, kThis);
    }
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < below.cols; ++j) {
      below(i, j) = activations_[layer](i, j) > 0.0F ? below(i, j) : 0.0F;
    }
  }
  add(relu_work(product(rows, below.cols)), layer, kThis);
  counts_.macs[static_cast<std::size_t>(kThis)] += macs;
}

void BackendTrainer::weight_gradient(std::size_t layer, std::int64_t rows) {
  constexpr auto kThis = Orientation::weight_gradient;
  const MatrixView<float> x = rows_of(activations_[layer], rows);
  const MatrixView<float> d = rows_of(deltas_[layer + 1], rows);
  const MatrixView<float> gradient = layers_[layer].gradient.view();
  const double macs = product(rows, x.cols) * static_cast<double>(d.cols);
  counts_.macs[static_cast<std::size_t>(kThis)] += macs;
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
  const BalancedProduct operands = balance(driven, loaded, options_.scaled);
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
void BackendTrainer::bias_gradient(std::size_t layer, std::int64_t rows) {
  std::vector<float>& sums = layers_[layer].bias_gradient;
  const Matrix<float>& delta = deltas_[layer + 1];
  std::fill(sums.begin(), sums.end(), 0.0F);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < delta.cols(); ++j)
      sums[static_cast<std::size_t>(j)] += delta(i, j);
  }
  add(bias_work(product(rows, delta.cols())), layer, Orientation::weight_gradient);
}

void BackendTrainer::update(std::size_t layer, std::int64_t rows, double rate) {
  Layer& own = layers_[layer];
  std::vector<float>& bias = network_.biases[layer];
  own.biases.step(bias, own.bias_gradient, rate, step_);
  double digital = static_cast<double>(bias.size());
  if (outer_) {
    const double macs = product(rows, network_.widths[layer]) * static_cast<double>(bias.size());
    counts_.macs[static_cast<std::size_t>(Orientation::weight_gradient)] += macs;
    const GemmShape shape{network_.widths[layer], network_.widths[layer + 1], rows};
    const MatrixView<float> x = rows_of(activations_[layer], rows);
    const MatrixView<float> d = rows_of(deltas_[layer + 1], rows);
    on_machine(layer, Orientation::update, shape, [&] {
      Execution execution;
      execution.activity = own.plan->update_outer(
          x, d, -rate, Draw{static_cast<std::uint64_t>(step_), 0}, network_.weights[layer].view());
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
  Matrix<float>& weights = network_.weights[layer];
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
  const GemmShape shape{0, weights.cols(), weights.rows()};  // no product
  on_machine(layer, Orientation::update, shape, [&] {
    Execution execution;
    execution.statistics_known = false;
    execution.activity = own.plan->update(std::as_const(own.change).view());
    return execution;
  });
}

void BackendTrainer::fail_diverged(double rate) const {
  fail_usage("training of {} diverged in step {}: lower the learning rate (there {:.3g})",
             network_.name, step_, rate);
}

Matrix<float> BackendTrainer::logits(MatrixView<const float> images, std::uint64_t call) {
  Matrix<float> result(images.rows, network_.widths.back());
  for (std::int64_t first = 0; first < images.rows; first += options_.batch) {
    const std::int64_t rows = std::min(options_.batch, images.rows - first);
    Matrix<float> hidden;
    MatrixView<const float> input = images.block(first, 0, rows, images.cols);
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const bool relu = l + 1 < layers_.size();
      Matrix<float> next(relu ? rows : 0, relu ? network_.widths[l + 1] : 0);
      const MatrixView<float> output =
          relu ? next.view() : result.view().block(first, 0, rows, result.cols());
      layers_[l].plan->execute(input, output, Draw{call, first}, Direction::forward);
      add_bias(output, network_.biases[l], relu);
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
