#include "backends/core/stored_operand.h"

#include <utility>

namespace jb {

StoredOperand::StoredOperand(const ConstMatrixRef& b) {
  if (b.type == ElementType::f64) {
    held_ = copy_as<double>(b);
  } else {
    held_ = copy_as<float>(b);
  }
}

ConstMatrixRef StoredOperand::view() const noexcept {
  return std::visit([](const auto& matrix) { return ConstMatrixRef(matrix.view()); }, held_);
}

StoredOperand::Wide::Wide(const StoredOperand& operand) {
  if (const auto* const matrix = std::get_if<Matrix<double>>(&operand.held_)) {
    view_ = matrix->view();
    return;
  }
  copy_ = copy_as<double>(operand.view());
  view_ = std::as_const(copy_).view();
}

void StoredOperand::add(const ConstMatrixRef& delta) {
  if (std::holds_alternative<Matrix<float>>(held_)) held_ = copy_as<double>(view());
  auto& matrix = std::get<Matrix<double>>(held_);
  const Matrix<double> change = copy_as<double>(delta);
  for (std::int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] += change.data()[i];
}

}  // namespace jb
