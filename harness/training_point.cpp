// Training of a network on one device: three products per layer and step, verified on the test set.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "backends/energy/ledger.h"
#include "harness/accuracy.h"
#include "harness/layer_table.h"
#include "harness/metered_training.h"
#include "harness/point_context.h"
#include "harness/workload_cache.h"
#include "models/trainer.h"
#include "models/training/backend_trainer.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;
using models::BackendTrainer;
using models::Orientation;
using models::TrainingCounts;

/// Noise of verification belongs to calls that no step reaches.
constexpr std::uint64_t kVerificationCall = std::uint64_t{1} << 40U;
/// Bytes per parameter at the peak: f32 value, gradient and two moments, f64 change, and the
/// machine's f64 operand with the packed copies of both directions (f64) and conductances.
constexpr double kBytesPerParameter = 96;

/// Data, network and trainer of a point, checked against the device.
struct Setting {
  std::shared_ptr<const models::Dataset> data;
  std::unique_ptr<models::TrainableNetwork> network;
  std::unique_ptr<BackendTrainer> trainer;
  std::int64_t steps_per_epoch = 0;
};

Support supports_layers(const PointContext& context, const Device& device,
                        const models::TrainableNetwork& network) {
  for (const models::TrainableLayer& layer : network.layers()) {
    const std::int64_t k = layer.weights.rows();
    const std::int64_t n = layer.weights.cols();
    const std::int64_t m = context.point.batch * layer.rows_per_sample();
    const GemmShape gradient = k < n ? GemmShape{n, k, m} : GemmShape{k, n, m};
    for (const auto& [shape, mode] : {std::pair{GemmShape{m, n, k}, OperandMode::stationary},
                                      std::pair{gradient, OperandMode::dynamic}}) {
      const Support support = device.supports(shape, mode, context.precision);
      if (!support) return Support::no(fmt::format("layer {}: {}", layer.name, support.reason));
    }
  }
  return Support::yes();
}

/// Machines whose numbers have exponents of 8 bits or more take gradients as they are.
bool needs_scaling(const PointContext& context) {
  const std::string& kind = context.backend.info().kind;
  if (kind == "analog" || kind == "photonic") return true;
  switch (context.precision) {
    case ElementType::f64:
    case ElementType::f32:
    case ElementType::tf32:
    case ElementType::bf16:
      return false;
    default:
      return true;
  }
}

/// Modulators whose fields are never quite zero, in a machine that takes signs from the light
/// itself.
bool has_floors(const PointContext& context) {
  if (context.backend.info().kind != "photonic") return false;
  return context.spec.text("architecture") == "homodyne";
}

std::shared_ptr<const models::Dataset> data_of(const PointContext& context) {
  WorkloadCache own;
  WorkloadCache& cache = context.options.workloads ? *context.options.workloads : own;
  return cache.dataset(context.point.dataset, context.point.data_dir);
}

void check_fits(const PointSpec& point, const models::TrainableNetwork& network,
                const models::LabelledImages& images) {
  models::TrainOptions options;
  options.epochs = point.training.epochs;
  options.batch = point.batch;
  options.learning_rate = point.training.learning_rate;
  models::check_trainable({network.name(), network.input_size(), network.output_size()}, images,
                          options);
}

/// Throws CannotRun for what the machine cannot do.
void prepare(Setting& setting, const PointContext& context, Device& device,
             const NetworkStatistics* given = nullptr) {
  const PointSpec& point = context.point;
  setting.data = data_of(context);
  setting.network = std::make_unique<models::TrainableNetwork>(point.network, point.seed);
  check_fits(point, *setting.network, setting.data->train);
  if (const Support support = supports_layers(context, device, *setting.network); !support) {
    throw CannotRun{results::Status::unsupported, support.reason};
  }
  const double bytes = kBytesPerParameter * setting.network->parameters() +
                       4 * static_cast<double>(point.batch) * setting.network->floats_per_sample();
  if (const Support memory = fits_in_memory(bytes); !memory) {
    throw CannotRun{results::Status::unsupported, memory.reason};
  }
  models::BackendTrainOptions options;
  options.batch = std::min(point.batch, setting.data->train.images.rows());
  options.optimizer = point.training.optimizer;
  options.momentum = point.training.momentum;
  options.noise_aware = point.training.noise_aware;
  options.scaled = needs_scaling(context);
  options.given = given;
  options.alternating = has_floors(context);
  setting.trainer = or_cannot_run(
      [&] { return std::make_unique<BackendTrainer>(device, *setting.network, options); });
  if (const Support rule = setting.trainer->supports_options(); !rule) {
    fail_usage("{}", rule.reason);
  }
  setting.steps_per_epoch = (setting.data->train.images.rows() + point.batch - 1) / point.batch;
}

