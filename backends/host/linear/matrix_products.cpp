// MatMul and Gemm.

#include <algorithm>

#include "backends/core/threads.h"
#include "backends/host/linear/operators.h"
#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

/// Sizes with a vector as a row (left) or a column (right).
Dims as_matrices(const Dims& dims, bool left) {
  if (dims.size() != 1) return dims;
  return left ? Dims{1, dims[0]} : Dims{dims[0], 1};
}

/// Which matrix of A and which of B each matrix of the broadcast batch takes.
struct Batch {
  std::vector<std::int64_t> a, b;

  Batch(const Dims& a_dims, const Dims& b_dims) {
    const Dims a_lead(a_dims.begin(), a_dims.end() - 2);
    const Dims b_lead(b_dims.begin(), b_dims.end() - 2);
    Dims lead(std::max(a_lead.size(), b_lead.size()), 1);
    for (std::size_t i = 0; i < lead.size(); ++i) {
      const std::int64_t x = i < a_lead.size() ? a_lead[a_lead.size() - 1 - i] : 1;
      const std::int64_t y = i < b_lead.size() ? b_lead[b_lead.size() - 1 - i] : 1;
      lead[lead.size() - 1 - i] = x == 1 ? y : x;
    }
    const Dims a_strides = broadcast_strides(a_lead, lead);
    const Dims b_strides = broadcast_strides(b_lead, lead);
    const Dims strides = dense_strides(lead);
    const std::int64_t count = elements_of(lead);
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t at_a = 0;
      std::int64_t at_b = 0;
      for (std::size_t d = 0; d < lead.size(); ++d) {
        const std::int64_t index = i / strides[d] % lead[d];
        at_a += index * a_strides[d];
        at_b += index * b_strides[d];
      }
      a.push_back(at_a);
      b.push_back(at_b);
    }
  }
};

template <class T>
MatrixView<const T> matrix_at(const T* data, const Dims& dims, std::int64_t index) {
  const std::int64_t rows = dims[dims.size() - 2];
  const std::int64_t cols = dims.back();
  return {data + index * rows * cols, rows, cols, cols, 1};
}

/// Counts how many rows each operand has multiplied.
class RowCount {
 public:
  std::int64_t before(std::int64_t operand, std::int64_t rows) {
    const auto i = static_cast<std::size_t>(operand);
    if (i >= rows_.size()) rows_.resize(i + 1, 0);
    rows_[i] += rows;
    return rows_[i] - rows;
  }

 private:
  std::vector<std::int64_t> rows_;
};

/// All matrices of a computed B against one constant A: C^T = B^T A^T in a single product.
template <class T>
void multiply_left_at_once(const LinearCall<T>& call, const Dims& b_dims, std::int64_t rows,
                           Tensor& y) {
  const std::int64_t k = b_dims[b_dims.size() - 2];
  const std::int64_t cols = b_dims.back();
  const std::int64_t matrices = elements_of(Dims(b_dims.begin(), b_dims.end() - 2));
  Tensor a = Tensor::unwritten(y.type(), {matrices, cols, k});
  copy_strided(call.input(1), 0, a.dims(), {k * cols, 1, cols}, a);
  Tensor c = Tensor::unwritten(y.type(), {matrices, cols, rows});
  call.multiplier.multiply(0, 0, {a.as<T>().data(), matrices * cols, k, k, 1},
                           {c.template as_mutable<T>().data(), matrices * cols, rows, rows, 1}, {});
  copy_strided(c, 0, {matrices, rows, cols}, {cols * rows, 1, rows}, y);
}

}  // namespace

