// A 64-mode mesh of interferometers set to a matrix: its SVD and both rectangular decompositions,
// and the same with what its errors make of it.

#include <fmt/format.h>

#include <algorithm>

#include "backends/core/matrix.h"
#include "backends/core/random.h"
#include "backends/photonic/mesh/clements.h"
#include "backends/photonic/mesh/mesh_tile.h"
#include "backends/photonic/mesh/svd.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

Matrix<double> weights(std::int64_t modes) {
  const RandomStream stream(1, 0, tag_of("bench.mesh"), 0);
  Matrix<double> w(modes, modes);
  for (std::int64_t i = 0; i < modes; ++i) {
    for (std::int64_t j = 0; j < modes; ++j) w(i, j) = static_cast<double>(stream.normal(i, j, 0));
  }
  return w;
}

void set_phases(const Matrix<double>& w) {
  const std::int64_t n = w.rows();
  const Eigen::Map<const photonic::RowMajorMatrix> target(w.data(), n, n);
  const photonic::SingularValues svd = photonic::singular_values(target);
  for (const photonic::RowMajorMatrix* part : {&svd.right, &svd.left}) {
    Matrix<double> orthogonal(n, n);
    std::copy(part->data(), part->data() + part->size(), orthogonal.data());
    benchmark::DoNotOptimize(photonic::phases_of(photonic::decompose(std::move(orthogonal))));
  }
}

void add(const Options& options, const char* what, Target target,
         const std::function<void(const Matrix<double>&)>& call) {
  add_benchmark(options, fmt::format("mesh of 64 modes, {}", what), "ms", target, 1,
                [options, call](benchmark::State& state) {
                  const Matrix<double> w = weights(options.quick ? 8 : 64);
                  std::vector<double> times;
                  for ([[maybe_unused]] auto iteration : state) {
                    times.push_back(seconds_of([&] { call(w); }));
                    state.SetIterationTime(times.back());
                  }
                  report_figure(state, 1e3 * median(std::move(times)));
                });
}

}  // namespace

void add_meshes(const Options& options) {
  add(options, "SVD and both decompositions", Target::at_most(5), set_phases);
  add(options, "and its errors", {}, [](const Matrix<double>& w) {
    photonic::MeshImperfections imperfections;
    imperfections.phase_bits = 8;
    imperfections.phase_error_rad = 0.005;
    imperfections.splitter_rad = 0.02;
    imperfections.mzi_loss_dB = 0.25;
    const DeviceInstance instance;
    const photonic::LockState lock;
    Matrix<double> realised = w;
    benchmark::DoNotOptimize(
        photonic::realise_tile({imperfections, instance, 0, lock}, false, realised));
  });
}

}  // namespace jb::bench
