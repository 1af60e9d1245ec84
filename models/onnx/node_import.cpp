#include "models/onnx/node_import.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/onnx/tensor_proto.h"

namespace jb::models::onnx_io {
namespace {

using Attribute = ::onnx::AttributeProto;

/// The type that an attribute has; models before IR 2 did not write it down.
Attribute::AttributeType type_of(const Attribute& attribute) {
  if (attribute.type() != Attribute::UNDEFINED) return attribute.type();
  if (attribute.has_i()) return Attribute::INT;
  if (attribute.has_f()) return Attribute::FLOAT;
  if (attribute.has_s()) return Attribute::STRING;
  if (attribute.has_t()) return Attribute::TENSOR;
  if (attribute.ints_size() > 0) return Attribute::INTS;
  if (attribute.floats_size() > 0) return Attribute::FLOATS;
  if (attribute.strings_size() > 0) return Attribute::STRINGS;
  return Attribute::UNDEFINED;
}

}  // namespace

std::string NameSet::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; !add(name); ++i) name = fmt::format("{}_{}", wanted, i);
  return name;
}

NodeImport::NodeImport(Graph& graph, NameSet& names, NodeMessage& message, std::string name,
                       std::vector<int> inputs, int opset, std::filesystem::path folder)
    : graph_(graph),
      names_(names),
      message_(message),
      name_(std::move(name)),
      title_(fmt::format("node '{}' ({})", shown(name_), shown(message.proto.op_type()))),
      inputs_(std::move(inputs)),
      opset_(opset),
      folder_(std::move(folder)) {
  std::set<std::string> seen;
  for (const Attribute& attribute : message_.proto.attribute()) {
    if (!seen.insert(attribute.name()).second) {
      refuse("attribute '{}' is given twice", shown(attribute.name()));
    }
    if (!attribute.ref_attr_name().empty()) {
      unsupported("attribute '{}' refers to one of a function", shown(attribute.name()));
    }
  }
}

const Attribute* NodeImport::find(std::string_view attribute) {
  understood_.emplace(attribute);
  for (const Attribute& entry : message_.proto.attribute()) {
    if (entry.name() == attribute) return &entry;
  }
  return nullptr;
}

const Attribute* NodeImport::find(std::string_view attribute, Attribute::AttributeType type) {
  const Attribute* found = find(attribute);
  // An empty list has no trace of its type in files that do not write it down.
  if (found != nullptr && type_of(*found) != type && type_of(*found) != Attribute::UNDEFINED) {
    refuse("attribute '{}' is of type {}, not {}", attribute,
           ::onnx::AttributeProto_AttributeType_Name(type_of(*found)),
           ::onnx::AttributeProto_AttributeType_Name(type));
  }
  return found;
}

bool NodeImport::has(std::string_view attribute) { return find(attribute) != nullptr; }

std::int64_t NodeImport::integer(std::string_view attribute, std::int64_t otherwise) {
  const Attribute* found = find(attribute, Attribute::INT);
  return found != nullptr ? found->i() : otherwise;
}

bool NodeImport::flag(std::string_view attribute, bool otherwise) {
  return integer(attribute, otherwise ? 1 : 0) != 0;
}

float NodeImport::number(std::string_view attribute, float otherwise) {
  const Attribute* found = find(attribute, Attribute::FLOAT);
  if (found == nullptr) return otherwise;
  // What is a value itself may be NaN; what operators compute with (epsilon, alpha) may not.
  const bool is_value = attribute.rfind("value", 0) == 0;
  if (std::isnan(found->f()) && !is_value) refuse("attribute '{}' is NaN, no number", attribute);
  return found->f();
}

std::string NodeImport::text(std::string_view attribute, std::string_view otherwise) {
  const Attribute* found = find(attribute, Attribute::STRING);
  return found != nullptr ? found->s() : std::string(otherwise);
}

std::vector<std::int64_t> NodeImport::integers(std::string_view attribute) {
  const Attribute* found = find(attribute, Attribute::INTS);
  if (found == nullptr) return {};
  return {found->ints().begin(), found->ints().end()};
}

std::vector<float> NodeImport::numbers(std::string_view attribute) {
  const Attribute* found = find(attribute, Attribute::FLOATS);
  if (found == nullptr) return {};
  return {found->floats().begin(), found->floats().end()};
}

std::vector<std::string> NodeImport::texts(std::string_view attribute) {
  const Attribute* found = find(attribute, Attribute::STRINGS);
  if (found == nullptr) return {};
  return {found->strings().begin(), found->strings().end()};
}

Tensor NodeImport::tensor(std::string_view attribute) {
  const Attribute* found = find(attribute, Attribute::TENSOR);
  if (found == nullptr) refuse("attribute '{}' is missing", attribute);
  for (int i = 0; i < message_.proto.attribute_size(); ++i) {
    if (&message_.proto.attribute(i) != found) continue;
    return take_tensor(found->t(), message_.payloads.at(static_cast<std::size_t>(i)), folder_,
                       fmt::format("{}: attribute '{}'", title_, attribute))
        .constant.value();
  }
  fail_internal("an attribute that is not of its node");
}

void NodeImport::finish() const {
  for (const Attribute& attribute : message_.proto.attribute()) {
    if (understood_.count(attribute.name()) != 0) continue;
    unsupported("attribute '{}' is not known in opset {}", shown(attribute.name()), opset_);
  }
}

void NodeImport::emit(Op op, std::vector<int> inputs, Attributes attributes) {
  while (!inputs.empty() && inputs.back() == kAbsent) inputs.pop_back();
  std::vector<std::string> outputs(message_.proto.output().begin(), message_.proto.output().end());
  while (outputs.size() > 1 && outputs.back().empty()) outputs.pop_back();
  graph_.add_named(op, name_, std::move(inputs), outputs, std::move(attributes));
}

int NodeImport::helper(Op op, const std::string& part, std::vector<int> inputs,
                       Attributes attributes) {
  const std::string name = names_.unique(name_ + "/" + part);
  return graph_.add_named(op, name, std::move(inputs), {name}, std::move(attributes));
}

void NodeImport::emit_constant(Tensor value) {
  graph_.add_constant(message_.proto.output(0), std::move(value));
}

int NodeImport::constant(const std::string& part, Tensor value) {
  return graph_.add_constant(names_.unique(name_ + "/" + part), std::move(value));
}

int NodeImport::constant_s64(const std::string& part, const std::vector<std::int64_t>& values) {
  return constant(part,
                  Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
}

int NodeImport::scalar(const std::string& part, float value, int like) {
  const std::array<float, 1> values = {value};
  const int made = constant(part, Tensor::of<float>({}, values));
  const DataType wanted = type(like);
  if (wanted == DataType::f32) return made;
  return helper(Op::cast, part + "_cast", {made}, CastAttributes{wanted});
}

int NodeImport::list_operand(std::size_t i, std::string_view attribute) {
  if (input(i) != kAbsent) return input(i);
  if (!has(attribute)) return kAbsent;
  return constant_s64(std::string(attribute), integers(attribute));
}

const ValueView NodeImport::known(int value) const { return graph_.bind(1).value(value); }

Dims NodeImport::dims(int value) const { return known(value).dims; }

DataType NodeImport::type(int value) const { return known(value).type; }

std::optional<Tensor> NodeImport::elements(int value) const {
  const ValueView& view = graph_.values().at(static_cast<std::size_t>(value));
  if (!view.is_constant || !view.constant.has_elements()) return std::nullopt;
  return view.constant.value();
}

}  // namespace jb::models::onnx_io
