// joulebench train: trains a network on one backend, all three products of a layer on it.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/energy_flags.h"
#include "harness/cli/output.h"
#include "harness/cli/point_flags.h"
#include "harness/cli/progress.h"
#include "harness/cli/record_source.h"
#include "harness/runner.h"
#include "models/mlp.h"
#include "models/onnx/onnx.h"
#include "results/report/terminal_table.h"

namespace jb::harness::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kUpdateKey = "update.rule";

struct TrainFlags {
  PointFlags points;
  EnergyFlags energy;
  std::map<std::string, std::string> values;  // of training, names without dashes
  bool noise_aware = false;
  bool estimate = false;
  std::string statistics;  // record whose operand statistics an estimate takes
  std::string output;
  std::string progress = "auto";
  std::string color = "auto";
  bool json = false;
  bool quiet = false;

  [[nodiscard]] const std::string* find(const std::string& name) const {
    const auto at = values.find(name);
    return at == values.end() ? nullptr : &at->second;
  }
};

double number(const TrainFlags& flags, const char* name, double otherwise) {
  const std::string* text = flags.find(name);
  if (text == nullptr) return otherwise;
  double value = 0;
  if (!parse_number(*text, value)) fail_usage("--{}: '{}' is not a finite number", name, *text);
  return value;
}

bool has_update_rule(const PointSpec& point) {
  const std::vector<ParameterSpec>& keys = find_backend(point.backend).parameters();
  return std::any_of(keys.begin(), keys.end(),
                     [](const ParameterSpec& key) { return key.key == kUpdateKey; });
}

// --update is the device parameter update.rule by another name.
void apply_update(const TrainFlags& flags, PointSpec& point) {
  const std::string* rule = flags.find("update");
  if (rule == nullptr) return;
  check_choice("--update", *rule, {"reprogram", "outer-product"});
  if (!has_update_rule(point)) {
    fail_usage(
        "--update: {} has one way to take new weights; crossbars choose between reprogramming and "
        "outer products",
        point.backend);
  }
  if (!point.set.emplace(kUpdateKey, *rule).second) {
    fail_usage("--update and --set {} name one thing; keep one of them", kUpdateKey);
  }
}

bool updates_by_outer_products(const PointSpec& point) {
  if (!has_update_rule(point)) return false;
  const Backend& backend = find_backend(point.backend);
  DeviceSpec spec =
      load_device(backend, point.device.empty() ? backend.info().default_device : point.device);
  for (const auto& [key, value] : point.set) spec.set(key, value);
  return spec.text(kUpdateKey) == "outer-product";
}

void apply_training(const TrainFlags& flags, PointSpec& point) {
  TrainingSpec& training = point.training;
  const models::TrainOptions usual = models::default_training(point.network);
  if (!flags.points.has("batch")) point.batch = usual.batch;
  training.epochs = usual.epochs;
  if (const std::string* text = flags.find("epochs")) {
    std::int64_t value = 0;
    if (!parse_integer(*text, value) || value < 1 || value > 100000) {
      fail_usage("--epochs: '{}' is not a whole number from 1 to 100000", *text);
    }
    training.epochs = static_cast<int>(value);
  }
  if (const std::string* text = flags.find("optimizer")) {
    training.optimizer = models::optimizer_from(*text);
  } else if (updates_by_outer_products(point)) {
    training.optimizer = models::OptimizerKind::sgd;
  }
  training.learning_rate =
      number(flags, "learning-rate", models::default_learning_rate(training.optimizer));
  if (flags.find("momentum") != nullptr && training.optimizer != models::OptimizerKind::momentum) {
    fail_usage("--momentum goes with --optimizer momentum, not with {}",
               name_of(training.optimizer));
  }
  training.momentum = number(flags, "momentum", training.momentum);
  if (const std::string* text = flags.find("schedule")) {
    training.schedule = models::schedule_kind_from(*text);
  }
  training.noise_aware = flags.noise_aware;
  if (flags.find("target-accuracy") != nullptr) {
    training.target_accuracy = number(flags, "target-accuracy", 0);
  }
}

PointSpec point_of(const TrainFlags& flags) {
  PointSpec point = one_machine_point(flags.points);
  if (point.network.empty()) {
    fail_usage("--network is missing: name one such as mlp-784-100-10 or lenet5");
  }
  point.op = Op::training;
  // A folder of IDX files is MNIST or made like it, unless it is told what it is.
  if (point.dataset.empty()) point.dataset = point.data_dir.empty() ? "synthetic-digits" : "mnist";
  point.estimate = flags.estimate;
  apply_update(flags, point);
  apply_training(flags, point);
  return point;
}

