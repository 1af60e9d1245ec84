#pragma once
// Memory for activations, kept from run to run: asking the system for it anew would cost more than
// many layers.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace jb::onednn {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() {
    for (auto& [bytes, buffers] : free_) {
      for (void* buffer : buffers) release(buffer);
    }
  }

  /// At least `bytes`, aligned to a cache line; returns here when the last owner is gone.
  std::shared_ptr<void> take(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    void* buffer = nullptr;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = free_.find(size);
      if (found != free_.end() && !found->second.empty()) {
        buffer = found->second.back();  // the last one returned is the likeliest in a cache
        found->second.pop_back();
      }
    }
    if (buffer == nullptr) buffer = ::operator new(size, kAlignment);
    return {buffer, [pool = weak_from_this(), size](void* p) {
              if (const auto alive = pool.lock()) {
                alive->give_back(p, size);
              } else {
                release(p);
              }
            }};
  }

 private:
  static constexpr std::align_val_t kAlignment{64};

  static void release(void* buffer) noexcept { ::operator delete(buffer, kAlignment); }

  void give_back(void* buffer, std::size_t size) noexcept {
    try {
      const std::lock_guard<std::mutex> lock(mutex_);
      free_[size].push_back(buffer);
    } catch (...) {
      release(buffer);
    }
  }

  /// Sizes in steps of an eighth of their power of two, so that buffers fit values of like sizes.
  static std::size_t rounded(std::size_t bytes) noexcept {
    std::size_t step = 64;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step + (bytes == 0 ? step : 0);
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
};

}  // namespace jb::onednn
