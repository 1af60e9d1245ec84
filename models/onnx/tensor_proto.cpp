#include "models/onnx/tensor_proto.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "models/onnx/external_data.h"
#include "models/onnx/tensor_file.h"

namespace jb::models {
namespace onnx_io {
namespace {

using Proto = ::onnx::TensorProto;

// Elements are copied as they lie in memory; ONNX stores them little-endian.
static_assert(std::endian::native == std::endian::little);

constexpr int kMostDimensions = 64;
constexpr std::size_t kReadAtOnce = 1U
                                    << 16U;  // external data up to this size are held, not reread

struct TypeNumber {
  int number;
  DataType type;
};
constexpr std::array<TypeNumber, 13> kTypes = {{
    {Proto::FLOAT, DataType::f32},
    {Proto::DOUBLE, DataType::f64},
    {Proto::FLOAT16, DataType::f16},
    {Proto::BFLOAT16, DataType::bf16},
    {Proto::INT8, DataType::s8},
    {Proto::INT16, DataType::s16},
    {Proto::INT32, DataType::s32},
    {Proto::INT64, DataType::s64},
    {Proto::UINT8, DataType::u8},
    {Proto::UINT16, DataType::u16},
    {Proto::UINT32, DataType::u32},
    {Proto::UINT64, DataType::u64},
    {Proto::BOOL, DataType::boolean},
}};

/// What is being read, for checks that all forms share.
struct Target {
  DataType type;
  Dims dims;
  std::int64_t elements;
  const std::string& what;
};

Target target_of(const Proto& proto, const std::string& what) {
  const DataType type = data_type_from(proto.data_type(), what);
  if (proto.dims_size() > kMostDimensions) {
    fail_usage("{} has {} dimensions; at most {} are accepted", what, proto.dims_size(),
               kMostDimensions);
  }
  Dims dims(proto.dims().begin(), proto.dims().end());
  std::int64_t elements = 0;
  try {
    elements = elements_of(dims);
  } catch (const Error& error) {
    fail_usage("{}: {}", what, error.what());
  }
  return {type, std::move(dims), elements, what};
}

void check_count(const Target& target, std::int64_t count) {
  if (count == target.elements) return;
  fail_usage("{} has {} elements and its sizes {} ask for {}", target.what, count,
             to_string(target.dims), target.elements);
}

/// Any byte but 0 and 1 would be no bool to C++.
void check_booleans(const Target& target, const Tensor& bytes) {
  if (target.type != DataType::boolean) return;
  const auto* first = static_cast<const std::uint8_t*>(bytes.raw());
  if (std::any_of(first, first + bytes.bytes(), [](std::uint8_t b) { return b > 1; })) {
    fail_usage("{} is of type bool and holds other bytes than 0 and 1", target.what);
  }
}

Tensor from_payload(const Target& target, Payload& payload) {
  const bool fits =
      payload.field == Proto::kRawDataFieldNumber ||
      (payload.field == Proto::kFloatDataFieldNumber && target.type == DataType::f32) ||
      (payload.field == Proto::kDoubleDataFieldNumber && target.type == DataType::f64);
  if (!fits) fail_usage("{} keeps its elements in the field of another type", target.what);
  const auto size = static_cast<std::int64_t>(bytes_of(target.type));
  const std::int64_t held = payload.bytes.size();
  if (held % size != 0 || held / size != target.elements) {
    fail_usage("{} has {} bytes and its sizes {} of {} ask for {}", target.what, held,
               to_string(target.dims), name_of(target.type), target.elements * size);
  }
  check_booleans(target, payload.bytes);
  const auto owner = std::make_shared<const Tensor>(std::move(payload.bytes));
  return Tensor::alias(target.type, target.dims, owner->raw(), owner);
}

/// T is stored in fields of a wider type; values outside T are refused.
template <class T, class Field>
Tensor from_field(const Target& target, const Field& field) {
  check_count(target, field.size());
  Tensor tensor(target.type, target.dims);
  auto* out = static_cast<T*>(tensor.mutable_raw());
  for (const auto value : field) {
    using Stored = typename Field::value_type;
    const T element = static_cast<T>(value);
    if constexpr (!std::is_same_v<T, Stored>) {
      if (static_cast<Stored>(element) != value) {
        fail_usage("{} holds {}, which is outside {}", target.what, value, name_of(target.type));
      }
    }
    *out++ = element;
  }
  return tensor;
}

Tensor from_fields(const Target& target, const Proto& proto) {
  switch (target.type) {
    case DataType::f32:
      return from_field<float>(target, proto.float_data());
    case DataType::f64:
      return from_field<double>(target, proto.double_data());
    case DataType::s64:
      return from_field<std::int64_t>(target, proto.int64_data());
    case DataType::u64:
      return from_field<std::uint64_t>(target, proto.uint64_data());
    case DataType::u32:
      return from_field<std::uint32_t>(target, proto.uint64_data());
    case DataType::s32:
      return from_field<std::int32_t>(target, proto.int32_data());
    case DataType::s16:
      return from_field<std::int16_t>(target, proto.int32_data());
    case DataType::s8:
      return from_field<std::int8_t>(target, proto.int32_data());
    case DataType::u8:
      return from_field<std::uint8_t>(target, proto.int32_data());
    case DataType::boolean:
      return from_field<bool>(target, proto.int32_data());
    case DataType::u16:
    case DataType::f16:  // by their bits
    case DataType::bf16:
      return from_field<std::uint16_t>(target, proto.int32_data());
  }
  fail_internal("a type without a field");
}

int fields_used(const Proto& proto) {
  return (proto.float_data_size() > 0 ? 1 : 0) + (proto.int32_data_size() > 0 ? 1 : 0) +
         (proto.int64_data_size() > 0 ? 1 : 0) + (proto.double_data_size() > 0 ? 1 : 0) +
         (proto.uint64_data_size() > 0 ? 1 : 0) + (proto.string_data_size() > 0 ? 1 : 0);
}

Constant from_outside(const Target& target, const Proto& proto,
                      const std::filesystem::path& folder) {
  const std::size_t bytes = static_cast<std::size_t>(target.elements) * bytes_of(target.type);
  const ExternalData data = find_external(proto, folder, bytes, target.what);
  if (data.length != bytes) {
    fail_usage("{} has {} bytes of external data and its sizes {} of {} ask for {}", target.what,
               data.length, to_string(target.dims), name_of(target.type), bytes);
  }
  const auto read = [type = target.type, dims = target.dims, data, what = target.what] {
    Tensor tensor(type, dims);
    read_external(data, tensor.mutable_raw());
    check_booleans({type, dims, tensor.size(), what}, tensor);
    return tensor;
  };
  return bytes <= kReadAtOnce ? Constant(read()) : Constant(std::function<Tensor()>(read));
}

}  // namespace

DataType data_type_from(int number, const std::string& what) {
  for (const TypeNumber& entry : kTypes) {
    if (entry.number == number) return entry.type;
  }
  const std::string& name = ::onnx::TensorProto_DataType_IsValid(number)
                                ? ::onnx::TensorProto_DataType_Name(number)
                                : std::to_string(number);
  fail_unsupported("{} has elements of type {}, which is not supported", what, name);
}

int number_of(DataType type) {
  for (const TypeNumber& entry : kTypes) {
    if (entry.type == type) return entry.number;
  }
  fail_internal("a type without a number");
}

ImportedTensor take_tensor(const Proto& proto, Payload& payload,
                           const std::filesystem::path& folder, const std::string& what) {
  const Target target = target_of(proto, what);
  if (proto.has_segment()) fail_unsupported("{} is stored in segments", what);
  const bool external = proto.data_location() == Proto::EXTERNAL;
  if (fields_used(proto) + (payload.field != 0 ? 1 : 0) + (external ? 1 : 0) > 1) {
    fail_usage("{} has its elements in several places", what);
  }
  Constant constant = external             ? from_outside(target, proto, folder)
                      : payload.field != 0 ? Constant(from_payload(target, payload))
                                           : Constant(from_fields(target, proto));
  return {target.type, target.dims, std::move(constant)};
}

void put_tensor(Proto& proto, const std::string& name, const Tensor& tensor) {
  proto.set_name(name);
  proto.set_data_type(number_of(tensor.type()));
  for (const std::int64_t size : tensor.dims()) proto.add_dims(size);
  proto.set_raw_data(tensor.raw(), tensor.bytes());
}

}  // namespace onnx_io

Tensor read_tensor_proto(const std::filesystem::path& path) {
  onnx_io::TensorMessage message = onnx_io::read_tensor_message(path);
  return onnx_io::take_tensor(message.proto, message.payload, path.parent_path(),
                              "'" + path.string() + "'")
      .constant.value();
}

void write_tensor_proto(const std::filesystem::path& path, const std::string& name,
                        const Tensor& tensor) {
  ::onnx::TensorProto proto;
  onnx_io::put_tensor(proto, name, tensor);
  write_file_atomically(path, proto.SerializeAsString());
}

}  // namespace jb::models
