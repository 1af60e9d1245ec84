// The CPU's traffic model against an exact simulation of its caches: every element that the five
// loops touch, in order, through three levels with least-recently-used replacement and write-back.
//
// What the model leaves out, and the simulation does not, bounds how far they may stand apart:
//  - lines: a level moves whole lines, and blocks end inside them;
//  - packing: B~ and A~ are written into the hierarchy, and B~ is read back from DRAM by nobody
//  (the
//    model counts it where it is used); buffers of one block each stay in the caches meant for
//    them;
//  - capacity: blocks fill a part of their cache, so that what streams past them does not push them
//    out at once. The caches below are four times as large as their blocks for that reason.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/energy/cpu_traffic.h"

namespace jb {
namespace {

constexpr std::int64_t kLine = 4;  // elements

/// Which operand an address belongs to.
enum Operand { kA, kB, kC, kPackedA, kPackedB, kOperands };

struct Moved {
  std::int64_t read[kOperands] = {};     // elements fetched into the level
  std::int64_t written[kOperands] = {};  // elements written back out of it
};

/// One fully associative level with least-recently-used replacement.
class Level {
 public:
  Level(std::int64_t elements, Level* below) : lines_(elements / kLine), below_(below) {}

  void access(std::int64_t line, Operand operand, bool write) {
    const auto found = where_.find(line);
    if (found != where_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      order_.front().dirty = order_.front().dirty || write;
      return;
    }
    moved.read[operand] += kLine;
    if (below_ != nullptr) below_->access(line, operand, false);
    order_.push_front({line, operand, write});
    where_[line] = order_.begin();
    if (static_cast<std::int64_t>(order_.size()) > lines_) evict();
  }

  void flush() {
    while (!order_.empty()) evict();
  }

  Moved moved;

 private:
  struct Entry {
    std::int64_t line;
    Operand operand;
    bool dirty;
  };

  void evict() {
    const Entry last = order_.back();
    order_.pop_back();
    where_.erase(last.line);
    if (!last.dirty) return;
    moved.written[last.operand] += kLine;
    if (below_ != nullptr) below_->access(last.line, last.operand, true);
  }

  std::int64_t lines_;
  Level* below_;
  std::list<Entry> order_;
  std::unordered_map<std::int64_t, std::list<Entry>::iterator> where_;
};

/// The five loops of a product in the model's order, on addresses.
class FiveLoops {
 public:
  FiveLoops(const GemmShape& shape, const CpuBlocking& block, Level& top)
      : s_(shape), b_(block), top_(top) {
    std::int64_t next = 0;
    const auto place = [&](Operand operand, std::int64_t elements) {
      base_[operand] = next;
      next += (elements / kLine + 2) * kLine;
    };
    place(kA, s_.m * s_.k);
    place(kB, s_.k * s_.n);
    place(kC, s_.m * s_.n);
    place(kPackedA, b_.mc * b_.kc);
    place(kPackedB, b_.kc * b_.nc);
  }

  void run() {
    for (std::int64_t jc = 0; jc < s_.n; jc += b_.nc) {
      const std::int64_t nc = std::min(b_.nc, s_.n - jc);
      for (std::int64_t pc = 0; pc < s_.k; pc += b_.kc) {
        const std::int64_t kc = std::min(b_.kc, s_.k - pc);
        for (std::int64_t p = 0; p < kc; ++p) {
          for (std::int64_t j = 0; j < nc; ++j) {
            touch(kB, (pc + p) * s_.n + jc + j, false);
            touch(kPackedB, (j / b_.nr) * b_.nr * kc + p * b_.nr + j % b_.nr, true);
          }
        }
        for (std::int64_t ic = 0; ic < s_.m; ic += b_.mc) rows(jc, nc, pc, kc, ic);
      }
    }
  }

