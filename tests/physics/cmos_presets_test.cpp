// Presets of named processors against published energies of whole systems. None of these was
// measured at the boundary of the model, so that none validates a preset: the device files state
// the ratio under "compared", and their records stay unvalidated. The test keeps the stated ratios
// true.

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "backends/backend.h"
#include "backends/core/linear_lowering.h"
#include "backends/energy/ledger.h"
#include "models/networks/registry.h"

namespace jb {
namespace {

/// Joules per multiply-add, to B3, of the convolutions and products of ResNet-50 in s8.
double resnet50_J_per_mac(const Device& device, std::int64_t batch) {
  const GraphView graph = models::build_network("resnet50").bind(batch);
  double joules = 0;
  double macs = 0;
  for (const NodeView& node : graph.nodes) {
    if (node.op == Op::conv) {
      const auto& attributes = node.get<ConvAttributes>();
      const Dims& x = graph.value(node.inputs[0]).dims;
      const Dims& w = graph.value(node.inputs[1]).dims;
      ConvShape shape;
      shape.images = x[0];
      shape.in_channels = x[1];
      shape.height = x[2];
      shape.width = x[3];
      shape.out_channels = w[0];
      shape.kernel_h = w[2];
      shape.kernel_w = w[3];
      shape.stride = attributes.strides[0];
      shape.pad = attributes.pads_begin[0];
      shape.groups = attributes.groups;
      const auto counts = device.count_conv(shape.extent());
      EXPECT_TRUE(counts.has_value());
      joules += price(*counts, device.prices()).cumulative_J(Boundary::B3);
      macs += shape.macs();
      continue;
    }
    for (const LinearProduct& product : products_of(graph, node)) {
      joules += price(device.estimate(product.shape, OperandMode::stationary, {}), device.prices())
                    .cumulative_J(Boundary::B3) *
                product.products();
      macs += product.macs();
    }
  }
  EXPECT_NEAR(macs / static_cast<double>(batch), 4.089e9, 0.001e9);  // MLPerf's model
  return joules / macs;
}

void expect_stated(const DeviceSpec& spec, double modelled) {
  const PresetValidation& stated = spec.comparison();
  EXPECT_TRUE(spec.validation().against.empty()) << spec.name();
  ASSERT_GT(stated.published_J_per_mac, 0) << spec.name();
  EXPECT_FALSE(stated.caveat.empty()) << spec.name();
  EXPECT_FALSE(stated.holds()) << spec.name();
  const double ratio = modelled / stated.published_J_per_mac;
  EXPECT_NEAR(ratio, stated.ratio, 0.01 * ratio) << spec.name() << " states another ratio";
}

TEST(Presets, GpusAgainstMlperfInference) {
  // ResNet-50 v1.5 Offline in s8, watts at the wall over images per second times 4.089e9
  // multiply-adds: DGX A100 3082 W at 288,733 images/s, DGX H100 4125 W at 473,737.
  const Backend& backend = find_backend("cublas");
  for (const auto& [name, watts, images] :
       {std::tuple{"a100", 3082.0, 288733.0}, std::tuple{"h100", 4125.0, 473737.0},
        std::tuple{"h200", 4125.0, 473737.0}}) {
    const DeviceSpec spec = load_device(backend, name);
    const auto device = backend.open(spec, DeviceInstance{1, 0, ElementType::s8});
    const double published = watts / images / 4.089e9;
    EXPECT_NEAR(spec.comparison().published_J_per_mac, published, 0.002 * published) << name;
    expect_stated(spec, resnet50_J_per_mac(*device, 64));
  }
}

TEST(Presets, XeonAgainstLinpack) {
  // MareNostrum 5 GPP, TOP500 of November 2023: 40.10 PFLOPS of f64 at 5753 kW.
  const Backend& backend = find_backend("onednn");
  const DeviceSpec spec = load_device(backend, "xeon-server");
  const double published = 2 * 5753e3 / 40.10e15;
  EXPECT_NEAR(spec.comparison().published_J_per_mac, published, 0.002 * published);
  const auto device = backend.open(spec, {});
  const GemmShape shape{8192, 8192, 8192};
  const Ledger ledger =
      price(device->estimate(shape, OperandMode::stationary, {}), device->prices());
  expect_stated(spec, ledger.cumulative_J(Boundary::B3) / shape.macs());
}

TEST(Presets, AComparisonNeedsItsCaveat) {
  PresetValidation figure{"somebody", 1e-12, 1.2, ""};
  EXPECT_TRUE(figure.holds());
  figure.ratio = 2.1;
  EXPECT_FALSE(figure.holds());
  figure.ratio = 0.49;
  EXPECT_FALSE(figure.holds());
  figure.ratio = 1.2;
  figure.caveat = "another boundary";
  EXPECT_FALSE(figure.holds());
  figure = {};
  EXPECT_FALSE(figure.holds());
}

}  // namespace
}  // namespace jb
