#include "backends/core/graph_view.h"

#include <array>

#include "backends/core/linear_lowering.h"

namespace jb {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Op::count_of_ops)> kNames = {
    "MatMul",
    "Gemm",
    "Conv",
    "ConvTranspose",
    "RNN",
    "LSTM",
    "GRU",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Min",
    "Max",
    "Sum",
    "Mean",
    "Mod",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "And",
    "Or",
    "Xor",
    "Not",
    "Where",
    "Neg",
    "Abs",
    "Sign",
    "Sqrt",
    "Reciprocal",
    "Exp",
    "Log",
    "Erf",
    "Sin",
    "Cos",
    "Floor",
    "Ceil",
    "Round",
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Elu",
    "Selu",
    "Celu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Softplus",
    "Softsign",
    "Tanh",
    "Gelu",
    "Silu",
    "Mish",
    "Clip",
    "Cast",
    "Softmax",
    "LogSoftmax",
    "SoftmaxFlattened",
    "LogSoftmaxFlattened",
    "BatchNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "LRN",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
    "ArgMax",
    "ArgMin",
    "CumSum",
    "TopK",
    "Identity",
    "Dropout",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "GatherElements",
    "GatherND",
    "ScatterND",
    "Expand",
    "Tile",
    "Pad",
    "Resize",
    "DepthToSpace",
    "SpaceToDepth",
    "Shape",
    "Size",
    "ConstantOfShape",
    "Range",
    "Trilu",
    "OneHot",
    "EmbeddingBag"};
static_assert(!kNames.back().empty(), "every operator has a name");

}  // namespace

std::string_view name_of(Op op) noexcept {
  return op < Op::count_of_ops ? kNames[static_cast<std::size_t>(op)] : "?";
}

bool is_linear(Op op) noexcept { return op <= Op::gru; }

Tensor Constant::value() const {
  if (held_ != nullptr) return *held_;
  if (make_ == nullptr) fail_internal("a constant without elements was asked for them");
  return (*make_)();
}

double GraphView::macs() const {
  double macs = 0;
  for (const NodeView& node : nodes) {
    for (const LinearProduct& product : products_of(*this, node)) macs += product.macs();
  }
  return macs;
}

double GraphView::interface_elements() const {
  double elements = 0;
  for (const int index : inputs) elements += static_cast<double>(elements_of(value(index).dims));
  for (const int index : outputs) elements += static_cast<double>(elements_of(value(index).dims));
  return elements;
}

}  // namespace jb