struct EpochResult {
  double loss = 0;
  double accuracy = 0;
  double energy_J = 0;  ///< set-up and all steps so far, at the highest boundary; 0 without prices
};

/// What a training came to.
struct History {
  std::vector<EpochResult> epochs;
  std::vector<int> predicted;          ///< classes of the test images by the machine at the end
  std::optional<std::size_t> reached;  ///< epoch (from 0) that reached the target
  double host_time_s = 0;
};

class Run {
 public:
  /// `windows`: of a meter, or null.
  Run(const PointContext& context, Setting& setting, TrainingWindows* windows = nullptr)
      : context_(context), setting_(setting), windows_(windows) {}

  /// False when it was told to stop.
  bool train(History& history) {
    const Clock::time_point start = Clock::now();
    const TrainingSpec& training = context_.point.training;
    models::SampleOrder order(setting_.data->train.images.rows(), context_.point.seed);
    for (int epoch = 0; epoch < training.epochs; ++epoch) {
      EpochResult result;
      if (windows_ != nullptr) windows_->resume();
      if (!run_epoch(order.shuffled(epoch), epoch, result)) return false;
      if (windows_ != nullptr) windows_->pause();
      verify(static_cast<std::uint64_t>(epoch), history, result);
      history.epochs.push_back(result);
      if (training.target_accuracy && !history.reached &&
          result.accuracy >= *training.target_accuracy) {
        history.reached = history.epochs.size() - 1;
      }
      TrainingProgress now = progress(epoch, result.loss);
      now.accuracy = result.accuracy;
      if (!tell(now)) return false;
      if (history.reached) break;
    }
    history.host_time_s = std::chrono::duration<double>(Clock::now() - start).count();
    return true;
  }

  /// The same steps once more, until the meter has seen enough of them.
  void repeat() {
    repeating_ = true;
    models::SampleOrder order(setting_.data->train.images.rows(), context_.point.seed);
    for (int epoch = 0; epoch < context_.point.training.epochs && !windows_->enough(); ++epoch) {
      EpochResult result;
      windows_->resume();
      run_epoch(order.shuffled(epoch), epoch, result);
      windows_->pause();
    }
  }

 private:
  [[nodiscard]] TrainingProgress progress(int epoch, double loss) const {
    const int epochs = context_.point.training.epochs;
    return {epoch + 1, epochs, setting_.trainer->steps(), setting_.steps_per_epoch * epochs,
            loss,      {}};
  }
  bool tell(const TrainingProgress& now) const {
    return repeating_ || !context_.options.on_training || context_.options.on_training(now);
  }

  bool run_epoch(const std::vector<std::int64_t>& samples, int epoch, EpochResult& result) {
    const TrainingSpec& training = context_.point.training;
    const std::int64_t all_steps = setting_.steps_per_epoch * training.epochs;
    const auto count = static_cast<std::int64_t>(samples.size());
    const std::int64_t batch = context_.point.batch;
    double loss = 0;
    std::int64_t seen = 0;
    for (std::int64_t first = 0; first < count; first += batch) {
      const std::int64_t rows = std::min(batch, count - first);
      const double rate = models::scheduled_rate(training.schedule, training.learning_rate,
                                                 setting_.trainer->steps(), all_steps);
      loss += static_cast<double>(rows) *
              setting_.trainer->step(setting_.data->train,
                                     std::span(samples).subspan(static_cast<std::size_t>(first),
                                                                static_cast<std::size_t>(rows)),
                                     rate);
      seen += rows;
      result.loss = loss / static_cast<double>(seen);
      if (windows_ != nullptr) windows_->step_done(rows);
      if (repeating_ && windows_->enough()) return true;
      if (seen < count && !tell(progress(epoch, result.loss))) return false;
    }
    return true;
  }

