#include "backends/core/tensor_storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <utility>

namespace jb {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector register
/// The activations of a few layers; what does not fit goes back to the system.
constexpr std::size_t kMostKept = std::size_t{256} << 20U;
/// Smaller pieces are quick to get without a pool.
constexpr std::size_t kLeastKept = std::size_t{32} << 10U;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;

/// From here on memory is asked for in huge pages: a fault for each 2 MiB instead of each 4 KiB.
std::size_t alignment_of(std::size_t bytes) noexcept {
  return bytes >= 2 * kHugePage ? kHugePage : kAlignment;
}

void* get(std::size_t bytes) {
  void* memory = ::operator new (bytes, std::align_val_t{alignment_of(bytes)});
  // A hint: where the system does not follow it, pages are small.
  if (bytes >= 2 * kHugePage) ::madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return memory;
}

void release(void* memory, std::size_t bytes) noexcept {
  ::operator delete (memory, std::align_val_t{alignment_of(bytes)});
}

}  // namespace

/// Free memory by its size.
struct StoredMemory {
  std::mutex mutex;
  std::multimap<std::size_t, void*> free;
  std::size_t bytes = 0;

  StoredMemory() = default;
  StoredMemory(const StoredMemory&) = delete;
  StoredMemory& operator=(const StoredMemory&) = delete;
  ~StoredMemory() {
    for (const auto& [size, piece] : free) release(piece, size);
  }

  /// A piece of `wanted` bytes to twice as many, with its size; null when there is none.
  std::pair<void*, std::size_t> take(std::size_t wanted) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = free.lower_bound(wanted);
    if (found == free.end() || found->first / 2 > wanted) return {nullptr, 0};
    const std::pair<void*, std::size_t> piece{found->second, found->first};
    bytes -= found->first;
    free.erase(found);
    return piece;
  }

  void give_back(void* piece, std::size_t size) noexcept {
    const std::lock_guard<std::mutex> lock(mutex);
    while (!free.empty() && bytes + size > kMostKept) {
      release(free.begin()->second, free.begin()->first);
      bytes -= free.begin()->first;
      free.erase(free.begin());
    }
    if (bytes + size > kMostKept) return release(piece, size);
    try {
      free.emplace(size, piece);
      bytes += size;
    } catch (const std::bad_alloc&) {
      release(piece, size);
    }
  }
};

namespace {

thread_local std::shared_ptr<StoredMemory> t_memory;

}  // namespace

StoragePool::StoragePool() : memory_(std::make_shared<StoredMemory>()) {}

StoragePool::Scope::Scope(const StoragePool& pool)
    : before_(std::exchange(t_memory, pool.memory_)) {}

StoragePool::Scope::~Scope() { t_memory = std::move(before_); }

std::shared_ptr<void> allocate_storage(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  if (t_memory == nullptr || bytes < kLeastKept) {
    return {get(bytes), [bytes](void* p) { release(p, bytes); }};
  }
  auto [piece, size] = t_memory->take(bytes);
  if (piece == nullptr) {
    piece = get(bytes);
    size = bytes;
  }
  return {piece, [memory = t_memory, size = size](void* p) { memory->give_back(p, size); }};
}

}  // namespace jb
