// Convolutions inside networks: a run and an estimate count what the machine's own convolution
// does, whatever blocks the host lowers it in, and DRAM gives the input and not its windows.

#include <gtest/gtest.h>

#include "backends/backend.h"
#include "backends/core/linear_lowering.h"
#include "backends/energy/ledger.h"
#include "models/networks/registry.h"

namespace jb {
namespace {

struct Machine {
  const char* backend;
  const char* device;
  ElementType precision;
  bool runs_here;
};

const Machine kMachines[] = {{"systolic", "tpu-v1", ElementType::s8, true},
                             {"systolic", "scale-sim-32", ElementType::s8, true},
                             {"onednn", "host", ElementType::f32, true},
                             {"onednn", "host", ElementType::s8, true},
                             {"cublas", "h100", ElementType::f16, false}};

double dram_bytes(const Activity& activity, const PriceTable& prices, const std::string& action,
                  std::uint32_t layer) {
  double sum = 0;
  for (const ActivityRow& row : activity.rows()) {
    const Price& price = prices.prices[row.action];
    if (row.layer == layer && price.dram_bytes > 0 && price.action == action) sum += row.count;
  }
  return sum;
}

TEST(ConvInNetwork, CountsAreThoseOfTheConvolution) {
  const GraphView graph = models::build_network("lenet5").bind(3);
  for (const Machine& machine : kMachines) {
    const Backend& backend = find_backend(machine.backend);
    if (machine.runs_here && !backend.available()) continue;
    const auto device =
        backend.open(load_device(backend, machine.device), {1, 0, machine.precision});
    CompileOptions options;
    options.precision = machine.precision;
    const auto executable = device->compile(graph, options);
    Activity counts = executable->estimate(graph);
    std::size_t convolutions = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const NodeView& node = graph.nodes[i];
      if (node.op != Op::conv) continue;
      ++convolutions;
      const LinearProduct product = products_of(graph, node).at(0);
      const auto input = static_cast<double>(elements_of(graph.value(node.inputs[0]).dims));
      ASSERT_EQ(product.operands, 1);
      const auto whole = device->count_conv({product.shape, input, 1});
      ASSERT_TRUE(whole.has_value()) << machine.device;
      const auto layer = static_cast<std::uint32_t>(i + 1);
      double read = 0;
      for (const ActivityRow& row : whole->rows()) {
        const Price& price = device->prices().prices[row.action];
        if (price.dram_bytes > 0 && price.action == "read a byte") read += row.count;
      }
      const double element = machine.precision == ElementType::f32   ? 4
                             : machine.precision == ElementType::f16 ? 2
                                                                     : 1;
      EXPECT_EQ(read, input * element) << machine.device << " " << node.name;
      EXPECT_EQ(dram_bytes(counts, executable->prices(), "read a byte", layer), read)
          << machine.device << " " << node.name;
    }
    EXPECT_EQ(convolutions, 2U);
    if (!machine.runs_here) continue;
    // A run counts what the estimate counts.
    std::vector<Tensor> outputs;
    Tensor image(DataType::f32, graph.value(graph.inputs[0]).dims);
    const Execution execution = executable->run({image}, outputs, Draw{}, nullptr);
    for (const ActivityRow& row : counts.rows()) {
      double ran = 0;
      for (const ActivityRow& other : execution.activity.rows()) {
        if (other.action == row.action && other.layer == row.layer) ran += other.count;
      }
      EXPECT_DOUBLE_EQ(ran, row.count)
          << machine.device << " " << executable->prices().prices[row.action].component << " "
          << executable->prices().prices[row.action].action << " layer " << row.layer;
    }
  }
}

}  // namespace
}  // namespace jb