  void verify(std::uint64_t epoch, History& history, EpochResult& result) {
    const models::LabelledImages& test = setting_.data->test;
    const Matrix<float> logits =
        setting_.trainer->logits(test.images.view(), kVerificationCall + epoch);
    history.predicted = models::argmax_rows(logits.view());
    result.accuracy = models::accuracy(history.predicted, test.labels);
    const BackendTrainer& trainer = *setting_.trainer;
    if (!trainer.prices().has_energy) return;
    const Boundary highest = trainer.prices().highest;
    result.energy_J = price(trainer.counts().activity, trainer.prices()).cumulative_J(highest) +
                      price(trainer.setup(), trainer.prices()).cumulative_J(highest);
  }

  const PointContext& context_;
  Setting& setting_;
  TrainingWindows* windows_;
  bool repeating_ = false;
};

/// Full windows from trainings of the same network, and what they told.
void meter_rest(Outcome& outcome, const PointContext& context, Device& device,
                TrainingWindows& windows, double samples) {
  const Metering& metering = *context.options.metering;
  try {
    while (!windows.enough()) {
      Setting again;
      prepare(again, context, device);
      Run(context, again, &windows).repeat();
    }
    tell_energy(outcome, metering, windows.finish(samples));
  } catch (const Error& error) {
    tell_unmetered(outcome, metering, error);
  }
}

Pricing pricing_of(const PointContext& context, const Setting& setting, double epochs) {
  Pricing pricing;
  pricing.prices = &setting.trainer->prices();
  pricing.layer_names = &setting.trainer->layer_names();
  pricing.source = context.price_source();
  pricing.digital_arithmetic = context.backend.info().kind == "cmos";
  // Every epoch brings each image to the machine once; the rest may stay there.
  pricing.compulsory_bytes =
      epochs * static_cast<double>(setting.data->train.images.size()) * link_bytes(context);
  pricing.temperature_C = context.point.temperature_C;
  pricing.most_rows = 0;  // the table of layers tells layers and orientations apart ...
  pricing.by_layer = context.options.layers;  // ... unless the ledger is asked to
  return pricing;
}

/// "input-gradient" -> "input_gradient": keys of JSON objects and names of quantities.
std::string key_of(Orientation orientation) {
  std::string key(name_of(orientation));
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

/// Joules of all steps, in total and by orientation, at the highest boundary.
void add_training_energy(Outcome& outcome, const TrainingCounts& counts, const Pricing& pricing) {
  if (!pricing.prices->has_energy) return;
  const Ledger ledger = price(counts.activity, *pricing.prices);
  std::array<double, models::kOrientations> joules{};
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->boundary > pricing.prices->highest) continue;
    joules[static_cast<std::size_t>(BackendTrainer::orientation_of(row.layer))] += row.energy_J;
  }
  double total = 0;
  for (std::size_t o = 0; o < joules.size(); ++o) {
    outcome.add(key_of(static_cast<Orientation>(o)) + "_energy_J", joules[o], Provenance::modelled,
                pricing.source);
    total += joules[o];
  }
  outcome.add("training_energy_J", total, Provenance::modelled, pricing.source);
  outcome.add("programming_energy_J",
              ledger.category_J(Category::programming, pricing.prices->highest),
              Provenance::modelled, pricing.source);
}

