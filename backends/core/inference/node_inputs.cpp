#include "backends/core/inference/node_inputs.h"

#include <algorithm>

#include "backends/core/number_conversion.h"

namespace jb::inference {

const KnownValue& NodeInputs::operator[](std::size_t i) const {
  if (!has(i)) fail("input {} is missing", i);
  return *values_[i];
}

std::vector<std::int64_t> NodeInputs::integers(std::size_t i, std::string_view what) const {
  const KnownValue& value = (*this)[i];
  if (value.type != DataType::s64 && value.type != DataType::s32) {
    fail("{} must be int64, not {}", what, name_of(value.type));
  }
  if (value.dims.size() > 1) {
    fail("{} must be a list, not a tensor of {}", what, to_string(value.dims));
  }
  if (value.elements == nullptr) fail("{} must be constant, so that sizes are known", what);
  if (value.type == DataType::s64) {
    const auto held = value.elements->as<std::int64_t>();
    return {held.begin(), held.end()};
  }
  const auto held = value.elements->as<std::int32_t>();
  return {held.begin(), held.end()};
}

std::int64_t NodeInputs::integer(std::size_t i, std::string_view what) const {
  const std::vector<std::int64_t> held = integers(i, what);
  if (held.size() != 1) fail("{} must be one number, not {}", what, held.size());
  return held[0];
}

std::vector<double> NodeInputs::numbers(std::size_t i, std::string_view what) const {
  const KnownValue& value = (*this)[i];
  if (value.elements == nullptr) fail("{} must be constant, so that sizes are known", what);
  return as_doubles(*value.elements);
}

void NodeInputs::expect_inputs(std::size_t least, std::size_t most) const {
  if (count() < least || count() > most) {
    fail("{} inputs were given; it takes {}{}", count(), least,
         most == least           ? ""
         : most > count() + 1000 ? " or more"
                                 : fmt::format(" to {}", most));
  }
  for (std::size_t i = 0; i < least; ++i) static_cast<void>((*this)[i]);
}

void NodeInputs::expect_rank(std::size_t i, std::int64_t least, std::int64_t most) const {
  if (rank(i) < least || rank(i) > most) {
    fail("input {} has {} dimensions ({}), not {}{}", i, rank(i), to_string(dims(i)), least,
         most == least ? "" : fmt::format(" to {}", most));
  }
}

void NodeInputs::expect_float(std::size_t i) const {
  if (!is_float(type(i))) {
    fail("input {} must be a floating-point tensor, not {}", i, name_of(type(i)));
  }
}

void NodeInputs::expect_number(std::size_t i) const {
  if (type(i) == DataType::boolean) fail("input {} must hold numbers, not bool", i);
}

void NodeInputs::expect_integer(std::size_t i) const {
  if (type(i) != DataType::s32 && type(i) != DataType::s64) {
    fail("input {} must be int32 or int64, not {}", i, name_of(type(i)));
  }
}

void NodeInputs::expect_type(std::size_t i, DataType wanted) const {
  if (type(i) != wanted) {
    fail("input {} must be {}, not {}", i, name_of(wanted), name_of(type(i)));
  }
}

void NodeInputs::expect_same_types() const {
  for (std::size_t i = 1; i < count(); ++i) {
    if (has(i) && type(i) != type(0)) {
      fail("inputs of different types ({} and {}) are not taken", name_of(type(0)),
           name_of(type(i)));
    }
  }
}

std::int64_t NodeInputs::axis(std::int64_t axis, std::int64_t rank) const {
  if (axis < -rank || axis >= rank) {
    fail("axis {} does not exist in {} dimensions", axis, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

std::vector<std::int64_t> NodeInputs::axes(std::vector<std::int64_t> axes,
                                           std::int64_t rank) const {
  for (std::int64_t& a : axes) a = axis(a, rank);
  std::vector<std::int64_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) fail("axis {} is given twice", *twice);
  return axes;
}

std::int64_t NodeInputs::axis_attribute(std::int64_t if_not_given) const {
  if (const auto* held = std::get_if<AxisAttributes>(&node_.attributes)) return held->axis;
  return named_integer(node_, "axis", if_not_given);
}

void NodeInputs::fail_with(const std::string& reason) const {
  throw Error(ErrorCode::usage, sentence(reason));
}

std::string NodeInputs::sentence(const std::string& reason) const {
  return fmt::format("node '{}' ({}): {}", node_.name, name_of(node_.op), reason);
}

namespace {

template <class T>
const T* find_named(const std::vector<std::pair<std::string, T>>& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found == list.end() ? nullptr : &found->second;
}

}  // namespace

std::int64_t named_integer(const NodeView& node, std::string_view name, std::int64_t if_not_given) {
  const std::int64_t* held = find_named(node.get<NamedAttributes>().integers, name);
  return held != nullptr ? *held : if_not_given;
}

float named_float(const NodeView& node, std::string_view name, float if_not_given) {
  const float* held = find_named(node.get<NamedAttributes>().floats, name);
  return held != nullptr ? *held : if_not_given;
}

std::string named_string(const NodeView& node, std::string_view name, std::string_view otherwise) {
  const std::string* held = find_named(node.get<NamedAttributes>().strings, name);
  return held != nullptr ? *held : std::string(otherwise);
}

std::vector<std::int64_t> named_integers(const NodeView& node, std::string_view name) {
  std::vector<std::int64_t> list;
  for (const auto& entry : node.get<NamedAttributes>().integers) {
    if (entry.first == name) list.push_back(entry.second);
  }
  return list;
}

std::vector<double> as_doubles(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.size()));
  with_stored_type(tensor.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto held = tensor.as<T>();
    for (std::size_t i = 0; i < held.size(); ++i) values[i] = to_double(held[i]);
  });
  return values;
}

}  // namespace jb::inference
