#include "harness/io/tensor_io.h"

#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "harness/io/npy_header.h"
#include "models/onnx/tensor_file.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

// Payloads are copied as they lie in memory; the dtypes below are little-endian.
static_assert(std::endian::native == std::endian::little);

struct Descr {
  DataType type;
  std::string_view text;
};
constexpr std::array<Descr, 12> kDescrs = {{
    {DataType::f32, "<f4"},
    {DataType::f64, "<f8"},
    {DataType::f16, "<f2"},
    {DataType::s8, "|i1"},
    {DataType::s16, "<i2"},
    {DataType::s32, "<i4"},
    {DataType::s64, "<i8"},
    {DataType::u8, "|u1"},
    {DataType::u16, "<u2"},
    {DataType::u32, "<u4"},
    {DataType::u64, "<u8"},
    {DataType::boolean, "|b1"},
}};

DataType type_from(const NpyFile& file) {
  for (const Descr& entry : kDescrs) {
    if (entry.text == file.header.descr) return entry.type;
  }
  fail_unsupported(
      "'{}' has dtype '{}', which is not supported: '<f4' (float32) is, and numbers of "
      "1 to 8 bytes, little-endian",
      file.name, file.header.descr);
}

/// Elements of Fortran order (the first index runs fastest) put into C order.
void to_c_order(const Tensor& stored, Tensor& tensor) {
  const Dims& dims = tensor.dims();
  const std::size_t size = bytes_of(tensor.type());
  const auto* from = static_cast<const char*>(stored.raw());
  auto* to = static_cast<char*>(tensor.mutable_raw());
  Dims strides(dims.size(), 1);  // in the file, by dimension
  for (std::size_t d = 1; d < dims.size(); ++d) strides[d] = strides[d - 1] * dims[d - 1];
  Dims index(dims.size(), 0);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) at += index[d] * strides[d];
    std::memcpy(to + static_cast<std::size_t>(i) * size, from + static_cast<std::size_t>(at) * size,
                size);
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (++index[d] < dims[d]) break;
      index[d] = 0;
    }
  }
}

Tensor read_npy_tensor(const fs::path& path) {
  NpyFile file = open_npy(path);
  const DataType type = type_from(file);
  const Dims dims = file.header.shape;
  std::int64_t elements = 0;
  try {
    elements = elements_of(dims);
  } catch (const Error& error) {
    fail_usage("'{}': {}", file.name, error.what());
  }
  const std::uint64_t held = file.file_bytes - file.header_bytes;
  const std::uint64_t needed = static_cast<std::uint64_t>(elements) * bytes_of(type);
  if (needed != held) {
    fail_usage("'{}' is {}: {} of {} take {} bytes and {} follow its header", file.name,
               needed > held ? "truncated" : "too long", to_string(dims), name_of(type), needed,
               held);
  }
  Tensor tensor(type, dims);
  if (needed > 0) {
    read_exactly(file, static_cast<char*>(tensor.mutable_raw()), tensor.bytes(), "data");
  }
  if (type == DataType::boolean) {
    for (const std::uint8_t byte :
         Tensor::alias(DataType::u8, dims, tensor.raw(), nullptr).as<std::uint8_t>()) {
      if (byte > 1)
        fail_usage("'{}' is of type bool and holds other bytes than 0 and 1", file.name);
    }
  }
  if (!file.header.fortran_order || dims.size() < 2) return tensor;
  Tensor ordered(type, dims);
  to_c_order(tensor, ordered);
  return ordered;
}

void write_npy_tensor(const fs::path& path, const Tensor& tensor) {
  for (const Descr& entry : kDescrs) {
    if (entry.type != tensor.type()) continue;
    std::string text = npy_header(entry.text, tensor.dims());
    text.append(static_cast<const char*>(tensor.raw()), tensor.bytes());
    return write_file_atomically(path, text);
  }
  fail_usage("'{}' is not written: NumPy has no {}; write a .pb file", path.string(),
             name_of(tensor.type()));
}

[[noreturn]] void refuse_ending(const fs::path& path) {
  fail_usage("'{}' ends neither in .npy nor in .pb: tensors are read from and written to these",
             path.string());
}

}  // namespace

Tensor read_tensor(const fs::path& path) {
  if (path.extension() == ".npy") return read_npy_tensor(path);
  if (path.extension() == ".pb") return models::read_tensor_proto(path);
  refuse_ending(path);
}

void write_tensor(const fs::path& path, const std::string& name, const Tensor& tensor) {
  if (path.extension() == ".npy") return write_npy_tensor(path, tensor);
  if (path.extension() == ".pb") return models::write_tensor_proto(path, name, tensor);
  refuse_ending(path);
}

}  // namespace jb::harness
