#include "backends/core/shape.h"

#include "backends/core/error.h"

namespace jb {
namespace {

// 2^46 elements of 8 bytes are 2^49 bytes: byte counts and index arithmetic stay far below 2^63.
constexpr double kMaxElements = 70368744177664.0;

}  // namespace

void check_computable(const GemmShape& shape, const std::string& where) {
  if (shape.m < 1 || shape.n < 1 || shape.k < 1) {
    fail_usage("{}: sizes m, n, k must be at least 1, not {},{},{}", where, shape.m, shape.n,
               shape.k);
  }
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  if (m * k > kMaxElements || k * n > kMaxElements || m * n > kMaxElements) {
    fail_usage("{}: {} is too large: each of m*k, k*n and m*n must stay below 2^46 elements", where,
               to_string(shape));
  }
}

std::string to_string(const GemmShape& shape) {
  return fmt::format("{} x {} x {}", shape.m, shape.n, shape.k);
}

}  // namespace jb
