#pragma once
// Where the values of a network are while it runs: on the GPU, on the host, or both. Device memory
// of values that are no longer needed is used again, so that a second run allocates nothing.

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/core/graph_view.h"
#include "backends/core/shape_inference.h"
#include "backends/cublas/device_buffer.h"

namespace jb::cublas {

class GpuValues {
 public:
  /// `graph` must outlive this object.
  GpuValues(std::shared_ptr<Gpu> gpu, const GraphView& graph);

  /// Forgets the results of the last run and takes the inputs of the next.
  void start(const std::vector<Tensor>& inputs);

  /// f32 elements on the GPU; uploaded when they are only on the host. Constants stay there.
  const float* on_gpu(int value);
  /// The elements on the host; downloaded when they are only on the GPU.
  const Tensor& on_host(int value);
  [[nodiscard]] const Dims& dims(int value) const { return at(value).dims; }
  /// Type, sizes and, of small constants, elements, as shape inference takes them.
  [[nodiscard]] KnownValue known(int value);

  /// Device memory for a result of those sizes, f32.
  float* make(int value, Dims dims);
  /// The elements of `from` under the name of `value` and other sizes.
  void rename(int from, int value, Dims dims);
  /// A result on the host.
  void give(int value, Tensor tensor);
  /// No node reads the value any more.
  void drop(int value);

 private:
  struct Value {
    DataType type = DataType::f32;
    Dims dims;
    std::shared_ptr<DeviceBuffer> memory;  // null: not on the GPU
    Tensor host;
    bool is_on_host = false;
  };
  [[nodiscard]] const Value& at(int value) const {
    return values_[static_cast<std::size_t>(value)];
  }
  Value& at(int value) { return values_[static_cast<std::size_t>(value)]; }
  std::shared_ptr<DeviceBuffer> memory_of(std::size_t bytes);
  void release(Value& value);

  std::shared_ptr<Gpu> gpu_;
  const GraphView& graph_;
  std::vector<Value> values_;
  std::vector<std::shared_ptr<DeviceBuffer>> unused_;
};

}  // namespace jb::cublas
