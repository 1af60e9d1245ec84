#include "harness/quantisation_ranges.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "backends/core/random.h"
#include "backends/core/text.h"
#include "harness/product_recorder.h"
#include "harness/reference_run.h"

namespace jb::harness {
namespace {

/// Runs hold few samples, so that memory stays small.
constexpr std::int64_t kSamplesPerRun = 32;
/// Rows of A of each family of products that ranges of output converters are set by: times its
/// outputs, tens of thousands of readings.
constexpr std::int64_t kKeptRows = 256;

std::string_view pixels_of(const Matrix<float>& images, std::int64_t i) {
  return {reinterpret_cast<const char*>(&images(i, 0)),
          static_cast<std::size_t>(images.cols()) * sizeof(float)};
}

/// Four digits say what a range is.
Json rounded(double value) { return Json::parse(fmt::format("{:.4g}", value)); }

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

std::vector<std::int64_t> images_apart_from_test(const models::Dataset& data) {
  std::unordered_set<std::string_view> tested;
  for (std::int64_t i = 0; i < data.test.images.rows(); ++i) {
    tested.insert(pixels_of(data.test.images, i));
  }
  std::vector<std::int64_t> apart;
  for (std::int64_t i = 0; i < data.train.images.rows(); ++i) {
    if (tested.count(pixels_of(data.train.images, i)) == 0) apart.push_back(i);
  }
  return apart;
}

std::vector<std::int64_t> checked_calibration_images(const models::Dataset& data,
                                                     const PointSpec& point) {
  std::vector<std::int64_t> apart = images_apart_from_test(data);
  const auto there = static_cast<std::int64_t>(apart.size());
  const std::int64_t also_tested = data.train.images.rows() - there;
  if (point.calibration_samples > there) {
    fail_usage(
        "--calibration-samples {}: data set {} has {} training images{}; calibration never sees "
        "test images, so give fewer, or training images of its own",
        point.calibration_samples, data.name, data.train.images.rows(),
        also_tested > 0 ? fmt::format(", {} of which are test images too", also_tested)
                        : std::string());
  }
  return apart;
}

namespace {

/// Training images that calibrate; empty where inputs are drawn. Told in the description.
std::vector<std::int64_t> calibration_images(const NetworkWorkload& workload,
                                             const PointSpec& point, Json& description) {
  if (workload.data == nullptr) {
    description["from"] = "drawn samples after the tested ones";
    return {};
  }
  const models::Dataset& data = *workload.data;
  const std::vector<std::int64_t> apart = checked_calibration_images(data, point);
  const auto there = static_cast<std::int64_t>(apart.size());
  const std::int64_t also_tested = data.train.images.rows() - there;
  std::vector<std::int64_t> chosen;
  std::string text;
  for (const std::int64_t i : chosen_samples(there, point.calibration_samples, point.seed)) {
    chosen.push_back(apart[static_cast<std::size_t>(i)]);
    text += fmt::format("{},", chosen.back());
  }
  description["from"] = "training images of " + data.name;
  description["samples_hash"] = hash_hex(text);
  if (also_tested > 0) description["left_out_as_test_images"] = also_tested;
  return chosen;
}

std::shared_ptr<const ProductSamples> samples_from(const ProductHistory& history, double share) {
  auto samples = std::make_shared<ProductSamples>();
  samples->share = share;
  samples->inputs = {history.least, history.largest};
  if (share < 1 && history.calls > 0) {
    const double range = history.sum_of_ranges / static_cast<double>(history.calls);
    samples->inputs = {std::max(history.least, -range), std::min(history.largest, range)};
  }
  samples->rows = copy_as<float>(
      ConstMatrixRef(history.rows.view().block(0, 0, history.rows_kept, history.rows.cols())));
  return samples;
}

}  // namespace

CalibrationRanges calibrate_ranges(const NetworkWorkload& workload, const PointSpec& point) {
  CalibrationRanges result;
  result.description = {{"rule", point.ptq}, {"samples", point.calibration_samples}};
  const double share = ptq_share_from(point.ptq);
  const std::vector<std::int64_t> chosen = calibration_images(workload, point, result.description);
  const std::int64_t fixed = workload.source->fixed_batch;
  const std::int64_t per_run =
      fixed > 0 ? fixed : std::min(kSamplesPerRun, point.calibration_samples);
  const GraphView graph = workload.graph.bind(per_run);
  auto histories = std::make_shared<ProductHistories>();
  const auto recorder = make_product_recorder(share, kKeptRows, histories);
  CompileOptions options;
  options.streamed = must_stream(graph, false);
  const auto network = recorder->compile(graph, options);
  for (std::int64_t first = 0; first < point.calibration_samples; first += per_run) {
    const std::int64_t left = point.calibration_samples - first;
    const std::int64_t count = fixed > 0 ? fixed : std::min(per_run, left);
    std::vector<Tensor> outputs;
    network->run(calibration_inputs(workload, chosen, first, count), outputs, Draw{0, first},
                 nullptr);
  }
  auto samples = std::make_shared<SamplesOfProducts>();
  for (const auto& [family, history] : *histories) {
    samples->emplace(family, samples_from(history, share));
  }
  result.samples = samples;
  return result;
}

void add_ranges(CalibrationRanges& calibration, const Executable& executable) {
  const std::map<std::string, double> converters = executable.converter_ranges();
  Json rows = Json::array();
  for (const auto& [family, samples] : *calibration.samples) {
    const auto found = converters.find(family);
    rows.push_back({family, rounded(samples->inputs.low), rounded(samples->inputs.high),
                    found == converters.end() ? Json() : rounded(found->second)});
  }
  calibration.description["columns"] = {"product", "low", "high", "output_converter_range"};
  calibration.description["ranges"] = std::move(rows);
}

}  // namespace jb::harness
