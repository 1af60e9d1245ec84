// What a network costs around its products: the time of a run over the time of the same products
// formed directly, on matrices that lie there lowered, run in turns.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "models/fusion.h"
#include "models/networks/registry.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

/// A product as a network asked for it.
struct Product {
  Plan* plan;
  Matrix<float> a;
  std::int64_t cols;
  Draw draw;
};

/// A plan that keeps what it multiplies while `products` is not null.
class RecordingPlan final : public Plan {
 public:
  RecordingPlan(std::unique_ptr<Plan> plan, std::vector<Product>* const& products)
      : plan_(std::move(plan)), products_(products) {}
  [[nodiscard]] const Activity& setup() const override { return plan_->setup(); }
  [[nodiscard]] bool resident() const override { return plan_->resident(); }
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                    Direction direction) override {
    if (products_ != nullptr) {
      products_->push_back({plan_.get(), copy_as<float>(a), c.cols, draw});
    }
    return plan_->execute(a, c, draw, direction);
  }
  std::optional<Execution> execute_rows(const RowSource<float>& a, const MatrixRef& c,
                                        const Draw& draw) override {
    if (products_ != nullptr) return std::nullopt;  // comes again as a matrix
    return plan_->execute_rows(a, c, draw);
  }
  Activity update(const ConstMatrixRef& delta) override { return plan_->update(delta); }

 private:
  std::unique_ptr<Plan> plan_;
  std::vector<Product>* const& products_;
};

/// A machine whose plans record; networks run on it by the default executable.
class RecordingDevice final : public Device {
 public:
  explicit RecordingDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}
  std::vector<Product>* products = nullptr;

  [[nodiscard]] const DeviceSpec& spec() const override { return device_->spec(); }
  [[nodiscard]] const PriceTable& prices() const override { return device_->prices(); }
  [[nodiscard]] Support supports(const GemmShape& shape, OperandMode mode,
                                 ElementType precision) const override {
    return device_->supports(shape, mode, precision);
  }
  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& statistics) const override {
    return device_->estimate(shape, mode, statistics);
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    return device_->estimate_setup(shape, mode);
  }
  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    return std::make_unique<RecordingPlan>(device_->plan(shape, b, mode, options), products);
  }
  void set_epoch(const Epoch& epoch) override { device_->set_epoch(epoch); }
  [[nodiscard]] Epoch epoch() const override { return device_->epoch(); }
  Activity calibrate(std::string_view method) override { return device_->calibrate(method); }

 private:
  std::unique_ptr<Device> device_;
};

/// All products, each into the same memory.
void multiply_all(const std::vector<Product>& products, std::vector<float>& c) {
  for (const Product& product : products) {
    const std::int64_t rows = product.a.rows();
    c.resize(std::max(c.size(), static_cast<std::size_t>(rows * product.cols)));
    product.plan->execute(product.a.view(),
                          MatrixView<float>{c.data(), rows, product.cols, product.cols, 1},
                          product.draw, Direction::forward);
  }
}

void add_network(const Options& options, const char* backend, const char* device,
                 const std::string& network, std::int64_t batch) {
  add_benchmark(options, fmt::format("{} on {} {}, batch {}", network, backend, device, batch),
                "x products' time", Target::at_most(1.15), 3, [=](benchmark::State& state) {
                  const std::int64_t samples = options.quick ? 2 : batch;
                  const Backend& kind = find_backend(backend);
                  RecordingDevice machine(kind.open(load_device(kind, device), {}));
                  // As a run has it: what follows linear operators is taken into them.
                  models::Graph graph = models::build_network(network);
                  models::fuse(graph, machine);
                  const auto executable = machine.compile(graph.bind(samples), {});
                  const auto inputs =
                      models::draw_inputs(models::network_inputs(network), samples, 0, 1);
                  std::vector<Tensor> outputs;
                  std::vector<Product> products;
                  machine.products = &products;
                  executable->run(inputs, outputs, Draw{}, nullptr);
                  machine.products = nullptr;
                  std::vector<float> c;
                  const Pair pair = time_in_turns(
                      state, [&] { executable->run(inputs, outputs, Draw{}, nullptr); },
                      [&] { multiply_all(products, c); });
                  report_figure(state, pair.ratio);
                });
}

}  // namespace

void add_networks(const Options& options) {
  for (const auto& [backend, device] :
       {std::pair{"photonic", "photonic-2025"}, std::pair{"crossbar", "pcm-hermes"}}) {
    // The MNIST test set at once, a small and a large convolutional network.
    add_network(options, backend, device, "mlp-784-1000-1000-10", 10000);
    add_network(options, backend, device, "lenet5", 1000);
    add_network(options, backend, device, "resnet18", 1);
  }
}

}  // namespace jb::bench
