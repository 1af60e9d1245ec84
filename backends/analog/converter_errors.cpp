#include "backends/analog/converter_errors.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/analog/random_walk.h"

namespace jb::analog {

double ConverterModel::settable(double factor) const noexcept {
  const double trim = std::clamp(factor - 1.0, -trim_range, trim_range);
  return 1.0 + (trim_step > 0 ? trim_step * round_half_even(trim / trim_step) : trim);
}

ConverterErrors::ConverterErrors(const ConverterModel& model, std::uint64_t seed,
                                 std::uint32_t instance, std::uint64_t gain_tag,
                                 std::uint64_t offset_tag, std::uint64_t scope)
    : model_(model),
      gain_{model.gain,
            model.gain_drift,
            model.gain_per_K,
            {seed, instance, gain_tag, scope},
            {seed, instance, gain_tag ^ tag_of("walk"), scope},
            {seed, instance, gain_tag ^ tag_of("temperature"), scope}},
      offset_{model.offset,
              model.offset_drift,
              model.offset_per_K,
              {seed, instance, offset_tag, scope},
              {seed, instance, offset_tag ^ tag_of("walk"), scope},
              {seed, instance, offset_tag ^ tag_of("temperature"), scope}} {}

void ConverterErrors::row(std::int64_t row, double age_s, double temperature_C,
                          std::span<float> gain, std::span<float> offset) const {
  fill(gain_, row, age_s, temperature_C, gain);
  fill(offset_, row, age_s, temperature_C, offset);
}

void ConverterErrors::fill(const Part& part, std::int64_t row, double age_s, double temperature_C,
                           std::span<float> out) const {
  part.fixed_draw.normals(out, row, 0, 0);
  for (float& e : out) e *= static_cast<float>(part.fixed);
  if (part.drift > 0 && age_s > 0) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      // W(t) has variance t: of t / tau after division by sqrt(tau).
      const double walk = random_walk(part.walk, row, static_cast<std::int64_t>(i), age_s);
      out[i] += static_cast<float>(part.drift * walk / std::sqrt(model_.tau_s));
    }
  }
  const double warmer_K = temperature_C - model_.reference_C;
  if (part.per_K > 0 && warmer_K != 0) {
    std::vector<float> coefficients(out.size());
    part.coefficient.normals(coefficients, row, 0, 0);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] += static_cast<float>(part.per_K * warmer_K) * coefficients[i];
    }
  }
}

}  // namespace jb::analog
