#pragma once
// Memory of tensors. A run of a network makes the same tensors each time: their memory is used
// again instead of being asked of the system, whose fresh pages cost more than what is computed in
// them.

#include <cstddef>
#include <memory>

namespace jb {

struct StoredMemory;

/// Keeps the memory of tensors for later ones, a bounded amount of it.
class StoragePool {
 public:
  StoragePool();

  /// While it lives, tensors made on this thread take memory from the pool, and give it back when
  /// their last copy goes, whenever and on whatever thread that is.
  class Scope {
   public:
    explicit Scope(const StoragePool& pool);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::shared_ptr<StoredMemory> before_;
  };

 private:
  std::shared_ptr<StoredMemory> memory_;
};

/// Memory for `bytes` bytes, not written, on a cache line; from the pool of the scope if there is
/// one.
std::shared_ptr<void> allocate_storage(std::size_t bytes);

}  // namespace jb
