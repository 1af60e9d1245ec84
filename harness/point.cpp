#include "harness/point.h"

#include <cmath>
#include <cstdlib>
#include <string_view>

#include "backends/analog/schedule.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/point_identity.h"
#include "models/dataset.h"
#include "models/mlp.h"

namespace jb::harness {
namespace {

// Limits on what a user may ask for. They keep arithmetic exact (counts below 2^53) and catch
// typing errors; nothing near them is ever allocated.
constexpr double kMaxAge_s = 3.2e10;         // about a thousand years
constexpr double kAbsoluteZero_C = -273.15;  // SI definition of the Celsius scale
constexpr double kMaxTemperature_C = 300;    // no preset's physics reaches that far
constexpr std::int64_t kMaxInstances = 100000;
constexpr int kMaxThreads = 1024;
constexpr std::int64_t kMaxCalibrationSamples = std::int64_t{1} << 24;
constexpr std::int64_t kMaxBatch = std::int64_t{1} << 24;
constexpr int kMaxEpochs = 100000;
// Estimates never allocate: sizes stay below 2^53 so that a count of any one of them is exact.
constexpr std::int64_t kMaxEstimatedSize = std::int64_t{1} << 53;

void check_estimable(const GemmShape& shape, const std::string& where) {
  for (const std::int64_t size : {shape.m, shape.n, shape.k}) {
    if (size < 1 || size > kMaxEstimatedSize) {
      fail_usage("{}: sizes must lie between 1 and 2^53, but the shape is {}", where,
                 to_string(shape));
    }
  }
}

void check_training(const TrainingSpec& training) {
  if (training.epochs < 1 || training.epochs > kMaxEpochs) {
    fail_usage("--epochs must lie between 1 and {}, but is {}", kMaxEpochs, training.epochs);
  }
  if (!std::isfinite(training.learning_rate) || training.learning_rate <= 0) {
    fail_usage("--learning-rate must be a positive number, but is {}", training.learning_rate);
  }
  if (!std::isfinite(training.momentum) || training.momentum < 0 || training.momentum >= 1) {
    fail_usage("--momentum must lie between 0 and 1, without 1, but is {}", training.momentum);
  }
  if (training.target_accuracy &&
      !(*training.target_accuracy > 0 && *training.target_accuracy <= 1)) {
    fail_usage("--target-accuracy must be a share above 0 and at most 1, such as 0.975, but is {}",
               *training.target_accuracy);
  }
}

void check_ptq(const PointSpec& point) {
  if (point.ptq.empty()) return;
  (void)ptq_share_from(point.ptq);
  if (point.calibration_samples < 1 || point.calibration_samples > kMaxCalibrationSamples) {
    fail_usage("--calibration-samples must lie between 1 and {}, but is {}", kMaxCalibrationSamples,
               point.calibration_samples);
  }
}

void check_workload(const PointSpec& point) {
  if (!point.map.empty() && point.op != Op::network) {
    fail_usage("--map goes with --network and --onnx; a product or convolution has one machine");
  }
  switch (point.op) {
    case Op::gemm:
      if (point.dynamic == DynamicPolicy::digital) {
        fail_usage(
            "--dynamic digital goes with --network and --onnx; a product alone is multiplied by "
            "the "
            "backend that is named");
      }
      if (point.estimate) {
        check_estimable(point.gemm, "--gemm");
      } else {
        check_computable(point.gemm, "--gemm");
      }
      return;
    case Op::conv2d:
      if (point.dynamic) {
        fail_usage("--dynamic goes with products and networks: the filters of a convolution stay");
      }
      check_computable(point.conv, "--conv");
      return;
    case Op::training:
      check_training(point.training);
      if (point.network.empty() || point.dataset.empty()) {
        fail_usage("training needs the names of a network and of a data set");
      }
      [[fallthrough]];
    case Op::network:
      if (point.network.empty() && point.onnx.empty()) {
        fail_usage("a network point needs the name of a network or an ONNX file");
      }
      check_ptq(point);
      if (point.batch < 1 || point.batch > kMaxBatch) {
        fail_usage("--batch must lie between 1 and {}, but is {}", kMaxBatch, point.batch);
      }
      return;
  }
}

void check_clocks(const PointSpec& point) {
  if (!std::isfinite(point.age_s) || point.age_s < 0 || point.age_s > kMaxAge_s) {
    fail_usage("--age must lie between 0 and {} seconds, but is {}", kMaxAge_s, point.age_s);
  }
  if (point.since_calibration_s) {
    const double since = *point.since_calibration_s;
    if (!std::isfinite(since) || since < 0) {
      fail_usage("--since-calibration must be a number of seconds of at least 0, but is {}", since);
    }
    if (since > point.age_s) {
      fail_usage("--since-calibration {} is longer ago than the device is old (--age {})", since,
                 point.age_s);
    }
    if (point.calibration && analog::schedule_from(*point.calibration).repeats()) {
      fail_usage("--since-calibration {}: --calibrate {} sets that clock itself; drop one of them",
                 since, *point.calibration);
    }
    if (point.calibration && *point.calibration == "none" && since != point.age_s) {
      fail_usage("--since-calibration {} has nothing to count from with --calibrate none", since);
    }
  }
  if (point.calibration)
    analog::times_until(analog::schedule_from(*point.calibration), point.age_s);
  if (!std::isfinite(point.temperature_C) || point.temperature_C <= kAbsoluteZero_C ||
      point.temperature_C > kMaxTemperature_C) {
    fail_usage("--temperature must lie above {} and at most at {} degC, but is {}", kAbsoluteZero_C,
               kMaxTemperature_C, point.temperature_C);
  }
}

/// Quoted for a POSIX shell unless every character is harmless.
std::string shell_quoted(const std::string& text) {
  constexpr std::string_view harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%";
  if (!text.empty() && text.find_first_not_of(harmless) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

void append_training(const TrainingSpec& training, std::vector<std::string>& words) {
  words.insert(words.end(), {"--epochs", std::to_string(training.epochs), "--optimizer",
                             std::string(name_of(training.optimizer)), "--learning-rate",
                             shortest(training.learning_rate)});
  if (training.optimizer == models::OptimizerKind::momentum) {
    words.insert(words.end(), {"--momentum", shortest(training.momentum)});
  }
  words.insert(words.end(), {"--schedule", std::string(name_of(training.schedule))});
  if (training.noise_aware) words.emplace_back("--noise-aware");
  if (training.target_accuracy) {
    words.insert(words.end(), {"--target-accuracy", shortest(*training.target_accuracy)});
  }
}

void append_workload(const PointSpec& point, std::vector<std::string>& words) {
  if (!point.shape_name.empty()) {
    words.insert(words.end(), {"--shape", point.shape_name});
  } else if (point.op == Op::gemm) {
    words.insert(words.end(),
                 {"--gemm", fmt::format("{},{},{}", point.gemm.m, point.gemm.n, point.gemm.k)});
  } else if (point.op == Op::conv2d) {
    const ConvShape& c = point.conv;
    words.insert(words.end(),
                 {"--conv", fmt::format("{},{},{},{},{},{},{},{},{},{},{}", c.images, c.in_channels,
                                        c.height, c.width, c.out_channels, c.kernel_h, c.kernel_w,
                                        c.stride, c.pad, c.dilation, c.groups)});
  } else {
    if (point.onnx.empty()) {
      words.insert(words.end(), {"--network", point.network});
    } else {
      words.insert(words.end(), {"--onnx", point.onnx});
    }
    if (!point.dataset.empty()) words.insert(words.end(), {"--dataset", point.dataset});
    words.insert(words.end(), {"--batch", std::to_string(point.batch)});
    if (!point.data_dir.empty()) words.insert(words.end(), {"--data", point.data_dir});
    if (!point.ptq.empty()) {
      words.insert(words.end(), {"--ptq", point.ptq, "--calibration-samples",
                                 std::to_string(point.calibration_samples)});
    }
  }
  if (point.op == Op::training) append_training(point.training, words);
  const bool network = point.op == Op::network || point.op == Op::training;
  if (!network || point.dataset.empty()) {
    words.insert(words.end(), {"--dist", point.dist.text()});
  }
  if (point.dynamic) {
    words.insert(words.end(), {"--dynamic", std::string(name_of(*point.dynamic))});
  }
}

void append_clocks(const PointSpec& point, std::vector<std::string>& words) {
  if (point.age_s != 0) words.insert(words.end(), {"--age", shortest(point.age_s)});
  if (point.since_calibration_s) {
    words.insert(words.end(), {"--since-calibration", shortest(*point.since_calibration_s)});
  }
  if (point.calibration) words.insert(words.end(), {"--calibrate", *point.calibration});
  if (point.temperature_C != PointSpec{}.temperature_C) {
    words.insert(words.end(), {"--temperature", shortest(point.temperature_C)});
  }
}

void add_training(const TrainingSpec& training, Json& json) {
  json["epochs"] = training.epochs;
  json["optimizer"] = name_of(training.optimizer);
  json["learning_rate"] = training.learning_rate;
  if (training.optimizer == models::OptimizerKind::momentum) json["momentum"] = training.momentum;
  json["schedule"] = name_of(training.schedule);
  json["noise_aware"] = training.noise_aware;
  if (training.target_accuracy) json["target_accuracy"] = *training.target_accuracy;
}

void add_workload(const PointSpec& point, Json& json) {
  switch (point.op) {
    case Op::gemm:
      json["m"] = point.gemm.m;
      json["n"] = point.gemm.n;
      json["k"] = point.gemm.k;
      json["data"] = {{"dist", point.dist.text()}, {"seed", point.seed}};
      return;
    case Op::conv2d: {
      const ConvShape& c = point.conv;
      const GemmShape group = c.gemm();
      json["m"] = group.m;
      json["n"] = group.n;
      json["k"] = group.k;
      json["groups"] = c.groups;
      // From the sizes, not as typed: two ways to ask for one product are one point.
      if (const std::string name = name_of_shape(c); !name.empty()) json["shape"] = name;
      json["conv"] = {{"N", c.images},          {"C", c.in_channels},  {"H", c.height},
                      {"W", c.width},           {"K", c.out_channels}, {"R", c.kernel_h},
                      {"S", c.kernel_w},        {"stride", c.stride},  {"pad", c.pad},
                      {"dilation", c.dilation}, {"groups", c.groups}};
      json["data"] = {{"dist", point.dist.text()}, {"seed", point.seed}};
      return;
    }
    case Op::training:
      add_training(point.training, json);
      [[fallthrough]];
    case Op::network:
      json["network"] = point.network;
      if (!point.onnx_hash.empty()) json["onnx_hash"] = point.onnx_hash;
      if (point.dataset.empty()) {
        json["data"] = {{"dist", point.dist.text()}, {"seed", point.seed}};
      } else {
        json["dataset"] = point.dataset;
      }
      json["batch"] = point.batch;
      if (!point.ptq.empty()) {
        json["ptq"] = point.ptq;
        json["calibration_samples"] = point.calibration_samples;
      }
      return;
  }
}

/// Operands of measured backends stay in the caches between repetitions.
std::string residency_of(const PointSpec& point, const BackendInfo& info) {
  if (!info.simulated && !point.estimate) return "warm";
  return point.op == Op::gemm && point.dynamic ? "cold" : "resident";
}

/// Who multiplies two operands that are both computed; "none" where there are no such products.
std::string dynamic_text(const PointSpec& point) {
  // Weight gradients multiply two operands of the step.
  if (point.op == Op::training) return std::string(name_of(DynamicPolicy::backend));
  if (point.op == Op::network && !point.dynamic_products) return "none";
  if (point.op != Op::network && !point.dynamic) return "none";
  return std::string(name_of(point.dynamic.value_or(DynamicPolicy::backend)));
}

}  // namespace

void check_point(const PointSpec& point) {
  check_workload(point);
  check_clocks(point);
  if (point.instances < 1 || point.instances > kMaxInstances) {
    fail_usage("--instances must lie between 1 and {}, but is {}", kMaxInstances, point.instances);
  }
  if (point.threads < 0 || point.threads > kMaxThreads) {
    fail_usage("--threads must lie between 1 and {} (0 = all cores), but is {}", kMaxThreads,
               point.threads);
  }
  if (!std::isfinite(point.dist.density) || point.dist.density < 0 || point.dist.density > 1) {
    fail_usage("--dist sparse:P needs a share P between 0 and 1, but P is {}", point.dist.density);
  }
}

std::string_view name_of(Op op) noexcept {
  switch (op) {
    case Op::gemm:
      return "gemm";
    case Op::conv2d:
      return "conv2d";
    case Op::network:
      return "network";
    case Op::training:
      return "training";
  }
  return "";
}

double calibrated_ago_s(const PointSpec& point, const std::string& calibration) {
  const analog::Schedule schedule = analog::schedule_from(calibration);
  if (schedule.method == "none") return point.age_s;  // never: the clock runs from the start
  if (schedule.kind == analog::Schedule::Kind::error) return 0;  // known when it has run
  if (!schedule.repeats()) return point.since_calibration_s.value_or(0);
  const std::vector<double> times = analog::times_until(schedule, point.age_s);
  return point.age_s - (times.empty() ? 0 : times.back());
}

int threads_of(const PointSpec& point) {
  return point.threads > 0 ? point.threads : available_threads();
}

ElementType precision_of(const PointSpec& point, const BackendInfo& info) {
  if (point.precision) return *point.precision;
  if (info.precisions.empty()) fail_internal("backend '{}' names no precision", info.id);
  return info.precisions.front();
}

Json identity_json(const PointSpec& point, const BackendInfo& info, const DeviceIdentity& device) {
  Json json = Json::object();
  json["op"] = name_of(point.op);
  json["backend"] = info.id;
  json["device"] = device.name;
  json["device_hash"] = device.hash;
  json["set"] = Json::object();
  for (const auto& [key, value] : point.set) json["set"][key] = value;
  json["model_version"] = info.model_version;
  add_workload(point, json);
  json["precision"] = name_of(precision_of(point, info));
  json["residency"] = residency_of(point, info);
  json["dynamic"] = dynamic_text(point);
  if (!device.map.empty()) json["map"] = device.map;
  json["age_s"] = point.age_s;
  json["since_calibration_s"] = calibrated_ago_s(point, device.calibration);
  json["calibration"] = device.calibration;
  json["temperature_C"] = point.temperature_C;
  json["seed"] = point.seed;
  json["instances"] = point.instances;
  // What a simulator computes does not depend on the threads it runs on.
  json["threads"] = info.simulated || point.estimate ? 0 : threads_of(point);
  json["implementation"] = device.implementation;
  json["estimate"] = point.estimate;
  if (device.theory_bound) json["theory_bound"] = true;
  return json;
}

Json point_json(const PointSpec& point, const Backend& backend, const DeviceSpec& device,
                const std::string& calibration, const std::string& implementation) {
  return identity_json(
      point, backend.info(),
      {device.name(), device.hash(), calibration, implementation, device.theory_bound(), ""});
}

namespace {

/// A command line: its opening words, the machine, the workload, and how the machine is used.
std::string command_line(std::vector<std::string> words, const PointSpec& point,
                         const std::vector<std::string>& workload) {
  if (point.map.empty()) {
    words.insert(words.end(), {"--backend", point.backend});
  } else {
    words.insert(words.end(), {"--map", point.map});
  }
  if (!point.device.empty()) words.insert(words.end(), {"--device", point.device});
  for (const auto& [key, value] : point.set)
    words.insert(words.end(), {"--set", key + "=" + value});
  words.insert(words.end(), workload.begin(), workload.end());
  if (point.precision) {
    words.insert(words.end(), {"--precision", std::string(name_of(*point.precision))});
  }
  words.insert(words.end(), {"--seed", std::to_string(point.seed)});
  append_clocks(point, words);
  if (point.instances != 1) {
    words.insert(words.end(), {"--instances", std::to_string(point.instances)});
  }
  if (point.threads != 0) words.insert(words.end(), {"--threads", std::to_string(point.threads)});
  std::vector<std::string> quoted;
  quoted.reserve(words.size());
  for (const std::string& word : words) quoted.push_back(shell_quoted(word));
  return join(quoted, " ");
}

}  // namespace

std::string repro_line(const PointSpec& point) {
  const bool training = point.op == Op::training;
  std::vector<std::string> words = {"joulebench", training         ? "train"
                                                  : point.estimate ? "estimate"
                                                                   : "run"};
  if (training && point.estimate) words.emplace_back("--estimate");
  std::vector<std::string> workload;
  append_workload(point, workload);
  return command_line(std::move(words), point, workload);
}

std::string repro_of_inference(const std::string& model, const std::vector<std::string>& inputs,
                               const PointSpec& point) {
  std::vector<std::string> words = {"joulebench", "infer", model};
  if (!inputs.empty()) words.emplace_back("--input");
  words.insert(words.end(), inputs.begin(), inputs.end());
  std::vector<std::string> policy;
  if (point.dynamic) policy = {"--dynamic", std::string(name_of(*point.dynamic))};
  return command_line(std::move(words), point, policy);
}

std::string_view name_of(DynamicPolicy policy) noexcept {
  return policy == DynamicPolicy::backend ? "backend" : "digital";
}

double ptq_share_from(const std::string& text) {
  if (text == "max") return 1;
  const std::string prefix = "percentile:";
  double percent = 0;
  if (text.rfind(prefix, 0) != 0 || !parse_number(text.substr(prefix.size()), percent)) {
    fail_usage("--ptq: '{}' is not max, percentile:P or none", text);
  }
  if (!(percent > 50) || percent > 100) {
    fail_usage("--ptq {}: the percentile must lie above 50 and at most at 100", text);
  }
  return percent / 100;
}

DynamicPolicy dynamic_policy_from(const std::string& text) {
  for (const DynamicPolicy policy : {DynamicPolicy::backend, DynamicPolicy::digital}) {
    if (text == name_of(policy)) return policy;
  }
  fail_usage("--dynamic: '{}' is not 'backend' or 'digital'", text);
}

std::string Distribution::text() const {
  switch (kind) {
    case Kind::normal:
      return "normal";
    case Kind::uniform:
      return "uniform";
    case Kind::relu:
      return "relu";
    case Kind::zeros:
      return "zeros";
    case Kind::bits:
      return "bits";
    case Kind::sparse:
      return "sparse:" + shortest(density);
  }
  return "";
}

Distribution distribution_from(const std::string& text) {
  using Kind = Distribution::Kind;
  static const std::vector<std::string> names = {"normal", "uniform", "relu",
                                                 "zeros",  "bits",    "sparse"};
  const std::string prefix = "sparse:";
  if (text.rfind(prefix, 0) == 0) {
    double density = 0;
    if (!parse_number(text.substr(prefix.size()), density) || density < 0 || density > 1) {
      fail_usage("--dist {}: the share of elements that are not zero must lie between 0 and 1",
                 text);
    }
    return {Kind::sparse, density};
  }
  if (text == "sparse") fail_usage("--dist sparse needs a share of non-zeros, such as sparse:0.1");
  for (const Kind kind : {Kind::normal, Kind::uniform, Kind::relu, Kind::zeros, Kind::bits}) {
    if (Distribution{kind, 1}.text() == text) return {kind, 1};
  }
  fail_usage(
      "unknown distribution '{}'{} (there are: normal, uniform, relu, zeros, bits, sparse:P)", text,
      did_you_mean(text, names));
}

}  // namespace jb::harness
