#pragma once
// A network as backends see it: nodes in execution order over numbered values. Backends need not
// know `models`; models build and bind graphs and hand out these views. A view is bound: every size
// is known. It keeps what it points to alive and is cheap to copy.
//
// Operators have the meaning of their newest ONNX version (opset 20); what older versions wrote as
// attributes (axes, limits) stands here as inputs or attributes of that version, as noted below.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/core/tensor.h"

namespace jb {

enum class Op : std::uint8_t {
  // Linear operators: their products go to the backend (backends/core/linear_lowering.h).
  matmul,          ///< A, B [, bias over the last dimension]
  gemm,            ///< A, B [, C]: alpha A' B' + beta C          GemmAttributes
  conv,            ///< X (N C spatial), W [, B]                  ConvAttributes
  conv_transpose,  ///< X, W (C M/g spatial) [, B]                ConvAttributes
  rnn,             ///< X, W, R [, B, sequence_lens, initial_h]   RecurrentAttributes
  lstm,            ///< ... [, initial_c, P [, projection]]       RecurrentAttributes
                   ///< projection (directions x projected x hidden; not in ONNX): h becomes
                   ///< projection h (Sak et al., Interspeech 2014, Eq. (13))
  gru,             ///<                                           RecurrentAttributes
  // Element by element, with broadcasting where there are two inputs.
  add,
  sub,
  mul,
  div,
  pow,
  minimum,  ///< any number of inputs
  maximum,  ///< any number of inputs
  sum,      ///< any number of inputs
  mean,     ///< any number of inputs
  modulo,   ///< ModAttributes
  equal,
  greater,
  greater_or_equal,
  less,
  less_or_equal,
  logical_and,
  logical_or,
  logical_xor,
  logical_not,
  where,  ///< condition, X, Y
  neg,
  abs,
  sign,
  sqrt,
  reciprocal,
  exp,
  log,
  erf,
  sin,
  cos,
  floor,
  ceil,
  round,
  relu,
  leaky_relu,  ///< ScalarAttributes: alpha
  prelu,       ///< X, slope
  elu,         ///< alpha
  selu,        ///< alpha, gamma in beta
  celu,        ///< alpha
  sigmoid,
  hard_sigmoid,  ///< alpha, beta
  hard_swish,
  softplus,
  softsign,
  tanh,
  gelu,  ///< GeluAttributes
  silu,  ///< x sigmoid(x): no ONNX operator; what x * Sigmoid(x) is fused to
  mish,
  clip,  ///< X [, min [, max]]
  cast,  ///< CastAttributes
  // Normalisation and softmax.
  softmax,            ///< AxisAttributes, along one axis
  log_softmax,        ///< AxisAttributes
  softmax_flattened,  ///< AxisAttributes: opset < 13, over all dimensions from the axis on
  log_softmax_flattened,
  batch_normalization,  ///< X, scale, B, mean, var: inference form   NormAttributes: epsilon
  instance_normalization,
  layer_normalization,  ///< X, scale [, B] -> Y [, mean, 1/deviation]   NormAttributes: axis,
                        ///< epsilon
  group_normalization,  ///< NormAttributes: groups
  lrn,                  ///< LrnAttributes
  // Pooling.
  max_pool,  ///< X -> Y [, indices]    PoolAttributes
  average_pool,
  lp_pool,
  global_average_pool,
  global_max_pool,
  // Reductions: X [, axes]; ReduceAttributes.
  reduce_mean,
  reduce_sum,
  reduce_max,
  reduce_min,
  reduce_prod,
  reduce_l1,
  reduce_l2,
  reduce_log_sum,
  reduce_log_sum_exp,
  reduce_sum_square,
  arg_max,  ///< ArgAttributes
  arg_min,
  cum_sum,  ///< X, axis; CumSumAttributes
  top_k,    ///< X, k -> values, indices; TopKAttributes
  // Where data lie.
  identity,
  dropout,    ///< inference form: X [, ratio, training_mode] -> Y [, mask]
  reshape,    ///< X, shape; ReshapeAttributes
  flatten,    ///< AxisAttributes
  squeeze,    ///< X [, axes]
  unsqueeze,  ///< X, axes
  transpose,  ///< PermAttributes
  concat,     ///< AxisAttributes
  split,      ///< X [, sizes]; AxisAttributes
  slice,      ///< X, starts, ends [, axes [, steps]]
  gather,     ///< X, indices; AxisAttributes
  gather_elements,
  gather_nd,       ///< NamedAttributes: batch_dims
  scatter_nd,      ///< NamedAttributes: reduction
  expand,          ///< X, shape
  tile,            ///< X, repeats
  pad,             ///< X, pads [, value [, axes]]; PadAttributes
  resize,          ///< X [, roi [, scales [, sizes]]]; NamedAttributes (axes: an integer each)
  depth_to_space,  ///< NamedAttributes: blocksize, mode
  space_to_depth,
  shape_of,  ///< ShapeAttributes
  size_of,
  constant_of_shape,  ///< shape; ConstantOfShapeAttributes
  range,
  trilu,          ///< X [, k]; NamedAttributes: upper
  one_hot,        ///< indices, depth, values; AxisAttributes or NamedAttributes: axis
  embedding_bag,  ///< table, indices (rows x lookups) -> sums of rows of the table (DLRM)
  count_of_ops,   ///< no operator: how many there are
};

/// The operator's name in ONNX ("Conv"), or a name of ours in the same style.
std::string_view name_of(Op op) noexcept;
/// True for operators whose products go to the backend.
bool is_linear(Op op) noexcept;

enum class AutoPad : std::uint8_t { given, same_upper, same_lower, valid };

struct NoAttributes {};
struct GemmAttributes {
  float alpha = 1;
  float beta = 1;
  bool trans_a = false;
  bool trans_b = false;
};
/// Lists have an entry per spatial dimension; empty = the default (1, or 0 for pads).
struct ConvAttributes {
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;
  std::vector<std::int64_t> kernel;          ///< empty: that of W
  std::vector<std::int64_t> output_padding;  ///< conv_transpose
  std::vector<std::int64_t> output_shape;    ///< conv_transpose: decides the pads when given
  std::int64_t groups = 1;
  AutoPad auto_pad = AutoPad::given;
};
struct PoolAttributes {
  std::vector<std::int64_t> kernel, strides, dilations, pads_begin, pads_end;
  AutoPad auto_pad = AutoPad::given;
  bool ceil_mode = false;
  bool count_include_pad = false;
  bool column_major_indices = false;  ///< max_pool: storage_order 1
  std::int64_t p = 2;                 ///< lp_pool
};
struct RecurrentAttributes {
  enum class Direction : std::uint8_t { forward, reverse, bidirectional };
  Direction direction = Direction::forward;
  std::int64_t hidden = 0;
  std::vector<std::string> activations;  ///< empty: the operator's defaults
  std::vector<float> activation_alpha, activation_beta;
  std::optional<float> clip;
  bool input_forget = false;         ///< lstm
  bool linear_before_reset = false;  ///< gru
  bool batch_first = false;          ///< layout 1
};
struct AxisAttributes {
  std::int64_t axis = 0;     ///< may be negative: from the end
  std::int64_t outputs = 0;  ///< split into equal parts
};
struct ReduceAttributes {
  bool keepdims = true;
  bool noop_with_empty_axes = false;
};
struct ArgAttributes {
  std::int64_t axis = 0;
  bool keepdims = true;
  bool select_last_index = false;
};
struct NormAttributes {
  float epsilon = 1e-5F;
  std::int64_t axis = -1;
  std::int64_t groups = 1;
};
struct LrnAttributes {
  float alpha = 1e-4F;
  float beta = 0.75F;
  float bias = 1;
  std::int64_t size = 1;
};
struct ScalarAttributes {
  float alpha = 0;
  float beta = 0;
};
struct GeluAttributes {
  bool tanh_approximation = false;
};
struct CastAttributes {
  DataType to = DataType::f32;
};
struct ModAttributes {
  bool fmod = false;
};
struct CumSumAttributes {
  bool exclusive = false;
  bool reverse = false;
};
struct TopKAttributes {
  std::int64_t axis = -1;
  bool largest = true;
  bool sorted = true;
};
struct PermAttributes {
  std::vector<std::int64_t> perm;  ///< empty: reversed
};
struct ReshapeAttributes {
  bool allow_zero = false;
};
struct PadAttributes {
  enum class Mode : std::uint8_t { constant, reflect, edge, wrap };
  Mode mode = Mode::constant;
};
struct ShapeAttributes {
  std::int64_t start = 0;
  std::optional<std::int64_t> end;
};
struct ConstantOfShapeAttributes {
  Tensor value;  ///< one element; f32 zero when empty
};
/// Anything rarer: the operator's attributes by name, integers and strings.
struct NamedAttributes {
  std::vector<std::pair<std::string, std::int64_t>> integers;
  std::vector<std::pair<std::string, float>> floats;
  std::vector<std::pair<std::string, std::string>> strings;
};

using Attributes =
    std::variant<NoAttributes, GemmAttributes, ConvAttributes, PoolAttributes, RecurrentAttributes,
                 AxisAttributes, ReduceAttributes, ArgAttributes, NormAttributes, LrnAttributes,
                 ScalarAttributes, GeluAttributes, CastAttributes, ModAttributes, CumSumAttributes,
                 TopKAttributes, PermAttributes, ReshapeAttributes, PadAttributes, ShapeAttributes,
                 ConstantOfShapeAttributes, NamedAttributes>;

/// What a fused activation does to a linear operator's result.
struct FusedActivation {
  Op op = Op::identity;  ///< identity: none; else an element-wise operator of one input
  Attributes attributes;
};

/// A value that is the same in every run: weights, biases, shapes. It may be made on demand (drawn
/// from a seed, read from a file), so that large networks are streamed, or have no elements at all,
/// for estimates.
class Constant {
 public:
  Constant() = default;
  explicit Constant(Tensor value) : held_(std::make_shared<const Tensor>(std::move(value))) {}
  /// `make` gives the same elements whenever it is called, from any thread.
  explicit Constant(std::function<Tensor()> make)
      : make_(std::make_shared<const std::function<Tensor()>>(std::move(make))) {}

