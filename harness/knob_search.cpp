#include "harness/knob_search.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/text.h"
#include "harness/point_identity.h"

namespace jb::harness {
namespace {

/// The knob's row of the schema, and its value in the device file.
std::pair<ParameterSpec, double> knob_of(const PointSpec& base, const std::string& knob) {
  const Backend& backend = find_backend(base.backend);
  const std::string device = base.device.empty() ? backend.info().default_device : base.device;
  const DeviceSpec spec = load_device(backend, device);
  std::vector<std::string> numbers;
  for (const ParameterSpec& key : spec.schema()) {
    if (key.type != ParameterType::number && key.type != ParameterType::integer) continue;
    if (key.key == knob) return {key, spec.number(knob)};
    numbers.push_back(key.key);
  }
  fail_usage("--target-knob {}: device '{}' of {} has no such number{}", knob, device, base.backend,
             did_you_mean(knob, numbers));
}

}  // namespace

KnobSearch::KnobSearch(const PointSpec& base, const SearchTarget& target)
    : base_(base), target_(target) {
  if (base.set.count(target.knob) != 0) {
    fail_usage("--target-knob {}: --set gives it a value; drop one of them", target.knob);
  }
  if (target.quantity == "accuracy_top1_frac" && base.op != Op::network) {
    fail_usage("a target accuracy needs a network; products have none");
  }
  const auto& [parameter, value] = knob_of(base, target.knob);
  whole_ = parameter.type == ParameterType::integer;
  if (target_.low == 0 && target_.high == 0) {
    const double middle = value > 0 ? value : std::sqrt(parameter.min * parameter.max);
    target_.low = std::max(parameter.min, whole_ ? 1.0 : middle / kSpan);
    target_.high = std::min(parameter.max, middle * kSpan);
    if (whole_) target_.high = std::floor(target_.high);
  }
  if (!(target_.low > 0) || !(target_.low < target_.high) || target_.low < parameter.min ||
      target_.high > parameter.max) {
    fail_usage(
        "--target-range {}:{}: the range of {} must rise, start above 0 and lie within {} "
        "to {}",
        shortest(target_.low), shortest(target_.high), target.knob, shortest(parameter.min),
        shortest(parameter.max));
  }
}

double KnobSearch::probe() const {
  if (step_ == Step::high) return target_.high;
  if (step_ == Step::low) return target_.low;
  const double middle = std::sqrt(fails_ * meets_);
  if (!whole_) return middle;
  return std::clamp(std::round(middle), fails_ + 1, meets_ - 1);
}

bool KnobSearch::narrow() const {
  return whole_ ? meets_ - fails_ <= 1 : meets_ <= fails_ * kWidth;
}

std::optional<PointSpec> KnobSearch::next() const {
  if (step_ == Step::done) return std::nullopt;
  PointSpec point = base_;
  point.set[target_.knob] = shortest(probe());
  return point;
}

void KnobSearch::take(const results::Record& record) {
  const double value = probe();
  const results::Quantity* quantity = record.find(target_.quantity);
  if (record.status != results::Status::ok || quantity == nullptr) {
    trouble_ = record.reason.empty() ? "its record has no " + target_.quantity : record.reason;
    step_ = Step::done;
    return;
  }
  const bool met = quantity->value >= target_.least;
  (met ? meets_ : fails_) = value;
  if (met) best_ = record;
  if (step_ == Step::high) {
    step_ = met ? Step::low : Step::done;
    if (!met) {
      trouble_ = fmt::format("at most {} = {} was tried, which gave {:.4g}", target_.knob,
                             shortest(value), quantity->value);
    }
  } else if (step_ == Step::low && met) {
    step_ = Step::done;  // the least value of the range is enough
  } else {
    step_ = narrow() ? Step::done : Step::between;
  }
}

std::string KnobSearch::summary() const {
  const std::string wanted = fmt::format("{} >= {}", target_.quantity, shortest(target_.least));
  if (!best_) return fmt::format("no {} reaches {}: {}", target_.knob, wanted, trouble_);
  std::string text = fmt::format("{} = {} reaches {} ({:.4g}", target_.knob,
                                 best_->point["set"].value(target_.knob, ""), wanted,
                                 best_->find(target_.quantity)->value);
  for (int b = kBoundaries - 1; b >= 0; --b) {
    const std::string name =
        fmt::format("energy_{}_J_per_mac", jb::name_of(static_cast<Boundary>(b)));
    if (const results::Quantity* energy = best_->find(name)) {
      text += fmt::format(", {} {:.4g}", name, energy->value);
      break;
    }
  }
  return text + ")";
}

Json KnobSearch::to_json() const {
  Json json = {{"knob", target_.knob},
               {"quantity", target_.quantity},
               {"least", target_.least},
               {"range", {target_.low, target_.high}},
               {"met", met()}};
  if (best_) {
    json["value"] = best_->point["set"].value(target_.knob, "");
    json["record_id"] = best_->record_id;
  } else {
    json["reason"] = trouble_;
  }
  return json;
}

}  // namespace jb::harness
