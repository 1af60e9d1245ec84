#include "harness/cli/meter_text.h"

#include <fmt/core.h>

#include "backends/core/text.h"

namespace jb::harness::cli {

namespace {

std::string domains_text(const meter::Meter& meter) {
  std::string text;
  for (const meter::Domain& domain : meter.info().domains) {
    if (domain.counted) continue;
    text += fmt::format("\n{} is not counted: {}", domain.name, domain.note);
  }
  return text;
}

}  // namespace

std::string meter_text(const meter::MeterState& state) {
  std::string text(name_of(state.status));
  if (!state.reason.empty()) text += ": " + state.reason;
  const meter::Meter* meter = state.candidate.meter.get();
  if (meter != nullptr && state.status == meter::MeterStatus::available) {
    const meter::MeterInfo& info = meter->info();
    text += fmt::format(": {} ({})",
                        info.boundary ? fmt::format("covers boundary {}", name_of(*info.boundary))
                                      : "covers no whole boundary",
                        meter->counted_names());
    if (info.update_period_s > 0) {
      text += fmt::format("; an update every {:.3g} ms", 1e3 * info.update_period_s);
    }
    text +=
        fmt::format("; {:.4g} W idle, {:.4g} W under load", state.test.idle_W, state.test.busy_W);
    if (!state.candidate.reason.empty()) text += "; " + state.candidate.reason;
  }
  if (meter != nullptr) text += domains_text(*meter);
  if (!state.candidate.mend.empty()) text += "\nmend: " + state.candidate.mend;
  return text;
}

}  // namespace jb::harness::cli
