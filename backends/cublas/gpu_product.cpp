#include "backends/cublas/gpu_product.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/core/threads.h"
#include "backends/cublas/number_formats.h"

namespace jb::cublas {
namespace {

// Byte-sized operands must have rows of whole 16-byte words (cuBLAS documentation, "Tensor Core
// Usage"); padding with zeros changes no sum.
constexpr std::int64_t kScaledAlignment = 16;
// A run uses few batch sizes (a full one and the last, shorter one); a handful covers sweeps.
constexpr std::size_t kMostKernels = 8;
constexpr std::int64_t kRowsPerPiece = 16;  // rows that one thread rounds at a time

std::int64_t aligned(std::int64_t size) {
  return (size + kScaledAlignment - 1) / kScaledAlignment * kScaledAlignment;
}

std::size_t bytes_for(std::int64_t elements, int bytes_each) {
  return static_cast<std::size_t>(elements) * static_cast<std::size_t>(bytes_each);
}

void check_range(const Matrix<float>& b, ElementType precision) {
  if (precision != ElementType::f16) return;
  const float largest = largest_of(precision);
  for (std::int64_t i = 0; i < b.size(); ++i) {
    if (std::abs(b.data()[i]) <= largest) continue;
    fail_usage("B holds {}, but {} ends at {}; use --precision bf16", b.data()[i],
               name_of(precision), largest);
  }
}

}  // namespace

GpuProduct::GpuProduct(std::shared_ptr<Gpu> gpu, ElementType precision, Matrix<float> b,
                       std::shared_ptr<ProductScratch> scratch)
    : gpu_(std::move(gpu)),
      precision_(precision),
      values_(std::move(b)),
      scratch_(std::move(scratch)) {
  check_range(values_, precision_);
  stored(false);
}

std::int64_t GpuProduct::width_in(bool transposed) const noexcept {
  return transposed ? values_.cols() : values_.rows();
}

std::int64_t GpuProduct::width_out(bool transposed) const noexcept {
  return transposed ? values_.rows() : values_.cols();
}

void GpuProduct::replace(Matrix<float> b) {
  if (b.rows() != values_.rows() || b.cols() != values_.cols()) {
    fail_internal("a {} x {} operand cannot take the place of a {} x {} one", b.rows(), b.cols(),
                  values_.rows(), values_.cols());
  }
  check_range(b, precision_);
  values_ = std::move(b);
  stored_ = {};
  loaded_ = nullptr;
  stored(false);
}

void GpuProduct::upload_plain(Stored& out) const {
  const std::int64_t size = values_.size();
  out.codes = DeviceBuffer(gpu_, bytes_for(size, bytes_of(precision_)), "the weights");
  if (bytes_of(precision_) == bytes_of(ElementType::f32)) {
    gpu_->upload(out.codes.data(), values_.data(), out.codes.bytes());
    return;
  }
  std::vector<std::uint16_t> codes(static_cast<std::size_t>(size));
  const std::int64_t cols = values_.cols();
  parallel_for(values_.rows(), kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * cols; i < end * cols; ++i) {
      codes[static_cast<std::size_t>(i)] = encode16(precision_, values_.data()[i]);
    }
  });
  gpu_->upload(out.codes.data(), codes.data(), out.codes.bytes());
}

// A row of codes for each output column, so that sums run along contiguous bytes: the only layout
// that cuBLASLt multiplies in s8 and f8.
void GpuProduct::upload_scaled(bool transposed, Stored& out) const {
  const std::int64_t depth = width_in(transposed);
  const std::int64_t outputs = width_out(transposed);
  const std::int64_t padded_depth = aligned(depth);
  const MatrixView<const float> b =
      transposed ? values_.view() : values_.view().transposed();  // outputs x depth
  const ElementType type = weight_type(precision_);
  std::vector<std::uint8_t> codes(bytes_for(aligned(outputs) * padded_depth, 1), 0);
  std::vector<float> scales(static_cast<std::size_t>(outputs));
  parallel_for(outputs, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      float largest = 0;
      for (std::int64_t p = 0; p < depth; ++p) largest = std::max(largest, std::abs(b(j, p)));
      const float scale = scale_of(type, largest);
      scales[static_cast<std::size_t>(j)] = scale;
      std::uint8_t* row = codes.data() + j * padded_depth;
      for (std::int64_t p = 0; p < depth; ++p) row[p] = encode8(type, b(j, p) / scale);
    }
  });
  out.codes = DeviceBuffer(gpu_, codes.size(), "the weights");
  gpu_->upload(out.codes.data(), codes.data(), codes.size());
  out.scales = DeviceBuffer(gpu_, scales.size() * sizeof(float), "the weights' scales");
  gpu_->upload(out.scales.data(), scales.data(), out.scales.bytes());
}

