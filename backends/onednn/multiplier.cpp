#include "backends/onednn/multiplier.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "backends/core/threads.h"
#include "backends/onednn/packed_product.h"
#include "backends/row_copy.h"

namespace jb::onednn {
namespace {

using Type = dnnl::memory::data_type;

constexpr double kSevenBits = 63;
// Above this share of saturated inputs a run carries the lint "saturated".
constexpr double kSaturationShare = 1e-3;

const float* contiguous(const MatrixView<const float>& b, Matrix<float>& copy) {
  if (is_contiguous(b)) return b.data;
  copy = copy_as<float>(ConstMatrixRef(b));
  return copy.data();
}

/// f32, and bf16 and f16 with sums and results in f32.
class FloatMultiplier final : public Multiplier {
 public:
  FloatMultiplier(const ProductKind& kind, MatrixView<const float> b, std::int64_t expected_rows)
      : product_(kind, b.rows, b.cols, contiguous(b, copy_), Type::f32, expected_rows) {
    copy_ = Matrix<float>();
  }

  void execute(const ConstMatrixRef& a, const MatrixRef& c,
               std::vector<std::string>& /*lints*/) override {
    const bool direct_a = a.type == ElementType::f32 && is_contiguous(a);
    const void* source = direct_a ? a.data : gather_rows(a, a_scratch_);
    if (product_.kind().src != Type::f32) {
      const auto size = static_cast<std::size_t>(a.rows * a.cols);
      if (converted_.size() < size) converted_.resize(size);
      product_.convert_inputs(static_cast<const float*>(source), converted_.data(), a.rows);
      source = converted_.data();
    }
    if (c.type == ElementType::f32 && is_contiguous(c)) {
      product_.execute(source, c.data, a.rows);
      return;
    }
    const auto size = static_cast<std::size_t>(c.rows * c.cols);
    if (c_scratch_.size() < size) c_scratch_.resize(size);
    product_.execute(source, c_scratch_.data(), a.rows);
    copy_into(MatrixView<const float>{c_scratch_.data(), c.rows, c.cols, c.cols, 1}, c);
  }

  const std::string& implementation(std::int64_t rows) override {
    return product_.implementation(rows);
  }
  [[nodiscard]] bool can_unpack() const override { return product_.kind().weights == Type::f32; }
  [[nodiscard]] Matrix<float> unpack() const override {
    Matrix<float> b(product_.rows(), product_.cols());
    product_.unpack(b.data());
    return b;
  }

 private:
  Matrix<float> copy_;  // lives while the weights are packed
  PackedProduct product_;
  std::vector<float> a_scratch_;
  std::vector<std::uint16_t> converted_;
  std::vector<float> c_scratch_;
};

/// Signed or unsigned codes by signed ones, sums in s32. Scaling is ours, so that it means the same
/// with every version of oneDNN.
template <class Code>
class IntegerMultiplier final : public Multiplier {
 public:
  IntegerMultiplier(const ProductSettings& settings, const WeightCodes& weights,
                    std::int64_t expected_rows, const std::optional<InputSpan>& range)
      : input_scale_(settings.input_scale),
        range_(range),
        product_({std::is_signed_v<Code> ? Type::s8 : Type::u8, Type::s8, Type::s32,
                  settings.inner_product},
                 weights.codes.rows(), weights.codes.cols(), weights.codes.data(), Type::s8,
                 expected_rows),
        scales_(weights.scales),
        column_sums_(static_cast<std::size_t>(weights.codes.cols()), 0) {
    for (std::int64_t i = 0; i < weights.codes.rows(); ++i) {
      for (std::int64_t j = 0; j < weights.codes.cols(); ++j) {
        column_sums_[static_cast<std::size_t>(j)] += weights.codes(i, j);
      }
    }
  }

  void execute(const ConstMatrixRef& a, const MatrixRef& c,
               std::vector<std::string>& lints) override {
    quantise_inputs(a, input_scale_, range_, input_);
    const auto size = static_cast<std::size_t>(c.rows * c.cols);
    if (sums_.size() < size) sums_.resize(size);
    product_.execute(input_.codes.data(), sums_.data(), a.rows);
    scale_sums(MatrixView<const std::int32_t>{sums_.data(), c.rows, c.cols, c.cols, 1},
               {input_.scales, input_.zero_points, scales_, column_sums_}, c);
    std::string lint = saturation_lint(input_.saturated,
                                       static_cast<double>(a.rows) * static_cast<double>(a.cols));
    if (!lint.empty()) lints.push_back(std::move(lint));
  }

  const std::string& implementation(std::int64_t rows) override {
    return product_.implementation(rows);
  }

 private:
  InputScale input_scale_;
  std::optional<InputSpan> range_;
  PackedProduct product_;
  std::vector<double> scales_;
  std::vector<std::int32_t> column_sums_;
  InputCodes<Code> input_;
  std::vector<std::int32_t> sums_;
};

}  // namespace

double largest_weight_code(const ProductSettings& settings) {
  return settings.exact_s8 ? kLargestCode : kSevenBits;
}

std::string saturation_lint(std::int64_t saturated, double elements) {
  const double share = static_cast<double>(saturated) / std::max(1.0, elements);
  if (share <= kSaturationShare) return {};
  return fmt::format("saturated: {:.2g} % of inputs lie beyond the calibrated range", 100 * share);
}

std::unique_ptr<Multiplier> make_multiplier(const ProductSettings& settings,
                                            MatrixView<const float> b, std::int64_t expected_rows,
                                            const std::optional<InputSpan>& input_range) {
  const auto of_floats = [&](Type type) -> std::unique_ptr<Multiplier> {
    return std::make_unique<FloatMultiplier>(
        ProductKind{type, type, Type::f32, settings.inner_product}, b, expected_rows);
  };
  switch (settings.precision) {
    case ElementType::bf16:
      return of_floats(Type::bf16);
    case ElementType::f16:
      return of_floats(Type::f16);
    case ElementType::s8:
    case ElementType::u8s8: {
      const Matrix<double> values = copy_as<double>(ConstMatrixRef(b));
      const WeightCodes codes =
          weight_codes(values.view(), settings.weight_scale, largest_weight_code(settings));
      if (settings.precision == ElementType::s8) {
        return std::make_unique<IntegerMultiplier<std::int8_t>>(settings, codes, expected_rows,
                                                                input_range);
      }
      return std::make_unique<IntegerMultiplier<std::uint8_t>>(settings, codes, expected_rows,
                                                               input_range);
    }
    default:
      return of_floats(Type::f32);
  }
}

}  // namespace jb::onednn
