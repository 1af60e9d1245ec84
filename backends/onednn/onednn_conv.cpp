// A convolution as oneDNN's own primitive: filters packed once, the input in the layout that the
// primitive asks for.

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/threads.h"
#include "backends/onednn/instruction_set.h"
#include "backends/onednn/multiplier.h"
#include "backends/onednn/onednn_plan.h"
#include "backends/onednn/packed_product.h"

namespace jb::onednn {
namespace {

using Layout = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

constexpr std::int32_t kSignShift = 128;  // what makes a signed code unsigned

dnnl::memory::dims input_dims(const ConvShape& s) {
  return {s.images, s.in_channels, s.height, s.width};
}
dnnl::memory::dims output_dims(const ConvShape& s) {
  return {s.images, s.out_channels, s.out_h(), s.out_w()};
}
dnnl::memory::dims filter_dims(const ConvShape& s) {
  const dnnl::memory::dims kernel = {s.in_channels / s.groups, s.kernel_h, s.kernel_w};
  dnnl::memory::dims dims = {s.out_channels / s.groups};
  if (s.groups > 1) dims.insert(dims.begin(), s.groups);
  dims.insert(dims.end(), kernel.begin(), kernel.end());
  return dims;
}
Tag filter_tag(const ConvShape& s) { return s.groups > 1 ? Tag::goihw : Tag::oihw; }

WindowDims windows_of(const ConvShape& s) {
  const auto both = [](std::int64_t x) { return dnnl::memory::dims{x, x}; };
  return {{s.kernel_h, s.kernel_w}, both(s.stride), both(s.dilation - 1), both(s.pad), both(s.pad)};
}

/// The primitive with its filters; layouts of input and result as it asks for them, or as `fixed`.
class ConvKernel {
 public:
  ConvKernel(const ConvShape& shape, Type src, Type weights, Type dst, Tag fixed,
             const void* filters, Type given)
      : shape_(shape), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    guarded("preparation of a convolution", [&] {
      const auto pd = make_conv_pd(engine_, Layout(input_dims(shape), src, fixed),
                                   Layout(filter_dims(shape), weights, Tag::any), Layout(),
                                   Layout(output_dims(shape), dst, fixed), windows_of(shape), {});
      if (pd.get(true) == nullptr) {
        fail_usage(
            "oneDNN {} has no such convolution in this precision on this processor; use another "
            "--precision",
            library_version());
      }
      implementation_ = impl_name(pd);
      primitive_ = dnnl::convolution_forward(pd);
      // oneDNN reads through this handle only; its interface has no const.
      dnnl::memory plain(Layout(filter_dims(shape), given, filter_tag(shape)), engine_,
                         const_cast<void*>(filters));
      filters_ = dnnl::memory(pd.weights_desc(), engine_);
      dnnl::reorder(plain, filters_).execute(stream_, plain, filters_);
      stream_.wait();
      src_ = dnnl::memory(pd.src_desc(), engine_);
      dst_ = dnnl::memory(pd.dst_desc(), engine_);
    });
  }

  /// Row-major input of elements `type` into the primitive's layout.
  void load(const void* input, Type type) {
    guarded("layout of the input", [&] {
      dnnl::memory plain(Layout(input_dims(shape_), type, Tag::nchw), engine_,
                         const_cast<void*>(input));
      dnnl::reorder(plain, src_).execute(stream_, plain, src_);
      stream_.wait();
    });
  }

  void execute() {
    guarded("convolution", [&] {
      const std::array<dnnl_exec_arg_t, 3> arguments = {{{DNNL_ARG_SRC, src_.get()},
                                                         {DNNL_ARG_WEIGHTS, filters_.get()},
                                                         {DNNL_ARG_DST, dst_.get()}}};
      dnnl::error::wrap_c_api(
          dnnl_primitive_execute(primitive_.get(), stream_.get(),
                                 static_cast<int>(arguments.size()), arguments.data()),
          "could not execute");
      stream_.wait();
    });
  }

  /// A result in `layout` as row-major f32.
  void store(dnnl::memory result, float* output) {
    guarded("layout of the result", [&] {
      dnnl::memory plain(Layout(output_dims(shape_), Type::f32, Tag::nchw), engine_, output);
      dnnl::reorder(result, plain).execute(stream_, result, plain);
      stream_.wait();
    });
  }

  /// Memory of f32 results, channels last.
  [[nodiscard]] dnnl::memory channels_last() const {
    return {Layout(output_dims(shape_), Type::f32, Tag::nhwc), engine_};
  }

  [[nodiscard]] const dnnl::memory& src() const noexcept { return src_; }
  [[nodiscard]] const dnnl::memory& dst() const noexcept { return dst_; }
  [[nodiscard]] const std::string& implementation() const noexcept { return implementation_; }