/// Counts to joules: what a run and an estimate share.
void account(Outcome& outcome, const PointContext& context, const Setting& setting,
             const TrainingCounts& counts, const Calibrations& calibration, double epochs) {
  for (std::size_t o = 0; o < models::kOrientations; ++o) {
    outcome.work.macs += counts.macs[o];
    if (counts.macs[o] > 0) {
      outcome.measurement["macs_by_orientation"][key_of(static_cast<Orientation>(o))] =
          counts.macs[o];
    }
  }
  const Pricing pricing = pricing_of(context, setting, epochs);
  outcome.layers = training_table(counts.activity, *pricing.prices, *pricing.layer_names,
                                  counts.macs_of_row, context.backend.info().id);
  outcome.work.compulsory_bytes = pricing.compulsory_bytes;
  Counts all;
  all.setup = setting.trainer->setup();
  all.calibration = calibration;
  all.execution = counts.activity;
  add_energy(outcome, all, pricing);
  add_training_energy(outcome, counts, pricing);
  outcome.operands = NetworkStatistics(counts.products, setting.trainer->layer_names());
  outcome.implementation = setting.trainer->implementation();
  outcome.measurement["stationary_operand"] = setting.trainer->resident() ? "resident" : "reloaded";
  outcome.measurement["update"] =
      setting.trainer->updates_by_outer_products() ? "outer-product" : "write";
  if (has_floors(context)) outcome.measurement["signs"] = "alternating";
  outcome.measurement["training_samples"] = setting.data->train.images.rows();
  outcome.verification["dataset"] = setting.data->name;
  outcome.verification["data_hash"] = setting.data->content_hash;
}

void add_time(Outcome& outcome, const PointContext& context, const Device& device,
              const TrainingCounts& counts) {
  if (!context.measured()) {
    add_modelled_time(outcome, counts.activity.device_time_s, device.peak_mac_per_s(),
                      context.time_source());
    return;
  }
  const std::string source = "steady clock around products and updates, sum over all steps";
  outcome.add("device_time_s", counts.machine_s, Provenance::measured, source);
  if (counts.machine_s > 0) {
    outcome.add("throughput_mac_per_s", outcome.work.macs / counts.machine_s, Provenance::measured,
                source);
  }
}

/// Noise of the machine in the forward products, which the network has learnt with.
bool trains_with_noise(const PointContext& context) {
  const BackendInfo& info = context.backend.info();
  if (info.kind != "analog" && info.kind != "photonic") return false;
  return context.spec.name() != info.ideal_device || !context.spec.overrides().empty();
}

void add_history(Outcome& outcome, const PointContext& context, const Setting& setting,
                 const History& history) {
  Json accuracies = Json::array();
  Json losses = Json::array();
  Json energies = Json::array();
  for (const EpochResult& epoch : history.epochs) {
    accuracies.push_back(epoch.accuracy);
    losses.push_back(epoch.loss);
    energies.push_back(epoch.energy_J);
  }
  outcome.verification["trained_with_noise"] = trains_with_noise(context);
  outcome.verification["accuracy_by_epoch"] = accuracies;
  outcome.verification["loss_by_epoch"] = losses;
  const bool priced = setting.trainer->prices().has_energy;
  if (priced) outcome.verification["energy_by_epoch_J"] = energies;
  outcome.measurement["epochs"] = history.epochs.size();
  outcome.measurement["steps"] = setting.trainer->steps();
  const models::LabelledImages& test = setting.data->test;
  const std::vector<int> in_float =
      models::argmax_rows(models::forward(*setting.network, test.images.view()).view());
  outcome.verification["float_accuracy_top1_frac"] = models::accuracy(in_float, test.labels);
  add_agreement(outcome, history.predicted, in_float,
                fmt::format("{} test images of {}", in_float.size(), setting.data->name),
                context.fidelity_provenance());
  add_accuracy(outcome, {test.labels, history.predicted, in_float, setting.data->name},
               context.fidelity_provenance());
  const std::optional<double>& target = context.point.training.target_accuracy;
  if (!target) return;
  if (!history.reached) {
    outcome.lints.push_back(
        {"target-not-reached", fmt::format("target-not-reached: accuracy {} was not reached in {} "
                                           "epochs",
                                           *target, history.epochs.size())});
    return;
  }
  outcome.verification["target_reached_in_epoch"] = *history.reached + 1;
  if (priced) {
    outcome.add("energy_to_target_J", history.epochs[*history.reached].energy_J,
                Provenance::modelled, context.price_source());
  }
}

}  // namespace

void check_training_data(const PointSpec& point) {
  const models::Dataset data = models::load_dataset(point.dataset, point.data_dir);
  check_fits(point, models::TrainableNetwork(point.network, point.seed), data.train);
}

