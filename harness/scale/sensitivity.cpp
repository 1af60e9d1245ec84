// Which assumption moves the carbon of an answer most.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"
#include "harness/scale/question.h"
#include "results/statistics/constants.h"

namespace jb::harness::scale {
namespace {

double carbon_of(const Question& question, const Candidate& candidate) {
  try {
    const Answer changed = answer(question, candidate);
    return changed.unsupported.empty() ? changed.sheet.at("carbon_kg").value : std::nan("");
  } catch (const Error& error) {
    // A batch that cannot be dealt out to these machines has no answer.
    if (error.code() != ErrorCode::usage) throw;
    return std::nan("");
  }
}

/// The same number of samples in batches of another size, spread as `base` is; replicas keep their
/// number unless the batch becomes too small for them.
Question with_batch(Question question, double factor, const Cluster& base) {
  const auto scaled = [factor](std::int64_t batch) {
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(std::llround(static_cast<double>(batch) * factor)));
  };
  if (question.run) {
    question.cluster = {0, base.data, base.tensor, base.pipeline, 0};
    for (Phase& phase : question.run->phases) {
      const std::int64_t batch = scaled(phase.batch);
      phase.steps *= static_cast<double>(phase.batch) / static_cast<double>(batch);
      phase.batch = batch;
      question.cluster.data = std::min(question.cluster.data, batch);
    }
  } else {
    question.service->batch = scaled(question.service->batch);
  }
  return question;
}

std::string batch_text(const Question& question) {
  return fmt::format("{}",
                     question.run ? question.run->phases.front().batch : question.service->batch);
}

results::Swing by_factor(const std::string& assumption, double share, double factor, double base,
                         const std::string& source) {
  results::Swing swing;
  swing.assumption = assumption;
  swing.low_at = fmt::format("/ {:.3g}", factor);
  swing.base_at = fmt::format("{:.3g} of the energy", share);
  swing.high_at = fmt::format("x {:.3g}", factor);
  swing.source = source;
  swing.answer_low = base * (1 + share * (1 / factor - 1));
  swing.answer_high = base * (1 + share * (factor - 1));
  return swing;
}

void add_rerun(results::Tornado& tornado, results::Swing swing, const Question& low,
               const Question& high, const Candidate& candidate) {
  swing.answer_low = carbon_of(low, candidate);
  swing.answer_high = carbon_of(high, candidate);
  if (std::isfinite(swing.answer_low) && std::isfinite(swing.answer_high)) {
    tornado.add(std::move(swing));
  }
}

}  // namespace

results::Tornado sensitivity_of(const Question& question, const Candidate& candidate,
                                const Answer& base, const results::FootprintData& data) {
  const results::Figure& carbon = base.sheet.at("carbon_kg");
  results::Tornado tornado{base.sheet.subject, carbon.name, carbon.unit, carbon.value, {}};
  for (results::Swing& swing : results::facility_swings(data, question.footprint, carbon.value)) {
    tornado.add(std::move(swing));
  }
  const auto class_of = [&base](const char* component) -> std::string {
    for (const results::RecordRow& row : base.constants) {
      if (row.component.rfind(component, 0) == 0) return row.cls;
    }
    return "exact";
  };
  tornado.add(by_factor(
      "ADC energy", base.adc_share, base.adc_share > 0 ? results::class_factor(class_of("adc")) : 1,
      carbon.value, base.adc_share > 0 ? "class of its constant, 95 %" : "it has no ADC"));
  tornado.add(by_factor("link energy", base.link_share,
                        results::class_factor(std::string(name_of(question.link.cls))),
                        carbon.value, "class of its constant, 95 %"));
  Question low = with_batch(question, 0.25, base.cluster);
  Question high = with_batch(question, 4, base.cluster);
  results::Swing batch{"batch",
                       batch_text(low),
                       batch_text(question),
                       batch_text(high),
                       "a quarter to four times, the same samples in all",
                       0,
                       0};
  add_rerun(tornado, std::move(batch), low, high, candidate);
  low = question;
  high = question;
  low.knobs.utilisation = 1 / 3.5;
  high.knobs.utilisation = 1;
  results::Swing utilisation{"utilisation",
                             "1/3.5",
                             fmt::format("{:.3g}", question.knobs.utilisation),
                             "1",
                             "measured rates fall below the modelled ones by up to 3.5 (Patterson "
                             "et al. 2021, section 4.3)",
                             0,
                             0};
  add_rerun(tornado, std::move(utilisation), low, high, candidate);
  low.knobs = high.knobs = question.knobs;
  low.knobs.reload = Reload::never;
  high.knobs.reload = Reload::always;
  results::Swing reload{"reload",
                        "never",
                        std::string(name_of(question.knobs.reload)),
                        "always",
                        "all weights stay, or each product loads them",
                        0,
                        0};
  add_rerun(tornado, std::move(reload), low, high, candidate);
  // The constants behind most of the energy.
  double total_J = 0;
  for (const results::RecordRow& row : base.constants) total_J += row.energy_J;
  constexpr std::size_t kShown = 4;
  for (std::size_t i = 0; i < std::min(kShown, base.constants.size()) && total_J > 0; ++i) {
    const results::RecordRow& row = base.constants[i];
    if (row.component.rfind("adc", 0) == 0 || row.component.rfind("link ", 0) == 0) continue;
    tornado.add(by_factor(row.component + " (" + row.constant + ")", row.energy_J / total_J,
                          results::class_factor(row.cls), carbon.value,
                          "class " + row.cls + ", 95 %"));
  }
  return tornado;
}

}  // namespace jb::harness::scale
