#include "harness/shard.h"

#include <cstdint>
#include <cstdlib>
#include <optional>

#include "backends/core/error.h"
#include "backends/core/text.h"

namespace jb::harness {
namespace {

constexpr std::int64_t kMostShards = 1000000;

std::optional<std::int64_t> number_of(const EnvironmentLookup& lookup, const char* name) {
  const char* text = lookup(name);
  if (text == nullptr) return std::nullopt;
  std::int64_t value = 0;
  if (!parse_integer(text, value) || value < 0) {
    fail_usage("--shard auto: the variable {} is '{}', which is no whole number", name, text);
  }
  return value;
}

Shard make_shard(const std::string& what, std::int64_t index, std::int64_t count) {
  if (count < 1 || count > kMostShards || index < 0 || index >= count) {
    fail_usage("--shard auto: {} says part {} of {}, which does not exist", what, index, count);
  }
  return {static_cast<std::size_t>(index), static_cast<std::size_t>(count)};
}

/// Tasks of a job array, which may start anywhere and leave numbers out (--array=10-30:5).
Shard array_shard(const EnvironmentLookup& lookup) {
  const auto task = number_of(lookup, "SLURM_ARRAY_TASK_ID");
  if (!task) return {};
  const std::int64_t first = number_of(lookup, "SLURM_ARRAY_TASK_MIN").value_or(0);
  const std::int64_t step = number_of(lookup, "SLURM_ARRAY_TASK_STEP").value_or(1);
  const auto count = number_of(lookup, "SLURM_ARRAY_TASK_COUNT");
  if (!count || step < 1) {
    fail_usage(
        "--shard auto: SLURM_ARRAY_TASK_ID is set without SLURM_ARRAY_TASK_COUNT; give the shard "
        "as i/n");
  }
  return make_shard("the Slurm array", (*task - first) / step, *count);
}

/// Processes of one parallel start.
Shard rank_shard(const EnvironmentLookup& lookup) {
  struct Pair {
    const char* what;
    const char* rank;
    const char* size;
  };
  for (const Pair& pair : {Pair{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                           Pair{"PMI", "PMI_RANK", "PMI_SIZE"},
                           Pair{"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}) {
    const auto rank = number_of(lookup, pair.rank);
    const auto size = number_of(lookup, pair.size);
    if (rank && size) return make_shard(pair.what, *rank, *size);
  }
  return {};
}

}  // namespace

Shard shard_from(const std::string& text, const EnvironmentLookup& lookup) {
  if (text == "auto") {
    const Shard array = array_shard(lookup);
    const Shard rank = rank_shard(lookup);
    if (!array.whole() || !rank.whole()) {
      return {array.index * rank.count + rank.index, array.count * rank.count};
    }
    const auto index = number_of(lookup, "GTEST_SHARD_INDEX");
    const auto total = number_of(lookup, "GTEST_TOTAL_SHARDS");
    return index && total ? make_shard("GoogleTest", *index, *total) : Shard{};
  }
  const std::size_t slash = text.find('/');
  std::int64_t index = 0;
  std::int64_t count = 0;
  if (slash == std::string::npos || !parse_integer(text.substr(0, slash), index) ||
      !parse_integer(text.substr(slash + 1), count) || count < 1 || count > kMostShards ||
      index < 0 || index > count) {
    fail_usage("--shard: '{}' is not i/n with i from 0 to n and n up to {}, nor 'auto'", text,
               kMostShards);
  }
  return {static_cast<std::size_t>(index % count), static_cast<std::size_t>(count)};
}

Shard shard_from(const std::string& text) {
  return shard_from(text, [](const char* name) { return std::getenv(name); });
}

}  // namespace jb::harness