template <class T>
Tensor run_matmul(const LinearCall<T>& call) {
  const Dims a_dims = as_matrices(call.input(0).dims(), true);
  const Dims b_dims = as_matrices(call.input(1).dims(), false);
  const std::int64_t rows = a_dims[a_dims.size() - 2];
  const std::int64_t k = a_dims.back();
  const std::int64_t cols = b_dims.back();
  Tensor y = Tensor::unwritten(call.outputs[0].type, call.outputs[0].dims);
  if (y.size() == 0) return y;
  T* const out = y.as_mutable<T>().data();
  if (!call.left && b_dims.size() == 2) {
    const std::int64_t all = y.size() / cols;
    call.multiplier.multiply(0, 0, {call.data(0), all, k, k, 1}, {out, all, cols, cols, 1}, {});
  } else if (call.left && elements_of(Dims(a_dims.begin(), a_dims.end() - 2)) == 1) {
    multiply_left_at_once(call, b_dims, rows, y);
  } else {
    const Batch batch(a_dims, b_dims);
    RowCount count;
    for (std::size_t i = 0; i < batch.a.size(); ++i) {
      const auto a = matrix_at(call.data(0), a_dims, batch.a[i]);
      const auto b = matrix_at(call.data(1), b_dims, batch.b[i]);
      const MatrixView<T> c{out + static_cast<std::int64_t>(i) * rows * cols, rows, cols, cols, 1};
      const std::int64_t operand = call.left ? batch.a[i] : batch.b[i];
      const std::int64_t before = count.before(operand, call.left ? cols : rows);
      if (call.left) {
        call.multiplier.multiply(0, operand, b.transposed(), c.transposed(), {before, 0});
      } else {
        call.multiplier.multiply(0, operand, a, c, {before, 0});
      }
    }
  }
  const T* const bias = call.optional_input(2) != nullptr ? call.data(2) : nullptr;
  Finish<T>(call, bias).all_rows(out, y.size() / cols, cols);
  return y;
}

template <class T>
Tensor run_gemm(const LinearCall<T>& call) {
  const auto& attributes = call.node.template get<GemmAttributes>();
  const MatrixView<const T> a = matrix_at(call.data(0), call.input(0).dims(), 0);
  const MatrixView<const T> b = matrix_at(call.data(1), call.input(1).dims(), 0);
  Tensor y = Tensor::unwritten(call.outputs[0].type, call.outputs[0].dims);
  if (y.size() == 0) return y;
  const std::int64_t rows = y.dims()[0];
  const std::int64_t cols = y.dims()[1];
  T* const out = y.as_mutable<T>().data();
  const MatrixView<T> c{out, rows, cols, cols, 1};
  const MatrixView<const T> left = attributes.trans_a ? a.transposed() : a;
  if (call.left) {
    const MatrixView<const T> right = attributes.trans_b ? b.transposed() : b;
    call.multiplier.multiply(0, 0, right.transposed(), c.transposed(), {});
  } else {
    call.multiplier.multiply(0, 0, left, c, {});
  }
  const T alpha = static_cast<T>(attributes.alpha);
  const T beta = static_cast<T>(attributes.beta);
  const Tensor* addend = call.optional_input(2);
  const T* const added = addend != nullptr ? addend->template as<T>().data() : nullptr;
  if (alpha == T{1} && beta == T{1} && added != nullptr && addend->rank() > 0 &&
      addend->size() == cols && addend->dims().back() == cols) {
    Finish<T>(call, added).all_rows(out, rows, cols);
    return y;
  }
  const Dims strides = addend != nullptr ? broadcast_strides(addend->dims(), y.dims()) : Dims{0, 0};
  if (alpha != T{1} || added != nullptr) {
    parallel_for(rows, row_grain(cols), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t j = 0; j < cols; ++j) {
          T value = alpha * c(i, j);
          if (added != nullptr) value += beta * added[i * strides[0] + j * strides[1]];
          c(i, j) = value;
        }
      }
    });
  }
  Finish<T>(call, nullptr).all_rows(out, rows, cols);
  return y;
}

template Tensor run_matmul(const LinearCall<float>&);
template Tensor run_matmul(const LinearCall<double>&);
template Tensor run_gemm(const LinearCall<float>&);
template Tensor run_gemm(const LinearCall<double>&);

}  // namespace jb::host
