#pragma once
// A share of a run's points: point j belongs to shard i of n when j modulo n is i, so that the
// shards of a sweep are alike.

#include <cstddef>
#include <functional>
#include <string>

namespace jb::harness {

struct Shard {
  std::size_t index = 0;  ///< from 0
  std::size_t count = 1;

  [[nodiscard]] bool whole() const noexcept { return count == 1; }
  [[nodiscard]] bool takes(std::size_t point) const noexcept { return point % count == index; }
};

/// An environment variable's text; nullptr when it is not set.
using EnvironmentLookup = std::function<const char*(const char* name)>;

/// Reads "i/n" (i counted from 0 or from 1: i = n is the same shard as 0) or "auto", which asks the
/// environment: a Slurm array, and inside a task of it, or without an array, the ranks of srun,
/// Open MPI, MPICH or PMIx; then GoogleTest's sharding. Nothing of that set: the whole run. Usage
/// error for anything else.
Shard shard_from(const std::string& text, const EnvironmentLookup& lookup);
/// The same with the environment of this process.
Shard shard_from(const std::string& text);

}  // namespace jb::harness