Outcome run_training(const PointContext& context, Device& device) {
  Setting setting;
  prepare(setting, context, device);
  const Calibrations calibration = bring_to_age(context, device);
  const Metering* metering = context.options.metering.get();
  std::optional<TrainingWindows> windows;
  if (metering != nullptr && can_be_metered(context.point, *metering)) {
    windows.emplace(context.point, *metering);
    windows->idle_before();
  }
  History history;
  if (!Run(context, setting, windows ? &*windows : nullptr).train(history)) {
    return Outcome::stopped(results::Status::skipped, "the training was stopped before its end");
  }
  const TrainingCounts& counts = setting.trainer->counts();
  Outcome outcome;
  add_host_time(outcome, history.host_time_s);
  account(outcome, context, setting, counts, calibration,
          static_cast<double>(history.epochs.size()));
  add_time(outcome, context, device, counts);
  add_history(outcome, context, setting, history);
  add_execution_lints(outcome, setting.trainer->lints());
  add_device_lints(outcome, context.spec, setting.trainer->prices());
  if (windows) {
    const auto epochs = static_cast<double>(history.epochs.size());
    meter_rest(outcome, context, device, *windows,
               epochs * static_cast<double>(setting.data->train.images.rows()));
  }
  if (context.options.on_trained) context.options.on_trained(setting.network->graph());
  return outcome;
}

/// Factor within which counts that data decide are taken to lie over a whole training, whose first
/// step tells them: peaks grow with the weights and shrink with the gradients' noise.
constexpr double kOverTraining = 5;

/// The same with the counts that data decide `factor` times as large.
Activity with_data_scaled(const Activity& activity, const PriceTable& prices, double factor) {
  Activity scaled;
  for (const ActivityRow& row : activity.rows()) {
    const bool decided = prices.prices.at(row.action).data_dependent;
    scaled.add(row.action, row.count * (decided ? factor : 1), row.layer);
  }
  return scaled;
}

/// Steps of one size count alike, so one of each is taken and multiplied; what the values decide
/// (light, cell currents) is that of the first samples and of untrained weights, with an interval,
/// or of a run's statistics.
Outcome estimate_training(const PointContext& context, Device& device,
                          const NetworkStatistics* given) {
  Setting setting;
  prepare(setting, context, device, given);
  const std::int64_t samples = setting.data->train.images.rows();
  std::vector<std::int64_t> first(static_cast<std::size_t>(std::min(context.point.batch, samples)));
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = static_cast<std::int64_t>(i);
  TrainingCounts total;
  const auto add = [&](std::int64_t rows, std::int64_t times) {
    if (rows == 0 || times == 0) return;
    setting.trainer->step(setting.data->train,
                          std::span(first).first(static_cast<std::size_t>(rows)), 1e-6);
    const TrainingCounts one = setting.trainer->take_counts();
    const double all = static_cast<double>(times) * context.point.training.epochs;
    total.activity += one.activity.scaled(all);
    for (std::size_t o = 0; o < total.macs.size(); ++o) total.macs[o] += one.macs[o] * all;
    total.products.add(one.products);
    total.macs_of_row.resize(one.macs_of_row.size());
    for (std::size_t r = 0; r < one.macs_of_row.size(); ++r) {
      total.macs_of_row[r] += one.macs_of_row[r] * all;
    }
  };
  add(std::min(context.point.batch, samples), samples / context.point.batch);
  add(samples % context.point.batch, 1);
  Outcome outcome;
  account(outcome, context, setting, total, {}, context.point.training.epochs);
  const PriceTable& prices = setting.trainer->prices();
  if (given != nullptr) {
    outcome.operands = *given;
  } else if (prices.depends_on_data()) {
    bound_energies(outcome, prices, with_data_scaled(total.activity, prices, 1 / kOverTraining),
                   with_data_scaled(total.activity, prices, kOverTraining));
  }
  add_time(outcome, context, device, total);
  add_device_lints(outcome, context.spec, prices);
  return outcome;
}

}  // namespace jb::harness
