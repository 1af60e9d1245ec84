#include "harness/workload_cache.h"

#include <algorithm>
#include <utility>

#include "backends/core/text.h"
#include "backends/host/kernels.h"
#include "harness/float_network.h"
#include "harness/operands.h"
#include "harness/reference_run.h"

namespace jb::harness {
namespace {

/// Border of zeros around an image of `size` pixels in a field of `field`; -1 when it does not lie
/// in the middle.
std::int64_t border(std::int64_t size, std::int64_t field) {
  return field >= size && (field - size) % 2 == 0 ? (field - size) / 2 : -1;
}

/// Whether one-channel images lie in the middle of the input's field.
bool fits_with_border(const models::LabelledImages& images, const models::InputSpec& input) {
  return input.dims.size() == 4 && input.dims[1] == 1 &&
         border(images.height, input.dims[2]) >= 0 && border(images.width, input.dims[3]) >= 0;
}

void take_predictions(NetworkWorkload& workload, const Dims& output) {
  if (workload.reference->empty() || output.empty() || output.back() < 2) return;
  workload.classes = output.back();
  const std::vector<double>& all = workload.reference->front();
  const auto rows = static_cast<std::int64_t>(all.size()) / workload.classes;
  workload.float_predicted = argmax_of(all, workload.classes);
  if (workload.data == nullptr) return;
  if (rows != workload.samples || workload.classes != workload.data->classes) {
    fail_usage(
        "network {} does not fit data set {}: it gives {} rows of {} for {} images in {} classes",
        workload.source->name, workload.data->name, rows, workload.classes, workload.samples,
        workload.data->classes);
  }
  workload.float_accuracy = models::accuracy(workload.float_predicted, workload.data->test.labels);
}

std::shared_ptr<NetworkWorkload> described(const PointSpec& point,
                                           std::shared_ptr<const models::Dataset> data) {
  const auto source = open_network(point);
  auto workload = std::make_shared<NetworkWorkload>(source->graph);
  workload->source = source;
  workload->data = std::move(data);
  workload->dist = point.dist;
  workload->seed = point.seed;
  workload->per_run = source->samples_per_run(point.batch);
  workload->samples = workload->data != nullptr ? workload->data->test.images.rows() : point.batch;
  if (workload->data != nullptr) {
    check_fits(*source, *workload->data);
  } else if (workload->samples % workload->per_run != 0) {
    fail_usage("network {} takes {} samples at a time: --batch must be a multiple, but is {}",
               source->name, workload->per_run, point.batch);
  }
  return workload;
}

}  // namespace

void append_outputs(Outputs& all, const std::vector<Tensor>& outputs, std::int64_t samples,
                    std::int64_t samples_run) {
  all.resize(outputs.size());
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    Tensor wide = outputs[o];
    if (!is_float(wide.type())) {
      NodeView cast;
      cast.op = jb::Op::cast;
      cast.attributes = CastAttributes{DataType::f64};
      wide = host::run_kernel(cast, {&outputs[o]}).at(0);
    }
    wide = as_float64(wide);
    const auto values = wide.as<double>();
    const bool by_sample = wide.rank() > 0 && wide.dims().front() == samples_run;
    const auto kept = by_sample && samples_run > 0
                          ? values.size() / static_cast<std::size_t>(samples_run) *
                                static_cast<std::size_t>(samples)
                          : values.size();
    all[o].insert(all[o].end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(kept));
  }
}

std::int64_t NetworkWorkload::valid_of(std::int64_t run) const {
  return std::min(per_run, samples - run * per_run);
}

std::int64_t NetworkWorkload::samples_of(std::int64_t run) const {
  return source->fixed_batch > 0 ? source->fixed_batch : valid_of(run);
}

std::vector<Tensor> NetworkWorkload::inputs_of(std::int64_t run) const {
  const std::int64_t first = run * per_run;
  if (data == nullptr) return drawn_inputs(*source, dist, seed, first, samples_of(run));
  const MatrixView<const float> images = data->test.images.view();
  const std::int64_t valid = valid_of(run);
  const std::int64_t given = samples_of(run);
  if (given == valid) {
    return {images_as_input(images.block(first, 0, valid, images.cols), data->test,
                            source->inputs.front())};
  }
  Matrix<float> padded(given, images.cols);
  for (std::int64_t i = 0; i < given; ++i) {
    const std::int64_t from = first + std::min(i, valid - 1);
    std::copy_n(&images(from, 0), images.cols, &padded(i, 0));
  }
  Tensor input = images_as_input(std::as_const(padded).view(), data->test, source->inputs.front());
  (void)input.mutable_raw();  // the elements become its own
  return {std::move(input)};
}

std::shared_ptr<const NetworkWorkload> NetworkWorkload::with_graph(models::Graph other) const {
  auto workload = std::make_shared<NetworkWorkload>(*this);
  workload->graph = std::move(other);
  return workload;
}

double NetworkWorkload::macs() const {
  const std::int64_t rest = samples_of(runs() - 1);
  const double whole = graph.bind(per_run).macs();
  if (rest == per_run) return whole * static_cast<double>(runs());
  return whole * static_cast<double>(runs() - 1) + graph.bind(rest).macs();
}

std::shared_ptr<const models::Dataset> WorkloadCache::dataset(const std::string& name,
                                                              const std::filesystem::path& dir) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  std::shared_ptr<const models::Dataset>& entry = datasets_[{name, dir.string()}];
  if (!entry) entry = std::make_shared<const models::Dataset>(models::load_dataset(name, dir));
  return entry;
}

