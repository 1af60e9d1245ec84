#include <algorithm>

#include "backends/core/threads.h"
#include "backends/host/linear/operators.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

/// Matrix `index` of a tensor of matrices; a vector is a row on the left and a column on the right.
template <class T>
MatrixView<const T> matrix_of(const Tensor& tensor, std::int64_t index, bool left) {
  const Dims& dims = tensor.dims();
  const bool vector = dims.size() == 1;
  const std::int64_t rows = vector ? (left ? 1 : dims[0]) : dims[dims.size() - 2];
  const std::int64_t cols = vector ? (left ? dims[0] : 1) : dims.back();
  return {tensor.as<T>().data() + index * rows * cols, rows, cols, cols, 1};
}

constexpr std::int64_t kLoweredBytes = std::int64_t{16} << 20;

}  // namespace

std::size_t operand_input(const NodeView& node, bool left, std::size_t part) {
  if (left) return 0;
  if (node.op == Op::lstm && part == 2) return 8;  // its projection
  return (node.op == Op::rnn || node.op == Op::lstm || node.op == Op::gru) && part > 0 ? 2 : 1;
}

template <class T>
MatrixView<const T> operand_view(const NodeView& node, bool left,
                                 const std::vector<const Tensor*>& inputs, std::size_t part,
                                 std::int64_t operand) {
  const Tensor& tensor = *inputs[operand_input(node, left, part)];
  const Dims& dims = tensor.dims();
  switch (node.op) {
    case Op::matmul: {
      const auto matrix = matrix_of<T>(tensor, operand, left);
      return left ? matrix.transposed() : matrix;
    }
    case Op::gemm: {
      const auto matrix = matrix_of<T>(tensor, 0, left);
      const auto& attributes = node.get<GemmAttributes>();
      // On the left A'^T is k x m, which is A itself when it is given transposed.
      const bool turned = left ? !attributes.trans_a : attributes.trans_b;
      return turned ? matrix.transposed() : matrix;
    }
    case Op::conv:
    case Op::conv_transpose: {
      const std::int64_t rows = dims[0] / node.get<ConvAttributes>().groups;
      const std::int64_t cols = elements_of(Dims(dims.begin() + 1, dims.end()));
      const MatrixView<const T> block{tensor.as<T>().data() + operand * rows * cols, rows, cols,
                                      cols, 1};
      return node.op == Op::conv ? block.transposed() : block;
    }
    default: {
      const auto gates = matrix_of<T>(tensor, operand, false);
      const std::int64_t hidden = dims[1] / 3;  // of a GRU
      const bool candidate_apart =
          node.op == Op::gru && !node.get<RecurrentAttributes>().linear_before_reset;
      if (!candidate_apart || part == 0) return gates.transposed();
      return (part == 1 ? gates.block(0, 0, 2 * hidden, gates.cols)
                        : gates.block(2 * hidden, 0, hidden, gates.cols))
          .transposed();
    }
  }
}

template <class T>
std::vector<Tensor> run_products(const NodeView& node, bool left,
                                 const std::vector<const Tensor*>& inputs,
                                 const std::vector<KnownValue>& outputs, Multiplier<T>& multiplier,
                                 const NodeView* then) {
  const LinearCall<T> call{node, left, inputs, outputs, multiplier, then};
  switch (node.op) {
    case Op::matmul:
      return {run_matmul(call)};
    case Op::gemm:
      return {run_gemm(call)};
    case Op::conv:
      return {run_conv(call)};
    case Op::conv_transpose:
      return {run_conv_transpose(call)};
    default:
      return run_recurrent(call);
  }
}

template <class T>
void Multiplier<T>::multiply_rows(std::size_t part, std::int64_t operand, const RowSource<T>& a,
                                  MatrixView<T> c, const ProductPosition& position) {
  Tensor matrix = Tensor::unwritten(data_type_of<T>, {a.rows(), a.cols()});
  T* const rows = matrix.as_mutable<T>().data();
  parallel_for(a.rows(), row_grain(a.cols()), [&](std::int64_t begin, std::int64_t end) {
    a.read(begin, end - begin, rows + begin * a.cols());
  });
  multiply(part, operand, {rows, a.rows(), a.cols(), a.cols(), 1}, c, position);
}

std::int64_t lowered_rows(std::int64_t k) noexcept {
  return std::max<std::int64_t>(64, kLoweredBytes / (static_cast<std::int64_t>(sizeof(float)) *
                                                     std::max<std::int64_t>(1, k)));
}

template class Multiplier<float>;
template class Multiplier<double>;
template MatrixView<const float> operand_view(const NodeView&, bool,
                                              const std::vector<const Tensor*>&, std::size_t,
                                              std::int64_t);
template MatrixView<const double> operand_view(const NodeView&, bool,
                                               const std::vector<const Tensor*>&, std::size_t,
                                               std::int64_t);
template std::vector<Tensor> run_products(const NodeView&, bool, const std::vector<const Tensor*>&,
                                          const std::vector<KnownValue>&, Multiplier<float>&,
                                          const NodeView*);
template std::vector<Tensor> run_products(const NodeView&, bool, const std::vector<const Tensor*>&,
                                          const std::vector<KnownValue>&, Multiplier<double>&,
                                          const NodeView*);

}  // namespace jb::host
