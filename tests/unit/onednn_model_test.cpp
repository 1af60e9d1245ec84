// The CPU's energy model: detection of this computer, refusal of contradictions, counts.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "backends/backend.h"
#include "backends/core/threads.h"
#include "backends/energy/ledger.h"
#include "backends/onednn/cpu_model.h"
#include "backends/onednn/host_cpu.h"

namespace jb {
namespace {

namespace fs = std::filesystem;

// A folder that looks like / of some computer, removed at the end.
class FakeSystem {
 public:
  explicit FakeSystem(const std::string& name)
      : root_(fs::temp_directory_path() / ("jb_" + name + "_" + std::to_string(::getpid()))) {
    fs::create_directories(root_);
  }
  ~FakeSystem() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  FakeSystem(const FakeSystem&) = delete;
  FakeSystem& operator=(const FakeSystem&) = delete;

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void cache(int index, const std::string& level, const std::string& type,
             const std::string& size) const {
    const std::string folder = "sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    write(folder + "/level", level + "\n");
    write(folder + "/type", type + "\n");
    write(folder + "/size", size + "\n");
  }
  [[nodiscard]] const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

TEST(HostCpu, ReadsCachesClockAndLanes) {
  const FakeSystem system("full");
  system.cache(0, "1", "Data", "48K");
  system.cache(1, "1", "Instruction", "32K");
  system.cache(2, "2", "Unified", "2M");
  system.cache(3, "3", "Unified", "107520K");
  system.write("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3800000\n");
  system.write("proc/cpuinfo", "cpu MHz\t\t: 2000.000\nflags\t\t: fpu sse2 avx2 avx512f\n");
  const onednn::HostCpu cpu = onednn::detect_host_cpu(system.root());
  EXPECT_EQ(cpu.l1_bytes, 48 << 10);
  EXPECT_EQ(cpu.l2_bytes, 2 << 20);
  EXPECT_EQ(cpu.l3_bytes, 105 << 20);
  EXPECT_EQ(cpu.clock_Hz, 3.8e9);
  EXPECT_EQ(cpu.lanes, 16);
  EXPECT_EQ(cpu.cores, available_threads());
}

TEST(HostCpu, FallsBackWhereTheSystemIsSilentOrBroken) {
  const FakeSystem empty("empty");
  const onednn::HostCpu cpu = onednn::detect_host_cpu(empty.root());
  EXPECT_EQ(cpu.clock_Hz, onednn::kFallbackClock_Hz);
  EXPECT_EQ(cpu.lanes, onednn::kFallbackLanes);
  EXPECT_EQ(cpu.l1_bytes, onednn::kFallbackL1_bytes);
  EXPECT_EQ(cpu.l2_bytes, onednn::kFallbackL2_bytes);
  EXPECT_EQ(cpu.l3_bytes, onednn::kFallbackL3_bytes);

  const FakeSystem broken("broken");
  broken.cache(0, "1", "Data", "lots");
  broken.cache(1, "2", "Unified", "-5K");
  broken.write("proc/cpuinfo", "cpu MHz : 1500.5\ncpu MHz : 2500.5\nflags : avx2\n");
  const onednn::HostCpu odd = onednn::detect_host_cpu(broken.root());
  EXPECT_EQ(odd.l1_bytes, onednn::kFallbackL1_bytes);
  EXPECT_EQ(odd.l2_bytes, onednn::kFallbackL2_bytes);
  EXPECT_EQ(odd.clock_Hz, 2500.5e6);
  EXPECT_EQ(odd.lanes, 8);
}

TEST(HostCpu, WithoutAThirdLevelTheSecondIsTheLast) {
  const FakeSystem system("two");
  system.cache(0, "2", "Unified", "512K");
  EXPECT_EQ(onednn::detect_host_cpu(system.root()).l3_bytes, 512 << 10);
}

class CpuModelTest : public ::testing::Test {
 protected:
  DeviceSpec spec(const std::string& name,
                  const std::vector<std::pair<std::string, std::string>>& set = {}) {
    DeviceSpec out = load_device(backend_, name);
    for (const auto& [key, value] : set) out.set(key, value);
    return out;
  }
  std::string refusal(const DeviceSpec& bad) {
    try {
      const auto device = backend_.open(bad, {});
      return "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      return e.what();
    }
  }
  const Backend& backend_ = find_backend("onednn");
};

TEST_F(CpuModelTest, TheHostIsReadWhenItIsOpened) {
  const onednn::CpuModel model(spec("host"));
  EXPECT_EQ(model.geometry().lanes, onednn::detect_host_cpu().lanes);
  EXPECT_TRUE(model.runs_here());
  EXPECT_EQ(model.peak_mac_per_s(), 0) << "a detected clock is no bound";
  // Blocks shrink to small detected caches: one of the host never contradicts the preset.
  EXPECT_GE(model.geometry().blocking.kc, 1);
}

TEST_F(CpuModelTest, ContradictionsAreRefusedByNameWithTheRange) {
  const std::string depth = refusal(spec("xeon-server", {{"blocking.kc", "1000"}}));
  EXPECT_NE(depth.find("blocking.kc"), std::string::npos) << depth;
  // 49152 B of L1 / 4 B / 16 columns.
  EXPECT_NE(depth.find("1 to 768"), std::string::npos) << depth;
  EXPECT_NE(refusal(spec("xeon-server", {{"cores", "0"}})).find("cores"), std::string::npos);
  EXPECT_NE(refusal(spec("xeon-server", {{"clock_Hz", "0"}})).find("clock_Hz"), std::string::npos);
  EXPECT_EQ(refusal(spec("xeon-server", {{"blocking.kc", "256"}})), "accepted");
}

TEST_F(CpuModelTest, ADynamicOperandIsPackedInEveryProduct) {
  const onednn::CpuModel model(spec("xeon-server"));
  const GemmShape shape{64, 100, 784};
  const double stationary =
      price(model.execute(shape, OperandMode::stationary), model.prices()).dram_bytes();
  const double dynamic =
      price(model.execute(shape, OperandMode::dynamic), model.prices()).dram_bytes();
  const double packing = price(model.pack(shape), model.prices()).dram_bytes();
  EXPECT_EQ(packing, 2 * 100 * 784 * 4);
  EXPECT_EQ(dynamic - stationary, packing);
  const auto device = backend_.open(spec("xeon-server"), {});
  EXPECT_TRUE(device->estimate_setup(shape, OperandMode::dynamic).rows().empty());
  EXPECT_EQ(
      price(device->estimate_setup(shape, OperandMode::stationary), device->prices()).dram_bytes(),
      packing);
}

TEST_F(CpuModelTest, AnEmptyProductCostsNothing) {
  const onednn::CpuModel model(spec("xeon-server"));
  for (const GemmShape shape : {GemmShape{0, 4, 4}, GemmShape{4, 4, 0}}) {
    EXPECT_EQ(price(model.execute(shape, OperandMode::dynamic), model.prices()).total_J(), 0);
  }
}

}  // namespace
}  // namespace jb
