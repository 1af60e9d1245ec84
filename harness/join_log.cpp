#include "harness/join_log.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "results/label.h"

namespace jb::harness {
namespace {

Json span_json(const meter::Span& span) {
  return {{"start_unix_s", span.start_unix_s}, {"seconds", span.seconds}};
}

Json spans_json(const std::vector<meter::Span>& spans) {
  Json json = Json::array();
  for (const meter::Span& span : spans) json.push_back(span_json(span));
  return json;
}

/// Each stretch of a window where a log is to be joined by it; else a few, for who looks closer: a
/// record is some kB long.
Json windows_json(const std::vector<meter::Window>& windows, bool all) {
  constexpr std::size_t kMostTold = 16;
  Json json = Json::array();
  for (const meter::Window& window : windows) {
    json.push_back({{"start_unix_s", window.spans.front().start_unix_s},
                    {"seconds", window.seconds()},
                    {"executions", window.executions}});
    const std::size_t spans = window.spans.size();
    if (spans > 1 && (all || spans <= kMostTold)) json.back()["spans"] = spans_json(window.spans);
  }
  return json;
}

/// Times of a record as marks of meter 0, which is the log.
class TimesOf {
 public:
  TimesOf(const Json& energy, std::string where, double shift_s)
      : energy_(energy), where_(std::move(where)), shift_s_(shift_s) {}

  [[nodiscard]] MeteredRun run() const {
    MeteredRun run;
    run.machines = {meter::Machine::any};
    run.which = {0};
    run.rules.profile = energy_.at("profile").get<std::string>();
    run.rules.window_s = number(energy_.at("rules"), "window_s");
    run.rules.updates = static_cast<int>(number(energy_.at("rules"), "updates"));
    run.rules.windows = static_cast<int>(energy_.at("windows").size());
    run.rules.idle_s = number(energy_, "idle_s");
    run.rules.warmup_steady_frac = number(energy_.at("rules"), "steady_frac");
    run.executions_of_work = number(energy_, "executions_of_work");
    run.unit = energy_.at("unit").get<std::string>();
    run.interleaved = energy_.at("interleaved_points").get<std::size_t>();
    run.idle_before = span_of(energy_.at("idle_before"));
    run.idle_after = span_of(energy_.at("idle_after"));
    run.warm_up.seconds = number(energy_, "warmup_s");
    for (const Json& part : energy_.at("warmup")) run.warm_up.parts.push_back(span_of(part));
    for (const Json& window : energy_.at("windows")) run.windows.push_back(window_of(window));
    return run;
  }

 private:
  [[nodiscard]] double number(const Json& json, const char* key) const {
    const double value = json.at(key).get<double>();
    if (!std::isfinite(value) || value < 0) {
      fail_usage("{}: {} is no time or number", where_, key);
    }
    return value;
  }
  [[nodiscard]] meter::Span span_of(const Json& json) const {
    meter::Span span;
    span.start_unix_s = number(json, "start_unix_s") - shift_s_;
    span.seconds = number(json, "seconds");
    meter::Mark from;
    from.unix_s = from.steady_s = span.start_unix_s;
    meter::Mark to;
    to.unix_s = to.steady_s = span.start_unix_s + span.seconds;
    span.from = {from};
    span.to = {to};
    return span;
  }
  [[nodiscard]] meter::Window window_of(const Json& json) const {
    meter::Window window;
    window.executions = json.at("executions").get<std::int64_t>();
    if (window.executions < 1) fail_usage("{}: a window without an execution", where_);
    if (const auto spans = json.find("spans"); spans != json.end()) {
      for (const Json& span : *spans) window.spans.push_back(span_of(span));
    } else {
      window.spans.push_back(span_of(json));
    }
    return window;
  }

