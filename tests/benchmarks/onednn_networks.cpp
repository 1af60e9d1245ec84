// Networks on `onednn` against the oneDNN primitives that they consist of, called directly.

#include <algorithm>
#include <memory>

#include "backends/backend.h"
#include "models/networks/registry.h"
#include "tests/benchmarks/plain_network.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

const char* const kSpeed = "x plain speed";

/// `samples` of a network in batches of `batch`; the plain calls as often.
void add_network(const Options& options, const std::string& what, const std::string& name,
                 std::int64_t samples, std::int64_t batch, double seconds, Target target) {
  add_benchmark(options, what, kSpeed, target, seconds, [=](benchmark::State& state) {
    const Backend& backend = find_backend("onednn");
    const auto device = backend.open(load_device(backend, "host"), {});
    const GraphView graph = models::build_network(name).bind(batch);
    const auto executable = device->compile(graph, {});
    const auto plain = make_plain_network(graph);
    const std::vector<Tensor> inputs =
        models::draw_inputs(models::network_inputs(name), batch, 0, 1);
    std::vector<Tensor> outputs;
    const Pair pair = time_in_turns(
        state,
        [&] {
          for (std::int64_t done = 0; done < samples; done += batch) {
            executable->run(inputs, outputs, {}, nullptr);
          }
        },
        [&] {
          for (std::int64_t done = 0; done < samples; done += batch) plain->execute();
        });
    report_figure(state, 1 / pair.ratio);
  });
}

/// Rate of one sample at a time, weights packed beforehand; `sequence` 0: the default.
void add_rate(const Options& options, const std::string& name, std::int64_t sequence,
              bool streamed) {
  const std::string what = "onednn " + name + ", batch 1" + (streamed ? ", streamed" : "");
  add_benchmark(options, what, "GMAC/s", {}, 5, [=](benchmark::State& state) {
    const Backend& backend = find_backend("onednn");
    const auto device = backend.open(load_device(backend, "host"), {});
    models::NetworkOptions sizes;
    sizes.sequence = sequence;
    const GraphView graph = models::build_network(name, sizes).bind(1);
    CompileOptions compile;
    compile.streamed = streamed;
    const auto executable = device->compile(graph, compile);
    const std::vector<Tensor> inputs =
        models::draw_inputs(models::network_inputs(name, sizes), 1, 0, 1);
    std::vector<Tensor> outputs;
    report_figure(state, 1e-9 * rate_of(state, graph.macs(),
                                        [&] { executable->run(inputs, outputs, {}, nullptr); }));
  });
}

}  // namespace

void add_onednn_networks(const Options& options) {
  if (!find_backend("onednn").available()) return;
  const std::int64_t images = options.quick ? 100 : 10000;
  add_network(options, "onednn mlp-784-1000-1000-10, MNIST test set, batch 1000",
              "mlp-784-1000-1000-10", images, std::min<std::int64_t>(images, 1000), 6,
              Target::at_least(0.95));
  add_network(options, "onednn resnet50, batch 8, to its convolutions",
              options.quick ? "lenet5" : "resnet50", 8, 8, 6, Target::at_least(0.9));
  if (options.quick) return;  // sizes are the networks' own
  for (const char* name : {"alexnet", "vgg16", "resnet18", "resnet50", "mobilenet-v2",
                           "transformer-base", "transformer-big", "bert-base", "gpt2", "dlrm"}) {
    add_rate(options, name, 0, false);
  }
  add_rate(options, "gpt2-xl", 16, false);
  add_rate(options, "gpt2-xl", 16, true);
}

}  // namespace jb::bench