 private:
  void rows(std::int64_t jc, std::int64_t nc, std::int64_t pc, std::int64_t kc, std::int64_t ic) {
    const std::int64_t mc = std::min(b_.mc, s_.m - ic);
    for (std::int64_t i = 0; i < mc; ++i) {
      for (std::int64_t p = 0; p < kc; ++p) {
        touch(kA, (ic + i) * s_.k + pc + p, false);
        touch(kPackedA, (i / b_.mr) * b_.mr * kc + p * b_.mr + i % b_.mr, true);
      }
    }
    for (std::int64_t jr = 0; jr < nc; jr += b_.nr) {
      for (std::int64_t ir = 0; ir < mc; ir += b_.mr) {
        for (std::int64_t p = 0; p < kc; ++p) {
          for (std::int64_t j = 0; j < std::min(b_.nr, nc - jr); ++j) {
            touch(kPackedB, jr * kc + p * b_.nr + j, false);
          }
          for (std::int64_t i = 0; i < std::min(b_.mr, mc - ir); ++i) {
            touch(kPackedA, ir * kc + p * b_.mr + i, false);
          }
        }
        for (std::int64_t i = 0; i < std::min(b_.mr, mc - ir); ++i) {
          for (std::int64_t j = 0; j < std::min(b_.nr, nc - jr); ++j) {
            touch(kC, (ic + ir + i) * s_.n + jc + jr + j, true);
          }
        }
      }
    }
  }

  void touch(Operand operand, std::int64_t element, bool write) {
    top_.access((base_[operand] + element) / kLine, operand, write);
  }

