#pragma once
// Device memory that is freed with its owner.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "backends/cublas/gpu_api.h"

namespace jb::cublas {

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(std::shared_ptr<Gpu> gpu, std::size_t bytes, const char* what)
      : gpu_(std::move(gpu)), data_(gpu_->allocate(bytes, what)), bytes_(bytes) {}
  ~DeviceBuffer() { release(); }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : gpu_(std::move(other.gpu_)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    if (this != &other) {
      release();
      gpu_ = std::move(other.gpu_);
      data_ = std::exchange(other.data_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  /// Makes room for `bytes`; the contents are lost when it has to grow.
  void reserve(const std::shared_ptr<Gpu>& gpu, std::size_t bytes, const char* what) {
    if (bytes <= bytes_) return;
    release();
    *this = DeviceBuffer(gpu, bytes, what);
  }

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] float* floats() const noexcept { return static_cast<float*>(data_); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  void release() noexcept {
    if (data_ != nullptr) gpu_->free(data_);
    data_ = nullptr;
    bytes_ = 0;
  }

  std::shared_ptr<Gpu> gpu_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace jb::cublas
