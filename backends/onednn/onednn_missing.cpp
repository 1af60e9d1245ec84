// What a build without oneDNN answers.

#include "backends/onednn/network/network.h"
#include "backends/onednn/onednn_plan.h"

namespace jb::onednn {
namespace {

constexpr std::string_view kReason =
    "this joulebench was built without oneDNN; install libdnnl-dev and configure again with "
    "JOULEBENCH_ONEDNN=ON";

}  // namespace

Support available() { return Support::no(std::string(kReason)); }

std::string version() { return {}; }

bool has_f16() { return false; }

std::string slow_lint(const std::string& /*implementation*/) { return {}; }

std::unique_ptr<Plan> make_plan(std::shared_ptr<const CpuModel> /*model*/,
                                const ProductSettings& /*settings*/, const GemmShape& /*shape*/,
                                const ConstMatrixRef& /*b*/, OperandMode /*mode*/,
                                const PlanOptions& /*options*/) {
  fail_usage("backend 'onednn' cannot compute: {}", kReason);
}

std::unique_ptr<ConvPlan> make_conv_plan(std::shared_ptr<const CpuModel> /*model*/,
                                         const ProductSettings& /*settings*/,
                                         const ConvShape& /*shape*/, const float* /*filters*/,
                                         const PlanOptions& /*options*/) {
  fail_usage("backend 'onednn' cannot compute: {}", kReason);
}

std::unique_ptr<Executable> make_network(Device& /*device*/, const GraphView& graph,
                                         const CompileOptions& /*options*/) {
  fail_usage("backend 'onednn' cannot run network '{}': {}", graph.name, kReason);
}

}  // namespace jb::onednn
