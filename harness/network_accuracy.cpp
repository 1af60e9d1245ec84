#include "harness/network_accuracy.h"

#include <fmt/core.h>

#include "harness/accuracy.h"
#include "harness/reference_run.h"

namespace jb::harness {
namespace {

/// Bytes of one prediction: enough for every class.
void keep_predictions(Outcome& outcome, const std::vector<int>& predicted, std::int64_t classes) {
  const int bytes = classes <= 256 ? 1 : classes <= 65536 ? 2 : 4;
  outcome.prediction_bytes = bytes;
  for (const int p : predicted) {
    for (int b = 0; b < bytes; ++b) {
      outcome.predictions += static_cast<char>((static_cast<unsigned>(p) >> (8 * b)) & 0xFFU);
    }
  }
}

Fidelity fidelity_of(const NetworkWorkload& workload, const Outputs& outputs) {
  Fidelity fidelity;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const auto size = static_cast<std::int64_t>(outputs[o].size());
    if (size != static_cast<std::int64_t>(workload.reference->at(o).size())) {
      fail_internal("output {} has {} elements, its reference {}", o, size,
                    workload.reference->at(o).size());
    }
    const std::int64_t rows =
        workload.samples > 0 && size % workload.samples == 0 ? workload.samples : 1;
    const std::int64_t cols = size / rows;
    const MatrixView<const double> got{outputs[o].data(), rows, cols, cols, 1};
    verify_elements(fidelity, {workload.reference->at(o).data(), rows, cols, cols, 1}, got);
  }
  return fidelity;
}

}  // namespace

void add_network_quality(Outcome& outcome, const PointContext& context,
                         const NetworkWorkload& workload, const Outputs& outputs) {
  const Provenance provenance = context.fidelity_provenance();
  add_fidelity(outcome, fidelity_of(workload, outputs), std::nullopt, provenance);
  outcome.verification["reference"] = workload.reference_engine;
  if (outcome.status == results::Status::failed || workload.classes < 2) return;
  const std::vector<int> predicted = argmax_of(outputs.front(), workload.classes);
  keep_predictions(outcome, predicted, workload.classes);
  const std::size_t rows = predicted.size();
  const std::string what = workload.data != nullptr
                               ? fmt::format("{} test images of {}", rows, workload.data->name)
                               : fmt::format("{} rows of the output on drawn inputs", rows);
  add_agreement(outcome, predicted, workload.float_predicted, what, provenance);
  if (workload.data == nullptr) return;
  const std::vector<std::uint8_t>& labels = workload.data->test.labels;
  outcome.labels.assign(labels.begin(), labels.end());
  add_accuracy(
      outcome,
      {workload.data->test.labels, predicted, workload.float_predicted, workload.data->name},
      provenance);
}

}  // namespace jb::harness
