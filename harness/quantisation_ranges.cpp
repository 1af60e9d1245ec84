#include "harness/quantisation_ranges.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "backends/core/random.h"
#include "backends/core/text.h"
#include "harness/float_network.h"
#include "harness/reference_run.h"

namespace jb::harness {
namespace {

/// Runs hold few samples, so that memory stays small.
constexpr std::int64_t kSamplesPerRun = 32;

/// Magnitude that the share of a tensor's elements does not exceed.
double magnitude_at(const Tensor& tensor, double share) {
  const Tensor wide = as_float64(tensor);
  if (wide.type() != DataType::f64 || wide.size() == 0) return 0;
  std::vector<double> magnitudes;
  magnitudes.reserve(static_cast<std::size_t>(wide.size()));
  for (const double v : wide.as<double>()) magnitudes.push_back(std::abs(v));
  const auto last = static_cast<std::ptrdiff_t>(magnitudes.size()) - 1;
  const auto at = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(last)));
  std::nth_element(magnitudes.begin(), magnitudes.begin() + at, magnitudes.end());
  return magnitudes[static_cast<std::size_t>(at)];
}

/// What a value's magnitudes came to in the runs so far.
class Range {
 public:
  void see(const Tensor& tensor, double share) {
    const double magnitude = magnitude_at(tensor, share);
    largest_ = std::max(largest_, magnitude);
    sum_ += magnitude;
    ++runs_;
  }
  [[nodiscard]] double value(bool largest) const {
    return largest ? largest_ : sum_ / static_cast<double>(std::max<std::int64_t>(1, runs_));
  }

 private:
  double largest_ = 0;
  double sum_ = 0;
  std::int64_t runs_ = 0;
};

/// Values that are multiplied by a weight: what ranges are needed of.
std::map<int, std::vector<std::string>> readers_of_values(const GraphView& graph) {
  std::map<int, std::vector<std::string>> readers;
  for (const NodeView& node : graph.nodes) {
    const bool one_range = node.op == jb::Op::matmul || node.op == jb::Op::gemm ||
                           node.op == jb::Op::conv || node.op == jb::Op::conv_transpose;
    if (!one_range) continue;  // recurrent layers multiply their state too
    const bool left = graph.value(node.inputs[0]).is_constant;
    readers[node.inputs[left ? 1 : 0]].push_back(node.name);
  }
  return readers;
}

std::vector<Tensor> calibration_inputs(const NetworkWorkload& workload,
                                       const std::vector<std::int64_t>& chosen, std::int64_t first,
                                       std::int64_t count) {
  if (workload.data == nullptr) {
    // Drawn samples after the tested ones, in whole runs where the model fixes the batch.
    return drawn_inputs(*workload.source, workload.dist, workload.seed, workload.samples + first,
                        count);
  }
  const models::LabelledImages& train = workload.data->train;
  Matrix<float> images(count, train.images.cols());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at =
        static_cast<std::size_t>(std::min(first + i, static_cast<std::int64_t>(chosen.size()) - 1));
    std::copy_n(&train.images(chosen[at], 0), images.cols(), &images(i, 0));
  }
  Tensor input =
      images_as_input(std::as_const(images).view(), train, workload.source->inputs.front());
  (void)input.mutable_raw();  // the elements become its own
  return {std::move(input)};
}

}  // namespace

std::vector<std::int64_t> chosen_samples(std::int64_t size, std::int64_t count,
                                         std::uint64_t seed) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), std::int64_t{0});
  const RandomStream stream(seed, 0, tag_of("calibration.samples"), 0);
  for (std::int64_t i = 0; i < count; ++i) {  // Fisher and Yates, the first `count` steps
    const std::uint64_t left = static_cast<std::uint64_t>(size - i);
    const auto step = static_cast<std::int64_t>((stream.word(i, 0, 0) * left) >> 32U);
    std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(i + step)]);
  }
  all.resize(static_cast<std::size_t>(count));
  std::sort(all.begin(), all.end());
  return all;
}

CalibrationRanges calibrate_ranges(const NetworkWorkload& workload, const PointSpec& point) {
  const double share = ptq_share_from(point.ptq);
  const bool largest = point.ptq == "max";
  std::vector<std::int64_t> chosen;
  std::string from = "drawn samples after the tested ones";
  if (workload.data != nullptr) {
    const std::int64_t there = workload.data->train.images.rows();
    if (point.calibration_samples > there) {
      fail_usage("--calibration-samples {}: data set {} has {} training images",
                 point.calibration_samples, workload.data->name, there);
    }
    chosen = chosen_samples(there, point.calibration_samples, point.seed);
    from = "training images of " + workload.data->name;
  }
  const std::int64_t fixed = workload.source->fixed_batch;
  const std::int64_t per_run =
      fixed > 0 ? fixed : std::min(kSamplesPerRun, point.calibration_samples);
  const GraphView graph = workload.graph.bind(per_run);
  const std::map<int, std::vector<std::string>> readers = readers_of_values(graph);
  std::map<int, Range> ranges;
  const auto machine =
      float_machine(graph, graph.macs() * static_cast<double>(point.calibration_samples / per_run));
  for (std::int64_t first = 0; first < point.calibration_samples; first += per_run) {
    const std::vector<Tensor> inputs = calibration_inputs(workload, chosen, first, per_run);
    const auto see = [&](int value, const Tensor& tensor) {
      if (readers.count(value) != 0) ranges[value].see(tensor, share);
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) see(graph.inputs[i], inputs[i]);
    const LayerSink sink = [&](int node, std::string_view, const Tensor& output) {
      see(graph.nodes[static_cast<std::size_t>(node)].outputs[0], output);
    };
    std::vector<Tensor> outputs;
    machine.executable->run(inputs, outputs, Draw{0, first}, &sink);
  }
  auto by_node = std::make_shared<InputRanges>();
  for (const auto& [value, range] : ranges) {
    for (const std::string& node : readers.at(value)) {
      if (range.value(largest) > 0) (*by_node)[node] = range.value(largest);
    }
  }
  CalibrationRanges result;
  result.inputs = by_node;
  result.description = {{"rule", point.ptq},
                        {"samples", point.calibration_samples},
                        {"from", from},
                        {"layers", by_node->size()}};
  if (!chosen.empty()) {
    std::string text;
    for (const std::int64_t index : chosen) text += fmt::format("{},", index);
    result.description["samples_hash"] = hash_hex(text);
  }
  return result;
}

}  // namespace jb::harness