GpuProduct::Stored& GpuProduct::stored(bool transposed) {
  const bool own_copy = transposed && is_scaled(precision_);
  Stored& out = stored_[own_copy ? 1 : 0];
  if (out.codes.data() == nullptr) {
    Stored fresh;
    if (is_scaled(precision_)) {
      upload_scaled(transposed, fresh);
    } else {
      upload_plain(fresh);
    }
    out = std::move(fresh);
  }
  return out;
}

GemmDescription GpuProduct::describe(std::int64_t rows, bool transposed) const {
  const std::int64_t in = width_in(transposed);
  const std::int64_t out = width_out(transposed);
  GemmDescription gemm;
  gemm.precision = precision_;
  if (is_scaled(precision_)) {
    gemm.shape = {aligned(rows), aligned(out), aligned(in)};
    gemm.b_transposed = true;
    gemm.b_leading = aligned(in);
  } else {
    gemm.shape = {rows, out, in};
    gemm.b_transposed = transposed;
    gemm.b_leading = values_.cols();
  }
  gemm.a_leading = gemm.shape.k;
  gemm.c_leading = gemm.shape.n;
  return gemm;
}

GpuProduct::Kernel& GpuProduct::kernel_for(std::int64_t rows, bool transposed) {
  for (auto it = kernels_.begin(); it != kernels_.end(); ++it) {
    if (it->rows != rows || it->transposed != transposed) continue;
    if (it != kernels_.begin()) kernels_.splice(kernels_.begin(), kernels_, it);
    return kernels_.front();
  }
  Kernel kernel;
  kernel.rows = rows;
  kernel.transposed = transposed;
  kernel.gemm = gpu_->prepare(describe(rows, transposed));
  kernel.algorithm = kernel.gemm->algorithm();
  kernels_.push_front(std::move(kernel));
  if (kernels_.size() > kMostKernels) kernels_.pop_back();
  return kernels_.front();
}

const std::string& GpuProduct::algorithm(std::int64_t rows, bool transposed) {
  return kernel_for(rows, transposed).algorithm;
}

void GpuProduct::load(const float* a, std::int64_t rows, bool transposed) {
  const std::int64_t in = width_in(transposed);
  loaded_ = nullptr;
  loaded_rows_ = rows;
  loaded_transposed_ = transposed;
  if (bytes_of(precision_) == bytes_of(ElementType::f32)) {
    loaded_ = a;
    return;
  }
  if (!is_scaled(precision_)) {
    scratch_->operand.reserve(gpu_, bytes_for(rows * in, bytes_of(precision_)), "activations");
    gpu_->convert(a, scratch_->operand.data(), precision_, rows * in);
  } else {
    scratch_->operand.reserve(gpu_, bytes_for(aligned(rows) * aligned(in), 1), "activations");
    scratch_->scales.reserve(gpu_, bytes_for(rows, sizeof(float)), "the activations' scales");
    gpu_->quantise_rows(a, rows, in, precision_, scratch_->operand.data(), aligned(rows),
                        aligned(in), scratch_->scales.floats());
  }
  loaded_ = scratch_->operand.data();
}

void GpuProduct::multiply(float* c) {
  if (loaded_ == nullptr) fail_internal("a product was asked for before its operand was loaded");
  const Stored& b = stored(loaded_transposed_);
  const PreparedGemm& gemm = *kernel_for(loaded_rows_, loaded_transposed_).gemm;
  if (!is_scaled(precision_)) {
    gpu_->multiply(gemm, loaded_, b.codes.data(), c);
    return;
  }
  const GemmShape& padded = gemm.description().shape;
  scratch_->sums.reserve(gpu_, bytes_for(padded.m * padded.n, sizeof(float)), "sums");
  gpu_->multiply(gemm, loaded_, b.codes.data(), scratch_->sums.data());
  const ElementType sums = precision_ == ElementType::s8 ? ElementType::s32 : ElementType::f32;
  gpu_->rescale(scratch_->sums.data(), sums, padded.n, scratch_->scales.floats(), b.scales.floats(),
                c, loaded_rows_, width_out(loaded_transposed_));
}

}  // namespace jb::cublas
