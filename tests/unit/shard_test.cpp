// Shards: every point in exactly one, from flags and from the environment of Slurm and MPI.

#include "harness/shard.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "backends/core/error.h"
#include "harness/ordered_pool.h"

namespace jb::harness {
namespace {

using Variables = std::map<std::string, std::string>;

Shard from_environment(const Variables& variables) {
  return shard_from("auto", [&](const char* name) -> const char* {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  });
}

void expect_shard(const Shard& shard, std::size_t index, std::size_t count) {
  EXPECT_EQ(shard.index, index);
  EXPECT_EQ(shard.count, count);
}

TEST(Shard, CountsFromZeroAndFromOneAlike) {
  for (const std::size_t first : {0U, 1U}) {
    std::map<std::size_t, int> taken;
    for (std::size_t i = first; i < 3 + first; ++i) {
      const Shard shard = shard_from(std::to_string(i) + "/3");
      for (std::size_t point = 0; point < 10; ++point) taken[point] += shard.takes(point) ? 1 : 0;
    }
    for (std::size_t point = 0; point < 10; ++point) EXPECT_EQ(taken[point], 1);
  }
}

TEST(Shard, RefusesWhatIsNoShard) {
  for (const char* text :
       {"", "1", "/", "1/", "4/3", "-1/3", "0/0", "a/3", "1/3/5", "1.5/3", "0/99999999999"}) {
    EXPECT_THROW(shard_from(text), Error) << text;
  }
}

TEST(Shard, AutoReadsSlurmArraysThatStartAnywhere) {
  expect_shard(from_environment({{"SLURM_ARRAY_TASK_ID", "20"},
                                 {"SLURM_ARRAY_TASK_MIN", "10"},
                                 {"SLURM_ARRAY_TASK_MAX", "30"},
                                 {"SLURM_ARRAY_TASK_STEP", "5"},
                                 {"SLURM_ARRAY_TASK_COUNT", "5"}}),
               2, 5);
  EXPECT_THROW(from_environment({{"SLURM_ARRAY_TASK_ID", "3"}}), Error);
  EXPECT_THROW(from_environment({{"SLURM_ARRAY_TASK_ID", "x"}, {"SLURM_ARRAY_TASK_COUNT", "2"}}),
               Error);
}

TEST(Shard, AutoReadsRanks) {
  expect_shard(from_environment({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "4"}}), 1,
               4);
  expect_shard(from_environment({{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}}), 3, 4);
  expect_shard(from_environment({{"SLURM_PROCID", "2"}, {"SLURM_STEP_NUM_TASKS", "3"}}), 2, 3);
  expect_shard(from_environment({{"GTEST_SHARD_INDEX", "1"}, {"GTEST_TOTAL_SHARDS", "2"}}), 1, 2);
  expect_shard(from_environment({}), 0, 1);
  EXPECT_THROW(from_environment({{"PMI_RANK", "4"}, {"PMI_SIZE", "4"}}), Error);
}

TEST(Shard, RanksInsideAnArrayTaskDivideItFurther) {
  expect_shard(from_environment({{"SLURM_ARRAY_TASK_ID", "1"},
                                 {"SLURM_ARRAY_TASK_COUNT", "2"},
                                 {"SLURM_PROCID", "2"},
                                 {"SLURM_STEP_NUM_TASKS", "3"}}),
               5, 6);
}

results::Record numbered(std::size_t job) {
  results::Record record;
  record.record_id = std::to_string(job);
  return record;
}

TEST(OrderedPool, HandsResultsOverInOrder) {
  std::vector<std::string> order;
  run_in_order(1000, 4, numbered, [&](std::vector<results::Record>&& ready) {
    for (const results::Record& record : ready) order.push_back(record.record_id);
    return true;
  });
  ASSERT_EQ(order.size(), 1000U);
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], std::to_string(i));
}

TEST(OrderedPool, StopsWhenToldAndPassesErrorsOn) {
  std::size_t taken = 0;
  run_in_order(100000, 2, numbered, [&](std::vector<results::Record>&& ready) {
    taken += ready.size();
    return false;
  });
  EXPECT_GE(taken, 1U);
  EXPECT_LT(taken, 1000U);
  const auto failing = [](std::size_t job) {
    if (job == 7) throw std::runtime_error("job 7");
    return numbered(job);
  };
  EXPECT_THROW(run_in_order(100, 2, failing, [](std::vector<results::Record>&&) { return true; }),
               std::runtime_error);
  EXPECT_THROW(run_in_order(100, 2, numbered,
                            [](std::vector<results::Record>&&) -> bool {
                              throw std::runtime_error("disk full");
                            }),
               std::runtime_error);
}

}  // namespace
}  // namespace jb::harness
