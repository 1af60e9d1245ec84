#pragma once
// How a linear operator asks for its products, whoever forms them: a plan on a machine, or plain
// arithmetic on the host.

#include <cstdint>
#include <vector>

#include "backends/core/function_ref.h"
#include "backends/core/graph_view.h"
#include "backends/core/matrix.h"
#include "backends/core/row_source.h"
#include "backends/core/shape_inference.h"
#include "backends/core/tensor.h"

namespace jb::host {

/// Which of an operand's products this is.
struct ProductPosition {
  std::int64_t row = 0;   ///< rows of A that this operand has multiplied before, in this step
  std::int64_t step = 0;  ///< time step of a recurrent product
};

template <class T>
class Multiplier {
 public:
  virtual ~Multiplier() = default;
  /// C = A B with operand `operand` of product family `part` (an index into products_of()).
  virtual void multiply(std::size_t part, std::int64_t operand, MatrixView<const T> a,
                        MatrixView<T> c, const ProductPosition& position) = 0;
  /// A whole convolution (N C spatial to N M spatial), without bias, where the machine has one of
  /// its own; false: it is lowered to products. `done(first, count)` finishes images as they come.
  virtual bool convolve(const Tensor& /*x*/, T* /*y*/,
                        FunctionRef<void(std::int64_t, std::int64_t)> /*done*/) {
    return false;
  }
  /// The same with rows of A that are made as they are read. Default: they are written out first.
  virtual void multiply_rows(std::size_t part, std::int64_t operand, const RowSource<T>& a,
                             MatrixView<T> c, const ProductPosition& position);
};

/// The operand of a product as k x n: a view into the node's inputs. `left`: constant_is_left().
template <class T>
MatrixView<const T> operand_view(const NodeView& node, bool left,
                                 const std::vector<const Tensor*>& inputs, std::size_t part,
                                 std::int64_t operand);
/// Position of the input that holds the operands of a part.
std::size_t operand_input(const NodeView& node, bool left, std::size_t part);

/// The node's outputs, with bias and fused activation, and with the function of one value `then`
/// applied to them when there is one (not for recurrent nodes). Inputs and results are of type T.
template <class T>
std::vector<Tensor> run_products(const NodeView& node, bool left,
                                 const std::vector<const Tensor*>& inputs,
                                 const std::vector<KnownValue>& outputs, Multiplier<T>& multiplier,
                                 const NodeView* then = nullptr);

/// Rows of A that a convolution lowers at a time when a row has `k` elements.
std::int64_t lowered_rows(std::int64_t k) noexcept;

}  // namespace jb::host
