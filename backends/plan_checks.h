#pragma once
// Checks on operands that every backend's plan makes before it computes.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/matrix.h"
#include "backends/core/shape.h"
#include "backends/core/text.h"

namespace jb {

/// Refuses (usage) operand types other than f32 and f64. `what` names the operand.
inline void check_host_type(ElementType type, std::string_view what) {
  if (type == ElementType::f32 || type == ElementType::f64) return;
  fail_usage("{} holds {} elements; host matrices are f32 or f64", what, name_of(type));
}

/// Refuses (usage) a stationary operand that is not the k x n of `shape`, or negative sizes.
inline void check_plan_operand(const GemmShape& shape, const ConstMatrixRef& b) {
  check_host_type(b.type, "B");
  if (shape.m < 0 || shape.n < 0 || shape.k < 0) {
    fail_usage("the product {} has a negative size", to_string(shape));
  }
  if (b.rows == shape.k && b.cols == shape.n) return;
  fail_usage("B is {} x {}, but the product {} (m x n x k) needs k x n = {} x {}", b.rows, b.cols,
             to_string(shape), shape.k, shape.n);
}

/// Shape (m, n, k) of C = A B or, when `transposed`, of C = A B^T with the stored B (k x n).
/// Refuses (usage) an A or C that does not fit it, and types of A and C that differ or are not f32
/// or f64.
inline GemmShape check_execute_operands(std::int64_t stored_k, std::int64_t stored_n,
                                        bool transposed, const ConstMatrixRef& a,
                                        const MatrixRef& c) {
  check_host_type(a.type, "A");
  if (a.type != c.type) {
    fail_usage("A holds {} and C holds {} elements; both must be of one type", name_of(a.type),
               name_of(c.type));
  }
  const std::int64_t k = transposed ? stored_n : stored_k;
  const std::int64_t n = transposed ? stored_k : stored_n;
  if (a.cols != k) {
    fail_usage("A is {} x {}, but the stored operand{} has {} rows: A needs as many columns",
               a.rows, a.cols, transposed ? " (transposed)" : "", k);
  }
  if (c.rows != a.rows || c.cols != n) {
    fail_usage("C is {} x {}, but the product is {} x {}", c.rows, c.cols, a.rows, n);
  }
  return {a.rows, n, k};
}

/// Refuses (usage) a delta that is not as large as the stored operand (k x n).
inline void check_delta(std::int64_t stored_k, std::int64_t stored_n, const ConstMatrixRef& delta) {
  check_host_type(delta.type, "the update");
  if (delta.rows == stored_k && delta.cols == stored_n) return;
  fail_usage("the update is {} x {}, but the stored operand is {} x {}", delta.rows, delta.cols,
             stored_k, stored_n);
}

/// Refuses (usage) a calibration method that is not among `methods`, suggesting the nearest.
inline void check_calibration_method(std::string_view method, std::string_view device,
                                     const std::vector<std::string>& methods) {
  if (std::find(methods.begin(), methods.end(), method) != methods.end()) return;
  fail_usage("device '{}' has no calibration method '{}'{} (there are: {})", device, method,
             did_you_mean(method, methods), join(methods));
}

}  // namespace jb
