// Sliced bit-serial products of the crossbar, solving its wires, programming and ageing it.

#include <fmt/format.h>

#include <memory>

#include "backends/backend.h"
#include "backends/crossbar/wire_solver.h"
#include "tests/benchmarks/plain_gemm.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

using Settings = std::vector<std::pair<const char*, std::string>>;
constexpr double kSeconds = 3;
const char* const kRate = "logical GMAC/s";
const char* const kTimes = "x plain time";

Matrix<float> operand(std::int64_t rows, std::int64_t cols, std::uint64_t which) {
  const RandomStream stream(1, 0, tag_of("benchmark.operand"), which);
  Matrix<float> x(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals({x.data() + i * cols, static_cast<std::size_t>(cols)}, i, 0, 0);
  }
  return x;
}

/// Weights of 8 bits in 4 slices of 2, inputs of 8 bits in 7 planes, an ADC behind each of them.
Settings sliced(const std::string& tile_rows) {
  return {{"weight.bits", "8"},   {"weight.slices", "4"},     {"cell.bits", "2"},
          {"cell.on_off", "100"}, {"dac.bits", "8"},          {"input.coding", "bit-serial"},
          {"adc.bits", "8"},      {"adc.style", "quantizer"}, {"adc.range", "given"},
          {"adc.limit", "64"},    {"tile.rows", tile_rows}};
}

std::unique_ptr<Device> open(const Settings& settings) {
  const Backend& backend = find_backend("crossbar");
  DeviceSpec spec = load_device(backend, "ideal");
  for (const auto& setting : settings) spec.set(setting.first, setting.second);
  return backend.open(spec, {});
}