// What cannot be written is refused before anything is trained.
void check_output(const TrainFlags& flags) {
  if (flags.output.empty()) return;
  if (flags.estimate) fail_usage("-o: an estimate trains nothing that could be written");
  check_output_file(flags.output, "model.onnx");
  if (const Support support = models::onnx_support(); !support) {
    fail_usage("-o: {}", support.reason);
  }
}

/// How far the training is, on stderr: a line an epoch, and a bar between them on a terminal.
class TrainingDisplay {
 public:
  explicit TrainingDisplay(ProgressStyle style) : style_(style) {}

  void update(const TrainingProgress& now) {
    if (style_ == ProgressStyle::none) return;
    const double elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
    std::string line = fmt::format("epoch {}/{}: loss {:.4f}", now.epoch, now.epochs, now.loss);
    if (now.accuracy) line += fmt::format(", top-1 {:.2f} %", 100 * *now.accuracy);
    if (now.steps < now.all_steps) {
      line += fmt::format(", about {} left",
                          duration_text(elapsed_s / static_cast<double>(now.steps) *
                                        static_cast<double>(now.all_steps - now.steps)));
    }
    if (now.accuracy) {
      fmt::print(stderr, "{}{}\n", style_ == ProgressStyle::bar ? "\r\x1b[K" : "", line);
    } else if (style_ == ProgressStyle::bar && elapsed_s - shown_s_ > kRedraw_s) {
      shown_s_ = elapsed_s;
      fmt::print(stderr, "\r\x1b[K{}", line);
      std::fflush(stderr);
    }
  }

 private:
  static constexpr double kRedraw_s = 0.2;
  ProgressStyle style_;
  Clock::time_point start_ = Clock::now();
  double shown_s_ = 0;
};

// What the energy table does not show: where the joules went, and how accuracy grew.
std::string training_text(const results::Record& record) {
  std::string text;
  const auto value = [&record](const char* name) {
    const results::Quantity* q = record.find(name);
    return q == nullptr ? 0.0 : q->value;
  };
  if (const results::Quantity* total = record.find("training_energy_J")) {
    text += fmt::format("\ntraining {}J: ", results::format_si(total->value));
    const std::vector<std::pair<const char*, const char*>> parts = {
        {"forward", "forward_energy_J"},
        {"input gradient", "input_gradient_energy_J"},
        {"weight gradient", "weight_gradient_energy_J"},
        {"update", "update_energy_J"}};
    for (const auto& [name, quantity] : parts) {
      const double share = total->value > 0 ? value(quantity) / total->value : 0;
      text +=
          fmt::format("{}{} {:.1f} %", name == parts.front().first ? "" : ", ", name, 100 * share);
    }
    if (value("programming_energy_J") > 0) {
      text += fmt::format("; programming {}J of it",
                          results::format_si(value("programming_energy_J")));
    }
    text += fmt::format("; set-up {}J\n", results::format_si(value("setup_energy_J")));
  }
  const auto epochs = record.verification.find("accuracy_by_epoch");
  if (epochs != record.verification.end()) {
    text += "top-1 by epoch:";
    for (const auto& accuracy : *epochs) {
      text += fmt::format(" {:.2f}", 100 * accuracy.get<double>());
    }
    text += fmt::format(" %; the same weights in float: {:.2f} %\n",
                        100 * record.verification.at("float_accuracy_top1_frac").get<double>());
  }
  for (const auto& [name, quantity] : record.quantities) {
    if (name.rfind("measured_energy_", 0) != 0) continue;
    text += fmt::format("metered: {}J at {}, {}\n",
                        results::format_si(quantity.value * record.work.macs),
                        name.substr(std::string("measured_energy_").size(), 2), quantity.source);
  }
  if (const results::Quantity* energy = record.find("energy_to_target_J")) {
    text += fmt::format("target reached in epoch {} for {}J\n",
                        record.verification.at("target_reached_in_epoch").get<int>(),
                        results::format_si(energy->value));
  }
  return text;
}

/// Nothing when it was stopped between two steps that a meter was reading.
std::optional<results::Record> run_unless_stopped(const PointSpec& point,
                                                  const RunOptions& options) {
  try {
    return run_point(point, options);
  } catch (const MeteringStopped&) {
    return std::nullopt;
  }
}

