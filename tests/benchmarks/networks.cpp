// What a network costs around its products: the time of a run over the time that plans spend inside
// execute(), both in the same runs.

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "backends/backend.h"
#include "models/fusion.h"
#include "models/networks/registry.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

/// A plan that keeps the time of its products.
class TimedPlan final : public Plan {
 public:
  TimedPlan(std::unique_ptr<Plan> plan, double& spent_s)
      : plan_(std::move(plan)), spent_s_(spent_s) {}
  [[nodiscard]] const Activity& setup() const override { return plan_->setup(); }
  [[nodiscard]] bool resident() const override { return plan_->resident(); }
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                    Direction direction) override {
    Execution done;
    spent_s_ += seconds_of([&] { done = plan_->execute(a, c, draw, direction); });
    return done;
  }
  Activity update(const ConstMatrixRef& delta) override { return plan_->update(delta); }

 private:
  std::unique_ptr<Plan> plan_;
  double& spent_s_;
};

/// A machine whose plans are timed; networks run on it by the default executable.
class TimedDevice final : public Device {
 public:
  explicit TimedDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}
  double spent_s = 0;

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
    return std::make_unique<TimedPlan>(device_->plan(shape, b, mode, options), spent_s);
  }
  void set_epoch(const Epoch& epoch) override { device_->set_epoch(epoch); }
  [[nodiscard]] Epoch epoch() const override { return device_->epoch(); }
  Activity calibrate(std::string_view method) override { return device_->calibrate(method); }

 private:
  std::unique_ptr<Device> device_;
};

void add_network(const Options& options, const char* backend, const char* device,
                 const std::string& network, std::int64_t batch) {
  add_benchmark(options, fmt::format("{} on {} {}, batch {}", network, backend, device, batch),
                "x products' time", Target::at_most(1.15), 3, [=](benchmark::State& state) {
                  const std::int64_t samples = options.quick ? 2 : batch;
                  const Backend& kind = find_backend(backend);
                  TimedDevice timed(kind.open(load_device(kind, device), {}));
                  // As a run has it: what follows linear operators is taken into them.
                  models::Graph graph = models::build_network(network);
                  models::fuse(graph, timed);
                  const auto executable = timed.compile(graph.bind(samples), {});
                  const auto inputs =
                      models::draw_inputs(models::network_inputs(network), samples, 0, 1);
                  std::vector<Tensor> outputs;
                  std::vector<double> ratios;
                  for ([[maybe_unused]] auto iteration : state) {
                    timed.spent_s = 0;
                    const double whole =
                        seconds_of([&] { executable->run(inputs, outputs, Draw{}, nullptr); });
                    state.SetIterationTime(whole);
                    ratios.push_back(whole / timed.spent_s);
                  }
                  report_figure(state, median(ratios));
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