  const Json& energy_;
  std::string where_;
  double shift_s_;
};

/// Whether power was steady at the end of the warm-up, as the log tells.
bool was_steady(const MeteredRun& run, const meter::Bench& bench) {
  std::vector<double> watts;
  for (const meter::Span& part : run.warm_up.parts) {
    const std::vector<double> joules =
        bench.sampler().joules_between(0, *part.from[0], *part.to[0]);
    watts.push_back(bench.meter(0).counted_J(joules) / part.seconds);
  }
  const double part_s = run.warm_up.parts.empty() ? 0 : run.warm_up.parts.back().seconds;
  return meter::is_steady(watts, {}, part_s, run.rules.warmup_steady_frac);
}

/// The work drew more than idling by five standard deviations of the log's own power in its
/// windows: what a meter shows in its self-test.
void check_responds(const results::Record& record, const std::string& where) {
  for (const results::Lint& lint : record.lints) {
    if (lint.id != "net-not-positive") continue;
    fail_usage(
        "{}: the log tells no more power in the windows than in the idle time beside them; is it "
        "of this machine, and are its times UTC (--log-shift S adds seconds to them)?",
        where);
  }
}

}  // namespace

void add_times(Json& energy, const MeteredRun& run) {
  energy["rules"] = {{"window_s", run.rules.window_s},
                     {"updates", run.rules.updates},
                     {"steady_frac", run.rules.warmup_steady_frac}};
  energy["executions_of_work"] = run.executions_of_work;
  energy["unit"] = run.unit;
  energy["windows"] = windows_json(run.windows, run.which.empty());
  energy["idle_before"] = span_json(run.idle_before);
  energy["idle_after"] = span_json(run.idle_after);
  // Whether power was steady is known already where a meter was read.
  if (run.which.empty()) energy["warmup"] = spans_json(run.warm_up.parts);
}

LogJoin::LogJoin(const std::filesystem::path& log, std::optional<Boundary> boundary, double shift_s)
    : shift_s_(shift_s) {
  meter::BenchOptions options;
  options.finished_log = log;
  options.log_boundary = boundary;
  bench_ = std::make_shared<const meter::Bench>(std::move(options));
}

bool LogJoin::join(results::Record& record) const {
  const auto energy = record.measurement.find("energy");
  if (energy == record.measurement.end() || !energy->contains("pending")) return false;
  const std::string where = results::point_label(record.point);
  const Json before = *energy;
  Outcome outcome;
  outcome.work = record.work;
  outcome.quantities = record.quantities;
  outcome.measurement = record.measurement;
  try {
    MeteredRun run = TimesOf(before, where, shift_s_).run();
    run.warm_up.steady = was_steady(run, *bench_);
    add_metered_energy(outcome, *bench_, run);
  } catch (const Json::exception& error) {
    fail_usage("{}: its times cannot be read: {}", where, error.what());
  } catch (const Error& error) {
    fail_usage("{}: {}", where, error.what());
  }
  // What was doubtful while it ran still is.
  Json& after = outcome.measurement["energy"];
  after["conditions"] = before.at("conditions");
  for (const Json& why : before.at("not_publishable_because")) {
    Json& all = after["not_publishable_because"];
    if (std::find(all.begin(), all.end(), why) == all.end()) all.push_back(why);
  }
  after["publishable"] = after["not_publishable_because"].empty();
  after["joined_afterwards"] = true;
  // Times stay those of the computer; the log's were moved to them.
  for (const char* key : {"windows", "idle_before", "idle_after", "warmup"}) {
    after[key] = before.at(key);
  }
  if (shift_s_ != 0) after["log_shift_s"] = shift_s_;
  std::vector<results::Lint> lints;
  for (const results::Lint& lint : record.lints) {
    if (lint.id != kPendingLint && lint.id != "not-publishable") lints.push_back(lint);
  }
  lints.insert(lints.end(), outcome.lints.begin(), outcome.lints.end());
  record.lints = std::move(lints);
  record.quantities = std::move(outcome.quantities);
  record.measurement = std::move(outcome.measurement);
  check_responds(record, where);
  return true;
}

}  // namespace jb::harness
