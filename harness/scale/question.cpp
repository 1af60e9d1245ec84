#include "harness/scale/question.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"
#include "results/footprint/omissions.h"

namespace jb::harness::scale {
namespace {

constexpr double kDay_s = 86400;
constexpr double kYear_s = 365.25 * kDay_s;

/// What one phase of training, or the service, adds up to.
struct Total {
  Joules joules;
  std::array<double, kParts> parts_J{};  ///< at the answer's boundary
  Activity activity;
  double machine_s = 0;  ///< of all machines together
  double wall_s = 0;
  double macs = 0;
  double link_bytes = 0;
  double setup_J = 0;
  double utilisation_macs = 0;  ///< MACs times utilisation, for its mean
  double reload_frac = 0;
  std::vector<std::string> notes;
};

void add_notes(std::vector<std::string>& all, const std::vector<std::string>& more) {
  for (const std::string& note : more) {
    if (std::find(all.begin(), all.end(), note) == all.end()) all.push_back(note);
  }
}

void add(Total& total, const StepEstimate& step, double times, Boundary boundary, double devices) {
  total.joules += step.total().scaled(times);
  for (std::size_t p = 0; p < total.parts_J.size(); ++p) {
    total.parts_J[p] += times * step.joules[p].up_to[static_cast<std::size_t>(boundary)];
  }
  total.activity += step.activity.scaled(times);
  total.machine_s += times * step.time_s * devices;
  total.wall_s += times * step.time_s;
  total.macs += times * step.macs;
  total.link_bytes += times * step.link_bytes;
  total.utilisation_macs += times * step.macs * step.utilisation;
  total.reload_frac = std::max(total.reload_frac, step.reload_frac);
  add_notes(total.notes, step.notes);
}

ClusterRequest request_of(const Question& question) {
  ClusterRequest request = question.cluster;
  const bool told =
      request.devices > 0 || request.data > 0 || request.tensor > 0 || request.pipeline > 0;
  if (!told && question.run) request.devices = question.run->devices;
  return request;
}

bool add_training(const Question& question, const Machine& machine, Answer& answer, Total& total) {
  double most_macs = 0;
  for (const Phase& phase : question.run->phases) {
    const Work one = work_of(question.network(), 1, phase.sequence);
    const Cluster cluster = plan_training(request_of(question), machine, one, phase.batch);
    const Work micro = work_of(question.network(), cluster.samples, phase.sequence);
    const StepEstimate step = estimate_step(machine, cluster, micro, question.knobs);
    answer.unsupported = step.unsupported;
    if (!step.unsupported.empty()) return false;
    if (step.macs * phase.steps > most_macs) {
      most_macs = step.macs * phase.steps;
      answer.cluster = cluster;
    }
    add(total, step, phase.steps, answer.boundary, cluster.devices());
    total.setup_J = std::max(total.setup_J, step.setup_J);
  }
  return true;
}

bool add_service(const Question& question, const Machine& machine, Answer& answer, Total& total) {
  const Service& service = *question.service;
  ClusterRequest request = question.cluster;
  if (request.data > 1 || request.devices > 0) {
    fail_usage(
        "--service finds the number of machines from the queries; give --tensor-parallel and "
        "--pipeline-parallel for the machines that answer one query together");
  }
  request.data = 1;
  const Work one = work_of(service.network, 1, service.sequence);
  Cluster cluster = plan_inference(request, machine, one, service.batch);
  const Work micro = work_of(service.network, cluster.samples, service.sequence);
  const StepEstimate pass = estimate_pass(machine, cluster, micro, question.knobs);
  answer.unsupported = pass.unsupported;
  if (!pass.unsupported.empty()) return false;
  const double per_pass =
      static_cast<double>(cluster.samples) * static_cast<double>(cluster.microbatches);
  const double passes = service.queries_per_day * service.days / per_pass;
  add(total, pass, passes, answer.boundary, cluster.devices());
  total.setup_J = pass.setup_J;
  if (pass.time_s > 0) {
    // As many groups as answer the queries of an even day; they burn their idle power all day.
    const double busy_day_s = service.queries_per_day / per_pass * pass.time_s;
    const double groups = std::max(1.0, std::ceil(busy_day_s / kDay_s));
    const double devices = groups * cluster.devices();
    const double idle_s = (groups * kDay_s - busy_day_s) * service.days * cluster.devices();
    const double idle_J = pass.static_W * idle_s;
    for (std::size_t b = static_cast<std::size_t>(Boundary::B3); b < total.joules.up_to.size();
         ++b) {
      total.joules.up_to[b] += idle_J;
    }
    if (answer.boundary >= Boundary::B3) {
      total.parts_J[static_cast<std::size_t>(Part::waiting)] += idle_J;
    }
    total.setup_J *= groups;
    total.machine_s = devices * kDay_s * service.days;
    total.wall_s = pass.time_s;
    cluster.data = static_cast<std::int64_t>(groups);
    total.notes.push_back(
        fmt::format("machines are busy {:.3g} % of an even day; peaks need more of them",
                    100 * busy_day_s / (groups * kDay_s)));
  }
  answer.cluster = cluster;
  return true;
}

/// Joules by constant as ledger rows, for intervals and tornados.
std::vector<results::RecordRow> rows_of(const Machine& machine, const Activity& activity) {
  std::vector<results::RecordRow> rows;
  for (const Machine::Constant& constant : machine.constants(activity)) {
    results::RecordRow row;
    row.component = constant.price->component;
    row.action = constant.price->action;
    row.category = constant.price->category;
    row.boundary = constant.price->boundary;
    row.energy_per_action_J = constant.price->energy_per_action_J;
    row.energy_J = constant.joules;
    row.cls = name_of(constant.price->cls);
    row.constant = constant.price->constant;
    row.source = constant.price->source;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string subject_of(const Question& question, const Machine& machine) {
  if (question.service) {
    return fmt::format("serving {}, {} queries a day for {} days, on {}", question.service->network,
                       question.service->queries_per_day, question.service->days, machine.name());
  }
  return fmt::format("training {}{} on {}", question.run->name,
                     question.run->as.empty() ? "" : " as in " + question.run->as, machine.name());
}

results::EnergyUse energy_use(const Question& question, const Machine& machine,
                              const Answer& answer, const Total& total) {
  results::EnergyUse use;
  use.subject = subject_of(question, machine);
  use.boundary = name_of(answer.boundary);
  use.energy_J = total.joules.up_to[static_cast<std::size_t>(answer.boundary)] + total.setup_J;
  use.machine_hours = total.machine_s / 3600;
  std::string parts;
  for (std::size_t p = 0; p < total.parts_J.size(); ++p) {
    if (total.parts_J[p] == 0) continue;
    const std::string part(name_of(static_cast<Part>(p)));
    parts += (parts.empty() ? "" : " + ") + part;
    use.inputs.push_back({part, total.parts_J[p], "J", "counts x constants below, all of it"});
  }
  use.formula = parts + " + set-up";
  use.inputs.push_back({"set-up", total.setup_J, "J", "weights programmed or loaded once"});
  if (question.run) {
    use.inputs.push_back({"steps", question.run->steps(), "1", question.run->source});
  } else {
    use.inputs.push_back({"queries", question.service->queries_per_day * question.service->days,
                          "1", "given with --queries-per-day and --days"});
  }
  constexpr std::size_t kMostConstants = 12;
  for (std::size_t i = 0; i < std::min(kMostConstants, answer.constants.size()); ++i) {
    const results::RecordRow& row = answer.constants[i];
    use.inputs.push_back({row.constant, row.energy_per_action_J, "J",
                          fmt::format("{} (class {}; {:.2g} of the energy)", row.source, row.cls,
                                      use.energy_J > 0 ? row.energy_J / use.energy_J : 0)});
  }
  const double factor = results::interval_factor(answer.constants);
  use.low_J = use.energy_J / factor;
  use.high_J = use.energy_J * factor;
  use.interval_source = "classes of the constants, 95 %, at least 30 %; not of the model's form";
  use.omissions = results::omissions_above(answer.boundary);
  use.notes = total.notes;
  return use;
}

results::Figure figure(const char* name, double value, const char* unit, const char* formula) {
  results::Figure out;
  out.name = name;
  out.value = value;
  out.unit = unit;
  out.formula = formula;
  return out;
}

void add_figures(const Question& question, const Answer& answer, const Total& total,
                 results::MethodSheet& sheet) {
  auto& figures = sheet.figures;
  const double energy_J = sheet.at("energy_kWh").value / question.footprint.multiplicity.runs() *
                          results::kJoulesPerKilowattHour;
  figures.push_back(
      figure("macs", total.macs, "1", "logical multiply-accumulates of all products"));
  figures.push_back(figure("energy_J_per_mac", energy_J / total.macs, "J/MAC", "energy / macs"));
  figures.back().boundary = name_of(answer.boundary);
  figures.push_back(figure("link_bytes", total.link_bytes, "B",
                           "all-reduce over replicas and tensor groups, transfers between stages, "
                           "spilled memory"));
  figures.push_back(figure("reload_frac", total.reload_frac, "1",
                           "products with weights that load them anew / all of them"));
  if (total.machine_s > 0) {
    figures.push_back(
        figure("device_years", total.machine_s / kYear_s, "years", "machines x time"));
    figures.push_back(
        figure("machines", answer.cluster.devices(), "1", "data x tensor x pipeline parallelism"));
    figures.push_back(question.service
                          ? figure("latency_s", total.wall_s, "s", "one pass of a batch")
                          : figure("wall_clock_days", total.wall_s / kDay_s, "d", "steps x time"));
  }
  if (total.utilisation_macs > 0) {
    figures.push_back(figure("utilisation_frac", total.utilisation_macs / total.macs, "1",
                             "logical MACs / (peak rate x computing time)"));
  }
  if (question.service) {
    figures.push_back(
        figure("energy_per_query_J",
               energy_J / (question.service->queries_per_day * question.service->days), "J",
               "energy / queries"));
    figures.back().boundary = name_of(answer.boundary);
  }
}

void add_omissions(const Question& question, const Answer& answer, results::MethodSheet& sheet) {
  auto& omitted = sheet.omissions;
  if (question.run) {
    for (const std::string& text : question.run->omitted) omitted.push_back(text);
    omitted.emplace_back("the data pipeline, checkpoints, evaluation, failures and restarts");
    if (!answer.holds_training) {
      sheet.notes.push_back(fmt::format(
          "accuracy: an error of {:.2g} a product is more than training is known to bear; the "
          "figures are of the same products at that accuracy, not of the same network",
          answer.accuracy.error));
    }
  } else {
    omitted.emplace_back("peaks of the load, networks to the user, storage and redundancy");
  }
  omitted.emplace_back("non-uniform traffic in the network between machines; links are PHY only");
  sheet.notes.push_back(fmt::format("accuracy class {}: relative error {:.2g} ({})",
                                    answer.accuracy.name, answer.accuracy.error,
                                    answer.accuracy.method));
  sheet.notes.push_back("spread over " + to_string(answer.cluster));
  sheet.notes.emplace_back("assumed: transfers do not overlap with computing");
  if (question.run) {
    sheet.notes.emplace_back(
        "assumed: the digital side of a backward pass takes twice that of a forward pass; Adam "
        "with "
        "its state in DDR5 memory, on every replica");
  }
}

/// k of the product with most MACs: what accuracy is judged by.
std::int64_t main_terms(const Work& work) {
  const Product* most = nullptr;
  for (const Product& product : work.products) {
    if (most == nullptr || product.macs() > most->macs()) most = &product;
  }
  return most != nullptr ? most->shape.k : 1;
}

std::optional<ElementType> precision_for(const Question& question, const Backend& backend) {
  const auto& known = backend.info().precisions;
  if (!question.precision ||
      std::find(known.begin(), known.end(), *question.precision) == known.end()) {
    return std::nullopt;
  }
  return question.precision;
}

}  // namespace

Answer answer(const Question& question, const Candidate& candidate) {
  Answer out;
  out.backend = candidate.backend->info().id;
  out.device = candidate.spec.name();
  std::optional<Machine> machine;
  try {
    machine.emplace(*candidate.backend, candidate.spec, precision_for(question, *candidate.backend),
                    question.link);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_available) throw;
    out.unsupported = error.what();
    return out;
  }
  const PriceTable& prices = machine->device().prices();
  if (!prices.has_energy) {
    out.unsupported = "its device file has no prices";
    return out;
  }
  if (candidate.spec.theory_bound()) {
    out.unsupported = "a bound of theory, no machine";
    return out;
  }
  out.boundary = std::min(prices.highest, Boundary::B3);
  Total total;
  const bool done = question.run ? add_training(question, *machine, out, total)
                                 : add_service(question, *machine, out, total);
  if (!done) return out;
  const std::int64_t sequence =
      question.run ? question.run->phases.front().sequence : question.service->sequence;
  out.accuracy = accuracy_of(*machine, main_terms(work_of(question.network(), 1, sequence)));
  out.holds_training = !question.run || trains(out.accuracy);
  out.constants = rows_of(*machine, total.activity);
  const double at_boundary = total.joules.up_to[static_cast<std::size_t>(out.boundary)];
  if (at_boundary > 0) {
    out.adc_share = total.joules.adc_J / at_boundary;
    out.link_share = (total.parts_J[static_cast<std::size_t>(Part::link)] +
                      total.parts_J[static_cast<std::size_t>(Part::spill)]) /
                     at_boundary;
  }
  results::FootprintOptions options = question.footprint;
  // Both are paid by the hour, which a machine without a model of time does not tell.
  if (!(total.machine_s > 0)) {
    options.cloud.reset();
    options.hardware.reset();
  }
  if (question.service && options.unit.empty() && out.boundary >= Boundary::B3) {
    options.unit = "1000 queries";
    options.units = question.service->queries_per_day * question.service->days / 1000;
  }
  out.sheet = results::footprint_of(energy_use(question, *machine, out, total), options);
  add_figures(question, out, total, out.sheet);
  add_omissions(question, out, out.sheet);
  if (prices.lowest > Boundary::B0) {
    out.sheet.notes.push_back(
        fmt::format("an undivided published figure from {} on", name_of(prices.lowest)));
  }
  return out;
}

}  // namespace jb::harness::scale
