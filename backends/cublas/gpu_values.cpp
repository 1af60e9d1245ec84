#include "backends/cublas/gpu_values.h"

#include <algorithm>
#include <utility>

namespace jb::cublas {
namespace {

/// Constants of at most as many elements are looked at when sizes are inferred (shapes, axes).
constexpr std::int64_t kShapeElements = 64;

}  // namespace

GpuValues::GpuValues(std::shared_ptr<Gpu> gpu, const GraphView& graph)
    : gpu_(std::move(gpu)), graph_(graph), values_(graph.values.size()) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    values_[i].type = graph.values[i].type;
    values_[i].dims = graph.values[i].dims;
  }
}

void GpuValues::start(const std::vector<Tensor>& inputs) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (!graph_.values[i].is_constant) release(values_[i]);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) give(graph_.inputs[i], inputs[i]);
}

const float* GpuValues::on_gpu(int value) {
  Value& v = at(value);
  if (v.memory == nullptr) {
    const Tensor& host = on_host(value);
    std::shared_ptr<DeviceBuffer> memory = memory_of(host.bytes());
    gpu_->upload(memory->data(), host.as<float>().data(), host.bytes());
    v.memory = std::move(memory);
    if (graph_.value(value).is_constant) {  // it stays on the GPU, and the graph can make it again
      v.host = Tensor();
      v.is_on_host = false;
    }
  }
  return v.memory->floats();
}

const Tensor& GpuValues::on_host(int value) {
  Value& v = at(value);
  if (v.is_on_host) return v.host;
  if (graph_.value(value).is_constant) {
    v.host = graph_.value(value).constant.value();
  } else if (v.memory != nullptr) {
    v.host = Tensor(DataType::f32, v.dims);
    if (v.host.bytes() > 0) gpu_->download(v.host.mutable_raw(), v.memory->data(), v.host.bytes());
  } else {
    fail_internal("value '{}' is read before it is computed", graph_.value(value).name);
  }
  v.is_on_host = true;
  return v.host;
}

KnownValue GpuValues::known(int value) {
  const ValueView& view = graph_.value(value);
  const bool small =
      view.is_constant && view.constant.has_elements() && elements_of(view.dims) <= kShapeElements;
  return {at(value).type, at(value).dims, small ? &on_host(value) : nullptr};
}

float* GpuValues::make(int value, Dims dims) {
  Value& v = at(value);
  const auto bytes = static_cast<std::size_t>(elements_of(dims)) * sizeof(float);
  v.type = DataType::f32;
  v.dims = std::move(dims);
  v.is_on_host = false;
  v.memory = memory_of(bytes);
  return v.memory->floats();
}

void GpuValues::rename(int from, int value, Dims dims) {
  on_gpu(from);
  Value& v = at(value);
  v.type = at(from).type;
  v.dims = std::move(dims);
  v.is_on_host = false;
  v.memory = at(from).memory;
}

void GpuValues::give(int value, Tensor tensor) {
  Value& v = at(value);
  release(v);
  v.type = tensor.type();
  v.dims = tensor.dims();
  v.host = std::move(tensor);
  v.is_on_host = true;
}

void GpuValues::drop(int value) {
  if (!graph_.value(value).is_constant) release(at(value));
}

void GpuValues::release(Value& value) {
  // Memory that another name still has stays with that name.
  if (value.memory != nullptr && value.memory.use_count() == 1) {
    unused_.push_back(std::move(value.memory));
  }
  value.memory = nullptr;
  value.host = Tensor();
  value.is_on_host = false;
}

std::shared_ptr<DeviceBuffer> GpuValues::memory_of(std::size_t bytes) {
  const std::size_t needed = std::max<std::size_t>(bytes, 1);
  const auto fits = [&](const auto& memory) { return memory->bytes() >= needed; };
  auto best = unused_.end();
  for (auto it = unused_.begin(); it != unused_.end(); ++it) {
    if (fits(*it) && (best == unused_.end() || (*it)->bytes() < (*best)->bytes())) best = it;
  }
  // Half empty at most: a small value must not hold the memory of a large one.
  if (best != unused_.end() && (*best)->bytes() <= 2 * needed + 4096) {
    std::shared_ptr<DeviceBuffer> memory = std::move(*best);
    unused_.erase(best);
    return memory;
  }
  return std::make_shared<DeviceBuffer>(gpu_, needed, "activations");
}

}  // namespace jb::cublas