std::shared_ptr<const NetworkWorkload> WorkloadCache::unsolved(const PointSpec& point) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  return described(point, point.dataset.empty() ? nullptr : dataset(point.dataset, point.data_dir));
}

std::shared_ptr<const NetworkWorkload> WorkloadCache::network(
    const PointSpec& point, const std::filesystem::path& cache_dir) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  // Results on a data set do not depend on the batch; drawn samples do.
  const bool drawn = point.dataset.empty();
  const std::vector<std::string> key = {point.network,
                                        point.onnx,
                                        point.dataset,
                                        point.data_dir,
                                        cache_dir.string(),
                                        std::to_string(point.batch),
                                        drawn ? point.dist.text() : "",
                                        drawn ? std::to_string(point.seed) : ""};
  std::shared_ptr<const NetworkWorkload>& entry = networks_[key];
  if (entry) return entry;
  const auto workload = described(point, drawn ? nullptr : dataset(point.dataset, point.data_dir));
  const NetworkSource& source = *workload->source;
  if (!drawn && is_perceptron(source)) {
    workload->trained = std::make_shared<const models::Mlp>(models::trained_mlp(
        source.name, *workload->data, models::default_training(source.name), cache_dir));
    workload->graph = workload->trained->graph();
  }
  solve(*workload);
  const GraphView bound = workload->graph.bind(workload->per_run);
  take_predictions(*workload, bound.value(bound.outputs.at(0)).dims);
  entry = workload;
  return entry;
}

void check_fits(const NetworkSource& source, const models::Dataset& data) {
  const std::int64_t pixels = data.test.images.cols();
  if (is_perceptron(source)) {
    const std::vector<std::int64_t> widths = models::mlp_widths(source.name);
    if (widths.front() != pixels || widths.back() != data.classes) {
      fail_usage(
          "network {} does not fit data set {}: its images have {} pixels in {} classes (a fitting "
          "name is mlp-{}-100-{})",
          source.name, data.name, pixels, data.classes, pixels, data.classes);
    }
    return;
  }
  const bool one_input = source.inputs.size() == 1 && source.inputs[0].type == DataType::f32;
  if (one_input &&
      (source.sample_elements() == pixels || fits_with_border(data.test, source.inputs[0]))) {
    return;
  }
  std::vector<std::string> takes;
  for (const models::InputSpec& input : source.inputs) {
    const Dims sample(input.dims.begin() + (input.dims.empty() ? 0 : 1), input.dims.end());
    takes.push_back(fmt::format("{} {}", input.name, to_string(sample)));
  }
  fail_usage(
      "network {} does not fit data set {}: it takes {}, and the images are {}x{}; leave --dataset "
      "out to run it on drawn inputs",
      source.name, data.name, join(takes), data.test.height, data.test.width);
}

Tensor images_as_input(MatrixView<const float> images, const models::LabelledImages& layout,
                       const models::InputSpec& input) {
  Dims dims = input.dims;
  dims.front() = images.rows;
  const Tensor rows = tensor_of(images);
  if (elements_of(dims) == rows.size()) return rows.reshaped(dims);
  Tensor padded(DataType::f32, dims);
  const std::int64_t height = dims[2];
  const std::int64_t width = dims[3];
  const std::int64_t top = border(layout.height, height);
  const std::int64_t left = border(layout.width, width);
  float* out = padded.as_mutable<float>().data();
  for (std::int64_t i = 0; i < images.rows; ++i) {
    for (std::int64_t y = 0; y < layout.height; ++y) {
      std::copy_n(&images(i, y * layout.width), layout.width,
                  out + (i * height + top + y) * width + left);
    }
  }
  return padded;
}

std::vector<Tensor> drawn_inputs(const NetworkSource& source, const Distribution& dist,
                                 std::uint64_t seed, std::int64_t first, std::int64_t count) {
  std::vector<Tensor> inputs;
  for (const models::InputSpec& spec : source.inputs) {
    models::InputSpec plain = spec;
    plain.type = spec.kind == models::InputSpec::Kind::indices ? DataType::s64 : DataType::f32;
    bool by_sample =
        std::find(plain.dims.begin(), plain.dims.end(), models::kBatch) != plain.dims.end();
    if (!by_sample && source.fixed_batch > 0 && !plain.dims.empty() &&
        plain.dims.front() == source.fixed_batch) {
      plain.dims.front() = models::kBatch;
      by_sample = true;
    }
    Tensor tensor =
        models::draw_inputs({plain}, by_sample ? count : 1, by_sample ? first : 0, seed).at(0);
    if (plain.type == DataType::f32 && dist.kind != Distribution::Kind::normal) {
      const std::int64_t rows = by_sample ? count : 1;
      const std::int64_t cols = tensor.size() / std::max<std::int64_t>(1, rows);
      // Rows are samples of the whole set, so that they do not depend on how it is cut.
      const Matrix<float> drawn =
          make_operand(OperandRole::a, (by_sample ? first : 0) + rows, cols, dist, seed);
      const float* from = drawn.data() + (by_sample ? first : 0) * cols;
      std::copy_n(from, tensor.size(), tensor.as_mutable<float>().data());
    }
    if (plain.type != spec.type) {
      NodeView cast;
      cast.op = jb::Op::cast;
      cast.name = spec.name;
      cast.attributes = CastAttributes{spec.type};
      tensor = host::run_kernel(cast, {&tensor}).at(0);
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

}  // namespace jb::harness