 private:
  ConvShape shape_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::convolution_forward primitive_;
  dnnl::memory filters_;
  dnnl::memory src_;
  dnnl::memory dst_;
  std::string implementation_;
};

/// What plans of all precisions share.
class ConvPlanBase : public ConvPlan {
 public:
  ConvPlanBase(std::shared_ptr<const CpuModel> model, const ConvShape& shape, ConvKernel kernel)
      : kernel_(std::move(kernel)),
        model_(std::move(model)),
        shape_(shape),
        setup_(model_->pack(shape.gemm()).scaled(static_cast<double>(shape.groups))) {}

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  [[nodiscard]] std::string implementation() const override { return kernel_.implementation(); }

  Execution execute() override {
    kernel_.execute();
    Execution result;
    result.statistics_known = false;
    result.activity = model_->convolve(shape_.extent());
    finish(result.lints);
    if (std::string lint = slow_lint(kernel_.implementation()); !lint.empty()) {
      result.lints.push_back(std::move(lint));
    }
    return result;
  }

 protected:
  /// What is left to do with the primitive's result.
  virtual void finish(std::vector<std::string>& /*lints*/) {}
  [[nodiscard]] const ConvShape& shape() const noexcept { return shape_; }

  ConvKernel kernel_;

 private:
  std::shared_ptr<const CpuModel> model_;
  ConvShape shape_;
  Activity setup_;
};

class FloatConvPlan final : public ConvPlanBase {
 public:
  using ConvPlanBase::ConvPlanBase;
  void load(const float* input) override { kernel_.load(input, Type::f32); }
  void store(float* output) override { kernel_.store(kernel_.dst(), output); }
};

/// Codes of filters, row-major K x C/groups x R x S, and the scales of the K.
struct FilterCodes {
  std::vector<std::int8_t> codes;
  std::vector<double> scales;
};

FilterCodes filter_codes(const ConvShape& shape, const float* filters,
                         const ProductSettings& settings) {
  const std::int64_t each = shape.gemm().k;
  const MatrixView<const float> given{filters, shape.out_channels, each, each, 1};
  const Matrix<double> values = copy_as<double>(ConstMatrixRef(given));
  WeightCodes made = weight_codes(values.view().transposed(), settings.weight_scale,
                                  largest_weight_code(settings));
  FilterCodes out{std::vector<std::int8_t>(static_cast<std::size_t>(shape.out_channels * each)),
                  std::move(made.scales)};
  for (std::int64_t f = 0; f < shape.out_channels; ++f) {
    for (std::int64_t i = 0; i < each; ++i) {
      out.codes[static_cast<std::size_t>(f * each + i)] = made.codes(i, f);
    }
  }
  return out;
}

/// 8-bit codes, sums in s32, channels last. An image (or all of them) has one scale, and a zero
/// point where codes are unsigned: what it adds to each sum is its multiple of the convolution of
/// ones, which is exact with padding too.
class IntegerConvPlan final : public ConvPlanBase {
 public:
  IntegerConvPlan(std::shared_ptr<const CpuModel> model, const ConvShape& shape, ConvKernel kernel,
                  const ProductSettings& settings, std::vector<double> scales, bool is_unsigned,
                  const std::optional<InputSpan>& range)
      : ConvPlanBase(std::move(model), shape, std::move(kernel)),
        settings_(settings),
        scales_(std::move(scales)),
        unsigned_(is_unsigned),
        range_(range),
        result_(kernel_.channels_last()) {}

  void load(const float* input) override {
    const std::int64_t each = shape().in_channels * shape().height * shape().width;
    const MatrixView<const float> images{input, shape().images, each, each, 1};
    if (settings_.precision == ElementType::u8s8) {
      take(quantised(images, unsigned_input_), Type::u8);
    } else if (!unsigned_) {
      take(quantised(images, signed_input_), Type::s8);
    } else {
      take_shifted(quantised(images, signed_input_));
    }
    if (has_zero_points_ && of_ones_.empty()) convolve_ones(input);
  }

  void store(float* output) override { kernel_.store(result_, output); }

 protected:
  void finish(std::vector<std::string>& lints) override {
    const std::int64_t positions = shape().out_h() * shape().out_w();
    const std::int64_t channels = shape().out_channels;
    auto* sums = static_cast<std::int32_t*>(kernel_.dst().get_data_handle());
    auto* results = static_cast<float*>(result_.get_data_handle());
    for (std::int64_t n = 0; n < shape().images; ++n) {
      const auto image = static_cast<std::size_t>(n);
      std::int32_t* const first = sums + n * positions * channels;
      if (zero_points_[image] != 0) take_off_zero_point(zero_points_[image], first);
      const auto rows = static_cast<std::size_t>(positions);
      row_scales_.assign(rows, image_scales_[image]);
      no_zero_points_.assign(rows, 0);
      scale_sums(
          MatrixView<const std::int32_t>{first, positions, channels, channels, 1},
          {row_scales_, no_zero_points_, scales_, {}},
          MatrixView<float>{results + n * positions * channels, positions, channels, channels, 1});
    }
    std::string lint = saturation_lint(
        saturated_, static_cast<double>(shape().images) * static_cast<double>(shape().in_channels) *
                        static_cast<double>(shape().height) * static_cast<double>(shape().width));
    if (!lint.empty()) lints.push_back(std::move(lint));
  }