  [[nodiscard]] bool has_elements() const noexcept { return held_ != nullptr || make_ != nullptr; }
  /// True when value() makes the elements anew.
  [[nodiscard]] bool made_on_demand() const noexcept { return make_ != nullptr; }
  /// The elements; internal error when there are none.
  [[nodiscard]] Tensor value() const;

 private:
  std::shared_ptr<const Tensor> held_;
  std::shared_ptr<const std::function<Tensor()>> make_;
};

struct ValueView {
  std::string name;
  DataType type = DataType::f32;
  Dims dims;
  bool is_constant = false;
  Constant constant;  ///< of constant values; its elements may be absent (estimates)
};

constexpr int kAbsent = -1;  ///< an optional input or output that is not there

struct NodeView {
  Op op = Op::identity;
  std::string name;          ///< unique in the graph; tags the ledger's rows ("fc1")
  std::vector<int> inputs;   ///< value indices or kAbsent; none at the end
  std::vector<int> outputs;  ///< value indices or kAbsent
  Attributes attributes;
  FusedActivation activation;  ///< linear operators: applied to the result

  /// Value index of input i, kAbsent when there are not so many.
  [[nodiscard]] int input(std::size_t i) const noexcept {
    return i < inputs.size() ? inputs[i] : kAbsent;
  }
  /// The attributes of the operator's kind, or their defaults.
  template <class T>
  [[nodiscard]] const T& get() const noexcept {
    static const T defaults{};
    const T* held = std::get_if<T>(&attributes);
    return held != nullptr ? *held : defaults;
  }
};

struct GraphView {
  std::string name;
  std::int64_t batch = 1;  ///< samples that one run takes: what the sizes are bound to
  std::vector<ValueView> values;
  std::vector<NodeView> nodes;  ///< in execution order
  std::vector<int> inputs;      ///< values that a run is given, in order
  std::vector<int> outputs;     ///< values that a run gives, in order

  [[nodiscard]] const ValueView& value(int index) const {
    return values[static_cast<std::size_t>(index)];
  }
  /// Logical MACs of the linear nodes of one run.
  [[nodiscard]] double macs() const;
  /// Elements of a run's inputs and outputs.
  [[nodiscard]] double interface_elements() const;
};

}  // namespace jb