  GemmShape s_;
  CpuBlocking b_;
  Level& top_;
  std::int64_t base_[kOperands] = {};
};

struct Caches {
  Level l3, l2, l1;
  Caches(std::int64_t l1_elements, std::int64_t l2_elements, std::int64_t l3_elements)
      : l3(l3_elements, nullptr), l2(l2_elements, &l3), l1(l1_elements, &l2) {}
  void run(const GemmShape& shape, const CpuBlocking& block) {
    FiveLoops(shape, block, l1).run();
    l1.flush();
    l2.flush();
    l3.flush();
  }
};

// Small enough to simulate, with the proportions of a real machine: kc nr in L1, mc kc in L2, kc nc
// in L3.
CpuBlocking small_blocks() {
  CpuBlocking block;
  block.mr = 4;
  block.nr = 8;
  block.mc = 16;
  block.kc = 16;
  block.nc = 48;
  return block;
}

// Largest share by which whole lines exceed the elements wanted: rows of blocks of at least
// `length` elements, of which each may begin and end inside a line.
double line_slack(std::int64_t length) {
  return 2.0 * static_cast<double>(kLine - 1) / static_cast<double>(length);
}

TEST(CpuCacheSimulation, TheLastLevelMovesWhatTheModelCounts) {
  const CpuBlocking block = small_blocks();
  for (const GemmShape shape : {GemmShape{40, 96, 64}, GemmShape{64, 48, 48},
                                GemmShape{96, 104, 40}, GemmShape{48, 144, 96}}) {
    Caches caches(4 * block.kc * block.nr, 4 * block.mc * block.kc, 4 * block.kc * block.nc);
    caches.run(shape, block);
    CpuGeometry geometry;
    geometry.blocking = block;
    geometry.lanes = 8;
    geometry.last_level_elements = 0;  // C and A are larger than what is left of this cache
    const CpuTraffic model = cpu_traffic(shape, geometry);
    const Moved& dram = caches.l3.moved;
    const std::string what = to_string(shape);
    // A: rows of kc elements; what of it stays in L3 from one column block to the next lowers it.
    EXPECT_LE(static_cast<double>(dram.read[kA]), model.dram_a_read * (1 + line_slack(block.kc)))
        << what;
    EXPECT_GE(static_cast<double>(dram.read[kA]),
              static_cast<double>(shape.m) * static_cast<double>(shape.k))
        << what;
    // B once, by rows of min(n, nc).
    EXPECT_NEAR(static_cast<double>(dram.read[kB]), model.dram_b_read,
                model.dram_b_read * line_slack(std::min(shape.n, block.nc)))
        << what;
    // C: at most once per block of k and at least once.
    const double c_once = static_cast<double>(shape.m) * static_cast<double>(shape.n);
    EXPECT_LE(static_cast<double>(dram.read[kC]), model.dram_c_read * (1 + line_slack(block.nr)))
        << what;
    EXPECT_GE(static_cast<double>(dram.read[kC]), c_once) << what;
    EXPECT_GE(static_cast<double>(dram.written[kC]), c_once) << what;
    EXPECT_LE(static_cast<double>(dram.written[kC]),
              model.dram_c_write * (1 + line_slack(block.nr)))
        << what;
  }
}

TEST(CpuCacheSimulation, AResidentCMovesOnce) {
  // With a last level that holds all, the model counts compulsory traffic, and so does the cache.
  const CpuBlocking block = small_blocks();
  const GemmShape shape{40, 96, 64};
  const std::int64_t all = 2 * (40 * 96 + 40 * 64 + 64 * 96 + block.kc * block.nc);
  Caches caches(4 * block.kc * block.nr, 4 * block.mc * block.kc, all);
  caches.run(shape, block);
  CpuGeometry geometry;
  geometry.blocking = block;
  geometry.lanes = 8;
  geometry.last_level_elements = all;
  const CpuTraffic model = cpu_traffic(shape, geometry);
  // Rows of A, B and C are whole lines here (96 and 64 are multiples of four): equal, but for the
  // packed blocks, which the model leaves on the chip.
  EXPECT_EQ(static_cast<double>(caches.l3.moved.read[kA]), model.dram_a_read);
  EXPECT_EQ(static_cast<double>(caches.l3.moved.read[kB]), model.dram_b_read);
  EXPECT_EQ(static_cast<double>(caches.l3.moved.read[kC]), model.dram_c_read);
  EXPECT_EQ(static_cast<double>(caches.l3.moved.written[kC]), model.dram_c_write);
  EXPECT_LE(caches.l3.moved.read[kPackedA] + caches.l3.moved.read[kPackedB],
            block.mc * block.kc + block.kc * block.nc + 4 * kLine);
}

TEST(CpuCacheSimulation, TheUpperLevelsMoveWhatTheModelCounts) {
  const CpuBlocking block = small_blocks();
  for (const GemmShape shape : {GemmShape{64, 96, 64}, GemmShape{48, 144, 96}}) {
    Caches caches(4 * block.kc * block.nr, 4 * block.mc * block.kc, 4 * block.kc * block.nc);
    caches.run(shape, block);
    CpuGeometry geometry;
    geometry.blocking = block;
    geometry.lanes = 8;
    const CpuTraffic model = cpu_traffic(shape, geometry);
    const std::string what = to_string(shape);
    // L3 to L2: B~ once for each row block, C once per block of k, A once per column block. A~ and
    // B~ are packed through the same caches: each is fetched once more as it is written.
    const Moved& l2 = caches.l2.moved;
    const double packing = static_cast<double>(shape.k) * static_cast<double>(shape.n);
    EXPECT_GE(static_cast<double>(l2.read[kPackedB]), model.l3_b_read) << what;
    EXPECT_LE(static_cast<double>(l2.read[kPackedB]), model.l3_b_read + packing) << what;
    EXPECT_NEAR(static_cast<double>(l2.read[kC]), model.l3_c_read,
                model.l3_c_read * line_slack(block.nr))
        << what;
    EXPECT_NEAR(static_cast<double>(l2.read[kA]), model.l3_a_read,
                model.l3_a_read * line_slack(block.kc))
        << what;
    // L2 to L1: A~ once for each micro-panel of B~, which stays in L1 meanwhile.
    const Moved& l1 = caches.l1.moved;
    const double a_packing = model.l3_a_read;
    EXPECT_GE(static_cast<double>(l1.read[kPackedA]),
              model.l2_a_read - a_packing)
        << what;  // the block packed last may still be there
    EXPECT_LE(static_cast<double>(l1.read[kPackedA]), model.l2_a_read + a_packing) << what;
    EXPECT_GE(static_cast<double>(l1.read[kPackedB]), model.l2_b_read) << what;
    EXPECT_LE(static_cast<double>(l1.read[kPackedB]), model.l2_b_read + packing) << what;
  }
}

TEST(CpuCacheSimulation, TheCacheItselfIsExact) {
  // Two lines of four elements: x y x z evicts y; y comes back and evicts x, which was written.
  Level level(2 * kLine, nullptr);
  level.access(0, kA, true);
  level.access(1, kB, false);
  level.access(0, kA, false);
  level.access(2, kC, false);
  level.access(0, kA, false);
  EXPECT_EQ(level.moved.read[kA], kLine);
  level.access(1, kB, false);
  EXPECT_EQ(level.moved.read[kB], 2 * kLine);
  EXPECT_EQ(level.moved.written[kA], 0);
  level.flush();
  EXPECT_EQ(level.moved.written[kA], kLine);
  EXPECT_EQ(level.moved.written[kB], 0);
}

}  // namespace
}  // namespace jb