 private:
  void take_off_zero_point(std::int32_t zero_point, std::int32_t* sums) const {
    constexpr std::int64_t kSumsPerPiece = 16384;
    parallel_for(static_cast<std::int64_t>(of_ones_.size()), kSumsPerPiece,
                 [&](std::int64_t begin, std::int64_t end) {
                   const std::int32_t* const ones = of_ones_.data();
                   for (std::int64_t i = begin; i < end; ++i) sums[i] -= zero_point * ones[i];
                 });
  }

  template <class Code>
  InputCodes<Code>& quantised(MatrixView<const float> images, InputCodes<Code>& out) {
    quantise_inputs(ConstMatrixRef(images), settings_.input_scale, range_, out);
    return out;
  }

  template <class Code>
  void take(const InputCodes<Code>& input, Type type) {
    image_scales_ = input.scales;
    zero_points_ = input.zero_points;
    saturated_ = input.saturated;
    has_zero_points_ = std::any_of(zero_points_.begin(), zero_points_.end(),
                                   [](std::int32_t z) { return z != 0; });
    kernel_.load(input.codes.data(), type);
  }

  /// Signed codes where the library's own signed convolution would halve the filters' codes.
  void take_shifted(const InputCodes<std::int8_t>& input) {
    InputCodes<std::uint8_t>& shifted = unsigned_input_;
    shifted.codes = Matrix<std::uint8_t>(input.codes.rows(), input.codes.cols());
    for (std::int64_t i = 0; i < input.codes.size(); ++i) {
      shifted.codes.data()[i] = static_cast<std::uint8_t>(input.codes.data()[i] + kSignShift);
    }
    shifted.scales = input.scales;
    shifted.zero_points.assign(input.scales.size(), kSignShift);
    shifted.saturated = input.saturated;
    take(shifted, Type::u8);
  }

  void convolve_ones(const float* input) {
    const auto elements = static_cast<std::size_t>(shape().images * shape().in_channels *
                                                   shape().height * shape().width);
    kernel_.load(std::vector<std::uint8_t>(elements, 1).data(), Type::u8);
    kernel_.execute();
    const auto* sums = static_cast<const std::int32_t*>(kernel_.dst().get_data_handle());
    of_ones_.assign(sums, sums + shape().out_h() * shape().out_w() * shape().out_channels);
    load(input);  // what was loaded before
  }

  ProductSettings settings_;
  std::vector<double> scales_;  // of filters
  bool unsigned_;
  std::optional<InputSpan> range_;
  dnnl::memory result_;
  InputCodes<std::int8_t> signed_input_;
  InputCodes<std::uint8_t> unsigned_input_;
  std::vector<double> image_scales_;
  std::vector<std::int32_t> zero_points_;
  bool has_zero_points_ = false;
  std::int64_t saturated_ = 0;
  std::vector<std::int32_t> of_ones_;  // of one image
  std::vector<double> row_scales_;
  std::vector<std::int32_t> no_zero_points_;
};

std::unique_ptr<ConvPlan> make_integer_plan(std::shared_ptr<const CpuModel> model,
                                            const ProductSettings& settings, const ConvShape& shape,
                                            const float* filters,
                                            const std::optional<InputSpan>& range) {
  const bool is_unsigned = settings.precision == ElementType::u8s8 || !settings.exact_s8;
  FilterCodes codes = filter_codes(shape, filters, settings);
  ConvKernel kernel(shape, is_unsigned ? Type::u8 : Type::s8, Type::s8, Type::s32, Tag::nhwc,
                    codes.codes.data(), Type::s8);
  return std::make_unique<IntegerConvPlan>(std::move(model), shape, std::move(kernel), settings,
                                           std::move(codes.scales), is_unsigned, range);
}

}  // namespace

std::unique_ptr<ConvPlan> make_conv_plan(std::shared_ptr<const CpuModel> model,
                                         const ProductSettings& settings, const ConvShape& shape,
                                         const float* filters, const PlanOptions& options) {
  choose_isa(settings.isa);
  const auto of_floats = [&](Type type) -> std::unique_ptr<ConvPlan> {
    return std::make_unique<FloatConvPlan>(
        std::move(model), shape,
        ConvKernel(shape, type, type, Type::f32, Tag::any, filters, Type::f32));
  };
  switch (settings.precision) {
    case ElementType::bf16:
      return of_floats(Type::bf16);
    case ElementType::f16:
      return of_floats(Type::f16);
    case ElementType::s8:
    case ElementType::u8s8:
      return make_integer_plan(std::move(model), settings, shape, filters, options.input_range);
    default:
      return of_floats(Type::f32);
  }
}

}  // namespace jb::onednn
