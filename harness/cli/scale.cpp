#include "harness/cli/scale.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/scale/question.h"

namespace jb::harness::cli {

namespace {

using scale::Answer;
using scale::Candidate;
using scale::Question;

constexpr const char* kAll = "all";
constexpr const char* kUsualPue = "industry";  // results/footprint/data/costs.json

struct TextFlag {
  const char* name;
  std::string ScaleFlags::*value;
  const char* metavar;
  const char* help;
};

constexpr std::array<TextFlag, 15> kTextFlags = {{
    {"--training", &ScaleFlags::training, "NETWORK",
     "a training run of a network, or of decoder:layers=N,width=N,heads=N[,inner=N,vocabulary=N,"
     "sequence=N]"},
    {"--as", &ScaleFlags::as, "PUBLICATION", "the training run as published there: strubell2019"},
    {"--service", &ScaleFlags::service, "NETWORK", "an inference service"},
    {"--steps", &ScaleFlags::steps, "N", "of training, a batch each"},
    {"--sequence", &ScaleFlags::sequence, "N", "tokens a sample"},
    {"--queries-per-day", &ScaleFlags::queries, "N", "that the service answers"},
    {"--days", &ScaleFlags::days, "N", "of service; default: 365"},
    {"--devices", &ScaleFlags::devices, "N",
     "machines; default: as published, or as few as hold it"},
    {"--data-parallel", &ScaleFlags::data, "N", "replicas"},
    {"--tensor-parallel", &ScaleFlags::tensor, "N", "machines that share each product"},
    {"--pipeline-parallel", &ScaleFlags::pipeline, "N", "stages of layers"},
    {"--microbatches", &ScaleFlags::microbatches, "N", "pieces of a replica's part of the batch"},
    {"--link", &ScaleFlags::link, "NAME",
     "between machines: pcie5 (default), nvlink-c2c, ucie-standard or ucie-advanced"},
    {"--utilisation", &ScaleFlags::utilisation, "SHARE", "of the modelled rate that is reached"},
    {"--reload", &ScaleFlags::reload, "WHEN", "weights are loaded anew: auto, never or always"},
}};

std::int64_t count_flag(const char* flag, const std::string& text, std::int64_t unset) {
  if (text.empty()) return unset;
  std::int64_t value = 0;
  if (!parse_integer(text, value) || value < 1) {
    fail_usage("{}: '{}' is no whole number from 1", flag, text);
  }
  return value;
}

void add_machines(const std::string& backend, const PointFlags& flags,
                  std::vector<Candidate>& machines) {
  const Backend& found = find_backend(backend);
  const std::string device =
      flags.has("device") ? flags.values.at("device") : found.info().default_device;
  PointSpec point;
  point.backend = backend;
  point.device = device;
  check_device_belongs(point);
  DeviceSpec spec = load_device(found, device);
  for (const std::string& setting : flags.set) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) fail_usage("--set: '{}' is not KEY=VALUE", setting);
    spec.set(setting.substr(0, equals), setting.substr(equals + 1));
  }
  machines.push_back({&found, std::move(spec)});
}

std::vector<Candidate> machines_of(const PointFlags& flags) {
  std::vector<Candidate> machines;
  const bool named = flags.has("backend");
  if (!named && flags.has("device")) {
    add_machines(backend_of_device(flags.values.at("device")), flags, machines);
    return machines;
  }
  if (!named || flags.values.at("backend") == kAll) {
    if (flags.has("device") || !flags.set.empty()) {
      fail_usage("--device and --set name one machine; give its --backend instead of all");
    }
    for (const scale::MachineChoice& choice : scale::all_machines()) {
      machines.push_back({choice.backend, load_device(*choice.backend, choice.device)});
    }
    return machines;
  }
  std::string_view rest = flags.values.at("backend");
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    add_machines(std::string(rest.substr(0, comma)), flags, machines);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return machines;
}

/// Point flags that an estimate at scale takes no notice of are refused.
void check_point_flags(const PointFlags& flags) {
  constexpr std::array<const char*, 6> taken = {"backend",   "device",  "batch",
                                                "precision", "threads", "energy"};
  for (const auto& [name, text] : flags.values) {
    if (std::find(taken.begin(), taken.end(), name) == taken.end()) {
      fail_usage("--{} does not go with --training and --service", name);
    }
  }
  if (!flags.axes.empty() || !flags.filter.empty()) {
    fail_usage("-a and --filter do not go with --training and --service");
  }
}

scale::TrainingRun run_of(const ScaleFlags& flags, const PointFlags& points) {
  constexpr double kMostSteps = 1e15;
  const double steps = flags.steps.empty() ? 0 : positive_flag("--steps", flags.steps, kMostSteps);
  if (!flags.as.empty()) {
    if (points.has("batch") || !flags.sequence.empty()) {
      fail_usage("--as {}: the publication gives batch and sequence; drop --as to give your own",
                 flags.as);
    }
    return scale::published_run(flags.training, flags.as, steps);
  }
  if (steps == 0) {
    fail_usage("--training: give --steps and --batch, or a publication with --as strubell2019");
  }
  scale::TrainingRun run;
  run.name = run.network = flags.training;
  run.source = "given with --steps, --batch and --sequence";
  scale::Phase phase;
  phase.steps = steps;
  phase.batch = count_flag("--batch", points.has("batch") ? points.values.at("batch") : "", 64);
  phase.sequence = count_flag("--sequence", flags.sequence, 0);
  run.phases = {phase};
  return run;
}

