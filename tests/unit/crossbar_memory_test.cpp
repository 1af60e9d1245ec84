// Memory that a plan keeps: at most 12 bytes for each physical device, whatever the operand's size.

#include <gtest/gtest.h>

#include <malloc.h>

#include <string>

#include "backends/inspectable.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

constexpr std::int64_t kSide = 512;
constexpr std::size_t kMostBytes = 12;  // 3 times a float

/// Bytes in use on the heap, mapped ones included; 0 where a sanitizer's heap does not tell.
std::size_t heap_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Machine {
  const char* name;
  std::initializer_list<std::pair<const char*, const char*>> settings;
  std::size_t devices_per_weight;
};

const Machine kMachines[] = {
    {"slices of PCM, planes, tiles",
     {{"cell.model", "pcm-hermes-2dev"},
      {"weight.bits", "8"},
      {"weight.slices", "4"},
      {"cell.bits", "2"},
      {"tile.rows", "128"},
      {"tile.cols", "128"},
      {"dac.bits", "8"},
      {"input.coding", "bit-serial"},
      {"adc.bits", "8"}},
     8},
    {"the same with read noise per product",
     {{"cell.model", "pcm-hermes-2dev"},
      {"weight.bits", "8"},
      {"weight.slices", "4"},
      {"cell.bits", "2"},
      {"read.white", "0.01"},
      {"dac.bits", "8"},
      {"input.coding", "bit-serial"},
      {"adc.bits", "8"}},
     8},
    {"one analog pair per weight",
     {{"cell.model", "pcm-hermes-2dev"}, {"dac.bits", "8"}, {"adc.bits", "8"}},
     2},
    {"one cell per weight",
     {{"cell.model", "pcm-hermes-1dev"},
      {"weight.mapping", "offset"},
      {"dac.bits", "8"},
      {"adc.bits", "8"}},
     1},
    {"retention and read noise",
     {{"cell.model", "sonos"}, {"cell.i_max_nA", "1600"}, {"dac.bits", "8"}, {"adc.bits", "8"}},
     2}};

TEST(CrossbarMemory, StaysWithinTwelveBytesADevice) {
  const Matrix<float> a = normal_matrix<float>(64, kSide, 1);
  const Matrix<float> b = normal_matrix<float>(kSide, kSide, 2);
  for (const Machine& machine : kMachines) {
    const std::size_t before = heap_in_use();
    DeviceSpec spec = crossbar_spec("ideal", machine.settings);
    spec.set("calibration.fit_vectors", "16");
    spec.set("calibration.vectors", "16");
    const auto device = crossbar_backend().open(spec, {});
    const auto plan = make_plan(*device, a.rows(), b);
    for (const double age_s : {0.0, 3600.0}) {
      device->set_epoch({.age_s = age_s});
      (void)device->calibrate("state");
      (void)run(*plan, a, kSide);
    }
    const HeldMemory held = dynamic_cast<const Inspectable&>(*plan).memory();
    const auto weights = static_cast<std::size_t>(kSide * kSide);
    const std::size_t devices = weights * machine.devices_per_weight;
    ASSERT_EQ(static_cast<std::size_t>(held.devices), devices) << machine.name;
    EXPECT_LE(held.conductances, kMostBytes * devices) << machine.name;
    // With what columns see laid out for products counted in, which need not be: but for single
    // cells, whose share of it is a whole float.
    EXPECT_LE(held.conductances + held.effective,
              (kMostBytes + (machine.devices_per_weight == 1 ? 4U : 0U)) * devices * 21 / 20)
        << machine.name;
    RecordProperty(
        machine.name,
        fmt::format("{:.2f} + {:.2f} bytes a device",
                    static_cast<double>(held.conductances) / static_cast<double>(devices),
                    static_cast<double>(held.effective) / static_cast<double>(devices)));
    if (before == 0) continue;
    // The heap holds no more than that says: the operand itself in float64, and workspace.
    const std::size_t told =
        held.conductances + held.effective + held.workspace + weights * sizeof(double);
    constexpr std::size_t kSlack = std::size_t{8} << 20U;  // thread's buffers, tables, converters
    EXPECT_LE(heap_in_use() - before, told + told / 20 + kSlack) << machine.name;
    EXPECT_LE(held.workspace, std::size_t{64} << 20U);
  }
}

}  // namespace
}  // namespace jb::test
