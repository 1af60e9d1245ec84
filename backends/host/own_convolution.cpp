#include "backends/host/own_convolution.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/inference/windows.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

/// A data set's full batches, and its last one.
constexpr std::size_t kMostPlans = 2;
/// Of the input and result that a plan holds: those of all layers of a network are held at once.
constexpr double kMostBytes = 16777216;  // 2^24

KnownValue known(const GraphView& graph, int value) {
  return {graph.value(value).type, graph.value(value).dims, nullptr};
}

std::optional<ConvShape> shape_of(const GraphView& graph, const NodeView& node) {
  const Dims& x = graph.value(node.inputs[0]).dims;
  const Dims& w = graph.value(node.inputs[1]).dims;
  if (node.op != Op::conv || x.size() != 4 || elements_of(x) == 0) return std::nullopt;
  const KnownValue input = known(graph, node.inputs[0]);
  const KnownValue filters = known(graph, node.inputs[1]);
  const std::vector<const KnownValue*> inputs = {&input, &filters};
  const inference::Windows windows = inference::conv_windows(inference::NodeInputs(node, inputs));
  const inference::Window& v = windows[0];
  const inference::Window& h = windows[1];
  const bool alike = v.stride == h.stride && v.dilation == h.dilation && v.pad_begin == v.pad_end &&
                     h.pad_begin == h.pad_end && v.pad_begin == h.pad_begin;
  if (!alike) return std::nullopt;
  ConvShape shape;
  shape.images = x[0];
  shape.in_channels = x[1];
  shape.height = x[2];
  shape.width = x[3];
  shape.out_channels = w[0];
  shape.kernel_h = w[2];
  shape.kernel_w = w[3];
  shape.stride = v.stride;
  shape.pad = v.pad_begin;
  shape.dilation = v.dilation;
  shape.groups = node.get<ConvAttributes>().groups;
  return shape;
}

}  // namespace

std::unique_ptr<OwnConvolution> OwnConvolution::make(Device& device, const GraphView& graph,
                                                     const NodeView& node,
                                                     const PlanOptions& options) {
  const std::optional<ConvShape> shape = shape_of(graph, node);
  if (!shape) return nullptr;
  std::unique_ptr<OwnConvolution> own(
      new OwnConvolution(device, *shape, graph.value(node.inputs[1]).constant, options));
  try {
    const ConvPlan* const plan = own->plan_for(own->images_at_a_time(shape->images));
    // Products are faster than a library's reference code.
    const bool slow = plan != nullptr && plan->implementation().find("ref") != std::string::npos;
    return plan == nullptr || slow ? nullptr : std::move(own);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    return nullptr;  // there is no such convolution in this precision
  }
}

std::int64_t OwnConvolution::input_elements() const {
  return shape_.in_channels * shape_.height * shape_.width;
}

std::int64_t OwnConvolution::output_elements() const {
  return shape_.out_channels * shape_.out_h() * shape_.out_w();
}

std::int64_t OwnConvolution::images_at_a_time(std::int64_t images) const {
  // Sums and results have four bytes each.
  const double each =
      static_cast<double>(input_elements()) + 8 * static_cast<double>(output_elements());
  auto most =
      static_cast<std::int64_t>(std::clamp(kMostBytes / each, 1.0, static_cast<double>(images)));
  while (images % most != 0) --most;
  return most;
}

ConvPlan* OwnConvolution::plan_for(std::int64_t images) {
  for (auto at = plans_.begin(); at != plans_.end(); ++at) {
    if (at->images != images) continue;
    std::rotate(plans_.begin(), at, at + 1);
    return plans_.front().plan.get();
  }
  shape_.images = images;
  const Tensor filters = converted(filters_.value(), DataType::f32);
  auto plan = device_.plan_conv(shape_, filters.as<float>().data(), options_);
  if (plan == nullptr) return nullptr;
  plans_.insert(plans_.begin(), Planned{images, std::move(plan)});
  if (plans_.size() > kMostPlans) plans_.pop_back();
  return plans_.front().plan.get();
}

void OwnConvolution::run(const Tensor& x, float* y, Told told) {
  const std::int64_t images = x.dims()[0];
  const std::int64_t step = images_at_a_time(images);
  ConvPlan* const plan = plan_for(step);
  if (plan == nullptr) fail_internal("a machine has lost its convolution");
  const float* const input = x.as<float>().data();
  for (std::int64_t first = 0; first < images; first += step) {
    plan->load(input + first * input_elements());
    Execution execution = plan->execute();
    plan->store(y + first * output_elements());
    told(std::move(execution), first, step);
  }
}

}  // namespace jb::host