scale::Service service_of(const ScaleFlags& flags, const PointFlags& points) {
  if (flags.queries.empty()) fail_usage("--service: give --queries-per-day");
  constexpr double kMostQueries = 1e18;
  constexpr double kMostDays = 365250;  // a thousand years
  scale::Service service;
  service.network = flags.service;
  service.queries_per_day = positive_flag("--queries-per-day", flags.queries, kMostQueries);
  if (!flags.days.empty()) service.days = positive_flag("--days", flags.days, kMostDays);
  service.batch = count_flag("--batch", points.has("batch") ? points.values.at("batch") : "", 1);
  service.sequence = count_flag("--sequence", flags.sequence, 0);
  return service;
}

void check_batch(std::int64_t batch) {
  constexpr std::int64_t kMostBatch = 1000000000;
  if (batch > kMostBatch) {
    fail_usage("--batch: {} samples make no sense; up to {} are taken", batch, kMostBatch);
  }
}

Question question_of(const ScaleFlags& flags, const RunFlags& run,
                     const results::FootprintData& data) {
  if (!flags.training.empty() && !flags.service.empty()) {
    fail_usage("--training and --service are different questions; ask one of them");
  }
  Question question;
  if (flags.service.empty()) {
    for (const auto& [text, flag] :
         {std::pair{flags.queries, "--queries-per-day"}, std::pair{flags.days, "--days"}}) {
      if (!text.empty()) fail_usage("{} goes with --service", flag);
    }
    question.run = run_of(flags, run.points);
    for (const scale::Phase& phase : question.run->phases) check_batch(phase.batch);
  } else {
    if (!flags.as.empty() || !flags.steps.empty())
      fail_usage("--as and --steps go with --training");
    question.service = service_of(flags, run.points);
    check_batch(question.service->batch);
  }
  question.cluster = {count_flag("--devices", flags.devices, 0),
                      count_flag("--data-parallel", flags.data, 0),
                      count_flag("--tensor-parallel", flags.tensor, 0),
                      count_flag("--pipeline-parallel", flags.pipeline, 0),
                      count_flag("--microbatches", flags.microbatches, 0)};
  scale::check(question.cluster);
  question.knobs.utilisation = positive_flag("--utilisation", flags.utilisation, 1);
  question.knobs.reload = scale::reload_from(flags.reload);
  question.link = scale::link_from(flags.link);
  FootprintFlags footprint = flags.footprint;
  // The published run is asked for as it was published: its PUE and its grid, unless told.
  // Others stand in a facility of today's average (the sheet names its source).
  if (footprint.pue.empty()) footprint.pue = flags.as.empty() ? kUsualPue : flags.as;
  if (!flags.as.empty()) {
    if (footprint.grid == FootprintFlags{}.grid) footprint.grid = "US_strubell";
  }
  question.footprint = footprint_options(footprint, data);
  if (run.points.has("precision")) {
    PointSpec point;
    apply_flag(point, "precision", run.points.values.at("precision"));
    question.precision = point.precision;
  }
  return question;
}

}  // namespace

void add_scale_flags(CLI::App& verb, ScaleFlags& flags) {
  for (const TextFlag& flag : kTextFlags) {
    verb.add_option(flag.name, flags.*flag.value, flag.help)
        ->type_name(flag.metavar)
        ->group("Training runs and services");
  }
  add_footprint_flags(verb, flags.footprint);
}

void check_unused(const ScaleFlags& flags) {
  const ScaleFlags defaults;
  std::string given = given_footprint_flag(flags.footprint);
  for (const TextFlag& flag : kTextFlags) {
    if (flags.*flag.value != defaults.*flag.value) given = flag.name;
  }
  if (!given.empty()) fail_usage("{} goes with --training and --service", given);
}

int estimate_at_scale(const ScaleFlags& flags, const RunFlags& run) {
  check_point_flags(run.points);
  check_choice("--color", run.color, {"auto", "always", "never"});
  if (!run.suite.empty()) fail_usage("--training and --service take no suite");
  if (!run.directory.empty()) {
    fail_usage("-o keeps records of points; keep these answers with --json > FILE");
  }
  check_tornado_file(flags.footprint);
  const results::FootprintData data = results::FootprintData::load(flags.footprint.data);
  const Question question = question_of(flags, run, data);
  std::vector<Answer> answers;
  std::vector<results::Tornado> tornados;  // of those that have an answer
  for (const Candidate& machine : machines_of(run.points)) {
    answers.push_back(scale::answer(question, machine));
    if (!flags.footprint.asks_sensitivity() || !answers.back().unsupported.empty()) continue;
    tornados.push_back(scale::sensitivity_of(question, machine, answers.back(), data));
  }
  if (run.json) {
    auto tornado = tornados.begin();
    for (const Answer& answer : answers) {
      Json json = scale::answer_json(question, answer);
      if (flags.footprint.sensitivity && answer.unsupported.empty()) {
        json["sensitivity"] = results::to_json(*tornado++);
      }
      print(json.dump() + "\n");
    }
  } else if (flags.footprint.method) {
    for (const Answer& answer : answers) {
      if (answer.unsupported.empty()) print(results::sheet_text(answer.sheet, terminal_width()));
    }
  } else if (!run.quiet) {
    print(scale::answers_text(question, answers, table_style(run.color)));
  }
  if (flags.footprint.sensitivity && !run.json) {
    for (const results::Tornado& tornado : tornados) {
      print("\n" + results::tornado_text(tornado, table_style(run.color)));
    }
  }
  write_tornado_file(flags.footprint, tornados);
  const bool any = std::any_of(answers.begin(), answers.end(),
                               [](const Answer& answer) { return answer.unsupported.empty(); });
  return any ? kDone : kSomeFailed;
}

}  // namespace jb::harness::cli