Settings with(Settings settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

void add_sliced(const Options& options, const std::string& what, const Settings& settings,
                Target rate, Target times) {
  const GemmShape shape{options.size(512), options.size(1024), options.size(1024)};
  const auto compared = [settings, shape](benchmark::State& state) {
    const auto device = open(settings);
    device->set_epoch({.age_s = 86400});
    const Matrix<float> a = operand(shape.m, shape.k, 1);
    const Matrix<float> b = operand(shape.k, shape.n, 2);
    Matrix<float> c(shape.m, shape.n);
    Matrix<float> plain_c(shape.m, shape.n);
    const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
    const auto plain = make_plain_gemm(shape.m, b);
    std::uint64_t call = 0;
    return time_in_turns(
        state,
        [&] {
          const Execution done = plan->execute(a.view(), c.view(), {call++, 0}, Direction::forward);
          benchmark::DoNotOptimize(done.activity.device_time_s);
        },
        [&] { plain->execute(a.data(), plain_c.data()); });
  };
  add_benchmark(options, "crossbar 4 slices x 7 planes, " + what, kRate, rate, kSeconds,
                [=](benchmark::State& state) {
                  const double macs = static_cast<double>(shape.m) * static_cast<double>(shape.n) *
                                      static_cast<double>(shape.k);
                  report_figure(state, macs / compared(state).candidate_s * 1e-9);
                });
  add_benchmark(options, "crossbar 4 slices x 7 planes, " + what + ", as ratio", kTimes, times,
                kSeconds,
                [=](benchmark::State& state) { report_figure(state, compared(state).ratio); });
}

void add_products_of_slices(const Options& options) {
  const Settings noisy = {{"cell.model", "pcm-hermes-2dev"}, {"cell.bits", "2"}};
  const Settings reads = with(noisy, {{"read.white", "0.01"}});
  add_sliced(options, "noisy cells, whole array", with(sliced("0"), noisy), Target::at_least(11),
             Target::at_most(14));
  add_sliced(options, "noisy cells, 128x128 tiles",
             with(sliced("128"), with(noisy, {{"tile.cols", "128"}})), Target::at_least(10),
             Target::at_most(15));
  add_sliced(options, "ideal integer cells, whole array", sliced("0"), Target::at_least(16), {});
  add_sliced(options, "ideal integer cells, 128x128 tiles",
             with(sliced("128"), {{"tile.cols", "128"}}), Target::at_least(14), {});
  add_sliced(options, "read noise per product, whole array", with(sliced("0"), reads),
             Target::at_least(4), {});
  add_sliced(options, "read noise per product, 128x128 tiles",
             with(sliced("128"), with(reads, {{"tile.cols", "128"}})), Target::at_least(2.8), {});
}

Matrix<double> conductances(std::int64_t size, std::uint64_t which) {
  const Matrix<float> x = operand(size, size, which);
  Matrix<double> g(size, size);
  for (std::int64_t i = 0; i < g.size(); ++i) {
    g.data()[i] = std::min(1.0, std::max(0.01, 0.4 * static_cast<double>(x.data()[i])));
  }
  return g;
}

void add_wires(const Options& options) {
  const std::int64_t size = options.quick ? 16 : 128;
  add_benchmark(options, "crossbar wires, a 128x128 tile alone", "s", Target::at_most(0.05), 2,
                [size](benchmark::State& state) {
                  crossbar::WireModel model;
                  model.topology = crossbar::WireTopology::input_source;
                  model.row_rho = model.col_rho = 1e-4;
                  const Matrix<double> g = conductances(size, 3);
                  Matrix<double> out(size, size);
                  report_figure(state, 1 / rate_of(state, 1, [&] {
                                         crossbar::solve_input_source(model, g.view(), out.view());
                                       }));
                });
  add_benchmark(options, "crossbar wires, 128x128 tiles on all cores, each", "s",
                Target::at_most(0.025), 4, [size](benchmark::State& state) {
                  // Eight tiles of differential pairs: sixteen networks, solved at the first
                  // product.
                  const Matrix<float> b = operand(2 * size, 4 * size, 4);
                  const Matrix<float> a = operand(1, 2 * size, 5);
                  Matrix<float> c(1, 4 * size);
                  const std::string rows = std::to_string(size);
                  const auto device = open({{"tile.rows", rows},
                                            {"tile.cols", rows},
                                            {"cell.on_off", "100"},
                                            {"cell.model", "pcm-hermes-2dev"},
                                            {"wire.row_ohm", "1"},
                                            {"wire.col_ohm", "1"},
                                            {"wire.topology", "input-source"},
                                            {"adc.bits", "8"}});
                  const auto plan =
                      device->plan({1, b.cols(), b.rows()}, b.view(), OperandMode::stationary, {});
                  double age = 1;
                  report_figure(state, 1 / rate_of(state, 16, [&] {
                                         age *= 1.1;
                                         device->set_epoch({.age_s = age});
                                         (void)plan->execute(a.view(), c.view(), {},
                                                             Direction::forward);
                                       }));
                });
}

/// Once solved, a product behind wires is the same work as without them.
void add_product_behind_wires(const Options& options) {
  const std::int64_t size = options.size(1024);
  const Settings tiles =
      with(sliced("64"), {{"tile.cols", "64"}, {"cell.model", "pcm-hermes-2dev"}});
  const Settings wires = with(
      tiles, {{"wire.topology", "input-source"}, {"wire.row_ohm", "1"}, {"wire.col_ohm", "1"}});
  add_benchmark(options, "crossbar 4 slices x 7 planes, behind wires, 64x64 tiles", "x without",
                Target::at_most(1.05), kSeconds, [=](benchmark::State& state) {
                  const GemmShape shape{options.size(512), size, size};
                  const Matrix<float> a = operand(shape.m, shape.k, 1);
                  const Matrix<float> b = operand(shape.k, shape.n, 2);
                  Matrix<float> c(shape.m, shape.n);
                  const auto device = open(tiles);
                  const auto wired = open(wires);
                  const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
                  const auto behind = wired->plan(shape, b.view(), OperandMode::stationary, {});
                  const auto product = [&](Plan& p) {
                    (void)p.execute(a.view(), c.view(), {}, Direction::forward);
                  };
                  product(*behind);  // solves
                  report_figure(state,
                                time_in_turns(
                                    state, [&] { product(*behind); }, [&] { product(*plan); })
                                    .ratio);
                });
}

void add_programming(const Options& options) {
  const std::int64_t size = options.size(1024);
  const Settings settings =
      with(sliced("128"), {{"cell.model", "pcm-hermes-2dev"}, {"tile.cols", "128"}});
  add_benchmark(
      options, "crossbar, programming 1 M weights in 4 slices", "s", Target::at_most(0.05), 2,
      [=](benchmark::State& state) {
        const auto device = open(settings);
        const Matrix<float> b = operand(size, size, 2);
        Matrix<float> delta(size, size);
        const auto plan = device->plan({512, size, size}, b.view(), OperandMode::stationary, {});
        report_figure(state, 1 / rate_of(state, 1, [&] { (void)plan->update(delta.view()); }));
      });
  add_benchmark(
      options, "crossbar, an age step of 1 M weights in 4 slices", "s", Target::at_most(0.005), 2,
      [=](benchmark::State& state) {
        const auto device = open(settings);
        const Matrix<float> b = operand(size, size, 2);
        const Matrix<float> a = operand(1, size, 3);
        Matrix<float> c(1, size);
        const auto plan = device->plan({512, size, size}, b.view(), OperandMode::stationary, {});
        (void)plan->execute(a.view(), c.view(), {}, Direction::forward);
        double age = 1;
        // The step and the product of one vector after it, less such a product.
        std::vector<double> steps;
        for ([[maybe_unused]] auto iteration : state) {
          age *= 1.1;
          const double both = seconds_of([&] {
            device->set_epoch({.age_s = age});
            (void)plan->execute(a.view(), c.view(), {}, Direction::forward);
          });
          const double product =
              seconds_of([&] { (void)plan->execute(a.view(), c.view(), {}, Direction::forward); });
          state.SetIterationTime(both);
          steps.push_back(both - product);
        }
        report_figure(state, median(steps));
      });
}

}  // namespace

void add_crossbars(const Options& options) {
  add_products_of_slices(options);
  add_wires(options);
  add_product_behind_wires(options);
  add_programming(options);
}

}  // namespace jb::bench
