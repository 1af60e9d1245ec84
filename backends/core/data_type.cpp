#include "backends/core/data_type.h"

#include <array>

namespace jb {
namespace {

struct Entry {
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<Entry, 13> kTypes = {{{"float32", 4},
                                           {"float64", 8},
                                           {"float16", 2},
                                           {"bfloat16", 2},
                                           {"int8", 1},
                                           {"int16", 2},
                                           {"int32", 4},
                                           {"int64", 8},
                                           {"uint8", 1},
                                           {"uint16", 2},
                                           {"uint32", 4},
                                           {"uint64", 8},
                                           {"bool", 1}}};

const Entry& entry_of(DataType type) noexcept { return kTypes[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view name_of(DataType type) noexcept { return entry_of(type).name; }

std::size_t bytes_of(DataType type) noexcept { return entry_of(type).bytes; }

bool is_float(DataType type) noexcept {
  return type == DataType::f32 || type == DataType::f64 || type == DataType::f16 ||
         type == DataType::bf16;
}

bool is_integer(DataType type) noexcept { return !is_float(type) && type != DataType::boolean; }

}  // namespace jb