int train(const TrainFlags& flags) {
  check_choice("--color", flags.color, {"auto", "always", "never"});
  TrainingDisplay display(progress_style_from(flags.progress, flags.quiet));
  const PointSpec point = point_of(flags);
  check_output(flags);
  check_runnable(point);
  RunOptions options;
  const InterruptGuard guard;
  const std::shared_ptr<Metering> metering = metering_of(flags.energy, {point});
  if (metering != nullptr) metering->stop = [&guard] { return guard.interrupted(); };
  options.metering = metering;
  options.on_training = [&display, &guard](const TrainingProgress& now) {
    display.update(now);
    return !guard.interrupted();
  };
  if (!flags.output.empty()) {
    options.on_trained = [&flags](const models::Graph& network) {
      models::save_onnx(network, flags.output);
    };
  }
  std::optional<GivenStatistics> statistics;
  if (!flags.statistics.empty()) {
    if (!flags.estimate)
      fail_usage("--stats goes with --estimate; a training has its own operands");
    statistics = statistics_of(load_one_record(flags.statistics, ""));
  }
  const std::optional<results::Record> trained = statistics
                                                     ? estimate_point(point, options, &*statistics)
                                                     : run_unless_stopped(point, options);
  if (!trained || guard.interrupted()) {
    say("interrupted: nothing is written");
    return kInterrupted;
  }
  const results::Record& record = *trained;
  if (flags.json) {
    print(results::to_json(record).dump() + "\n");
  } else if (!flags.quiet) {
    print(results::energy_table({record}, table_style(flags.color)));
    print(training_text(record));
  }
  flush_output();
  check_measured(flags.energy, {record});
  if (record.status != results::Status::ok) {
    say(fmt::format("{}: {}", results::name_of(record.status), record.reason));
    return kSomeFailed;
  }
  return kDone;
}

void add_training_flags(CLI::App& verb, TrainFlags& flags) {
  constexpr const char* kGroup = "Training";
  const auto add = [&](const char* name, const char* metavar, const char* help) {
    verb.add_option_function<std::string>(
            std::string("--") + name,
            [&flags, name](const std::string& text) { flags.values[name] = text; }, help)
        ->type_name(metavar)
        ->group(kGroup);
  };
  add("epochs", "N", "passes over the training set; default 12, 8 above a million parameters");
  add("optimizer", "KIND", "sgd, momentum or adam; default adam, sgd with outer-product updates");
  add("learning-rate", "RATE",
      "of the first step; default 1e-3 (adam), 0.1 (sgd), 0.02 (momentum)");
  add("momentum", "MU", "of --optimizer momentum; default 0.9");
  add("schedule", "KIND", "cosine (to zero over all epochs; default) or constant");
  add("target-accuracy", "SHARE",
      "ends with the epoch that reaches this top-1 share on the test set; its energy is recorded");
  add("update", "RULE",
      "how a crossbar takes new weights: reprogram or outer-product; default: the device's");
  verb.add_flag("--noise-aware", flags.noise_aware,
                "forward products on the machine with its noise, gradients in float32 beside it")
      ->group(kGroup);
  verb.add_flag("--estimate", flags.estimate,
                "counts and prices of the whole training from one step of each size")
      ->group(kGroup);
  verb.add_option("--stats", flags.statistics,
                  "of --estimate: record of a training whose operand statistics are taken")
      ->type_name("RECORD")
      ->group(kGroup);
}

}  // namespace

void add_train_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(
      app, "train",
      "trains a network on one backend: forward, input gradient and weight gradient are products "
      "of the machine",
      "joulebench train --network mlp-784-100-10 --data DIR --backend photonic\n"
      "joulebench train --network mlp-784-100-10 --device pcm-hermes --epochs 2 --json\n"
      "joulebench train --network lenet5 --data DIR --backend onednn -o lenet5.onnx\n"
      "joulebench train --network mlp-784-100-10 --backend onednn --target-accuracy 0.95");
  const auto flags = std::make_shared<TrainFlags>();
  add_point_flags(*verb, flags->points, FlagUse::training);
  add_energy_flags(*verb, flags->energy);
  add_metering_flags(*verb, flags->energy);
  add_training_flags(*verb, *flags);
  constexpr const char* kGroup = "Output";
  verb->add_option("-o,--output", flags->output, "writes the trained network")
      ->type_name("MODEL.onnx")
      ->group(kGroup);
  verb->add_flag("--json", flags->json, "the record on stdout")->group(kGroup);
  verb->add_option("--progress", flags->progress, "auto, bar, plain or none (on stderr)")
      ->type_name("HOW")
      ->group(kGroup);
  verb->add_option("--color", flags->color, "auto, always or never")
      ->type_name("WHEN")
      ->group(kGroup);
  verb->add_flag("-q,--quiet", flags->quiet, "no progress and no table: files and exit code")
      ->group(kGroup);
  verb->callback([flags, &action] { action = [flags] { return train(*flags); }; });
}

}  // namespace jb::harness::cli
