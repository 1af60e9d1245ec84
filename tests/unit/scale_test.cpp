// Estimates at scale against closed forms and against the networks that run.

#include <gtest/gtest.h>

#include <cmath>

#include "backends/core/error.h"
#include "harness/operand_expectation.h"
#include "harness/runner.h"
#include "harness/scale/decoder.h"
#include "harness/scale/question.h"
#include "models/networks/registry.h"

namespace jb::harness::scale {
namespace {

// Sums of doubles in another order.
constexpr double kRounding = 1e-12;

void expect_near_rel(double value, double expected, double tolerance) {
  EXPECT_NEAR(value, expected, tolerance * std::abs(expected));
}

Machine machine_of(const char* backend, const char* device) {
  const Backend& found = find_backend(backend);
  return Machine(found, load_device(found, device), {}, link_from("pcie5"));
}

template <class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

double total_J(const StepEstimate& step, Boundary boundary = Boundary::B3) {
  return step.total().up_to[static_cast<std::size_t>(boundary)];
}

TEST(ScaleWork, CountsWhatTheGraphCounts) {
  for (const char* name : {"mlp-784-100-10", "lenet5", "bert-base", "elmo", "transformer-base"}) {
    const models::Graph graph = models::build_network(name);
    const Work work = work_of(name, 2, 0);
    expect_near_rel(work.macs(), graph.bind(2).macs(), kRounding);
    EXPECT_EQ(work.parameters, models::parameters_of(graph)) << name;
  }
}

// GPT-2 XL by its sizes: the same products; parameters differ by the untied output matrix and the
// shorter table of positions.
TEST(ScaleWork, ADecoderBySizesIsGpt2) {
  const std::string sizes = "decoder:layers=48,width=1600,heads=25,vocabulary=50257,sequence=128";
  const Work decoder = work_of(sizes, 3, 0);
  const Work gpt2 = work_of("gpt2-xl", 3, 128);
  expect_near_rel(decoder.macs(), gpt2.macs(), kRounding);
  EXPECT_EQ(decoder.parameters, gpt2.parameters + 50257.0 * 1600 - (1024.0 - 128) * 1600);
  expect_near_rel(decoder.reduced_values, gpt2.reduced_values, kRounding);
  expect_near_rel(decoder.periphery_whole.adds + decoder.periphery_split.adds,
                  gpt2.periphery_whole.adds + gpt2.periphery_split.adds, kRounding);
}

// Shoeybi et al. 2019: a layer's four matrices and its heads are divided, and two sums over the
// group are left forward; the output layer's logits are gathered.
TEST(ScaleWork, TensorParallelismIsMegatrons) {
  const Work work = work_of("decoder:layers=7,width=64,heads=4,vocabulary=100,sequence=8", 2, 0);
  const double tokens = 2 * 8;
  expect_near_rel(work.reduced_values, 7 * 2 * tokens * 64 + tokens * 100 / 2, kRounding);
  double split = 0;
  for (const Product& product : work.products)
    split += product.split != Split::none ? product.macs() : 0;
  EXPECT_EQ(split, work.macs());
  for (const Product& product : work.products) {
    const Share share = share_of(product, 4);
    expect_near_rel(share.shape.macs() * share.products, product.macs(), kRounding);
  }
}

TEST(ScaleWork, BadSizesAreRefused) {
  message_of([] { work_of("decoder:layers=2,width=10,heads=3", 1, 0); });
  message_of([] { work_of("decoder:layers=2,width=10", 1, 0); });
  message_of([] { work_of("decoder:layers=0,width=10,heads=2", 1, 0); });
  message_of([] { work_of("decoder:depth=3", 1, 0); });
  message_of([] { work_of("decoder:layers=1.5,width=8,heads=2", 1, 0); });
  message_of([] { work_of("no-such-network", 1, 0); });
  message_of([] { work_of("bert-base", 0, 0); });
}

/// What estimates at scale take operands to be, for the layers of a perceptron.
GivenStatistics normal_operands(const std::vector<GemmShape>& layers) {
  GivenStatistics given;
  given.network.emplace();
  for (const GemmShape& shape : layers) {
    LayerStatistics entry;
    entry.shape = shape;
    entry.products = 1;
    entry.mean = expected_statistics(Distribution{}, shape, 0.5);
    given.network->add(entry);
  }
  return given;
}

// One pass on one machine is what `estimate --network` counts, which is what a run counts.
TEST(ScaleEstimate, OnePassIsTheNetworksEstimate) {
  for (const auto& [backend, device] : {std::pair{"systolic", "tpu-v1"},
                                        {"photonic", "photonic-2025"},
                                        {"crossbar", "pcm-hermes"}}) {
    PointSpec point;
    point.op = Op::network;
    point.backend = backend;
    point.device = device;
    point.network = "mlp-784-100-10";
    point.dataset = "synthetic-digits";
    point.batch = 50;
    const GivenStatistics operands = normal_operands({{50, 100, 784}, {50, 10, 100}});
    const results::Record record = estimate_point(point, {}, &operands);
    ASSERT_EQ(record.status, results::Status::ok) << record.reason;
    const double runs = record.measurement.at("samples").get<double>() / 50;
    ASSERT_EQ(runs, std::floor(runs)) << "all runs are of the same size";
    const Machine machine = machine_of(backend, device);
    Cluster cluster;
    cluster.samples = 50;
    const StepEstimate pass = estimate_pass(machine, cluster, work_of(point.network, 50, 0), {});
    const auto highest = std::min(machine.device().prices().highest, Boundary::B3);
    const std::string name = "energy_" + std::string(name_of(highest)) + "_J_per_mac";
    expect_near_rel(total_J(pass, highest) * runs, record.find(name)->value * record.work.macs,
                    kRounding);
    expect_near_rel(pass.busy_s * runs, record.find("device_time_s")->value, kRounding);
  }
}

// A training at scale counts the products that `train` counts: forward, both gradients, none of the
// images; on machines where neither data nor the way of updating decide.
TEST(ScaleEstimate, OneStepIsTheTrainersStep) {
  for (const auto& [backend, device] :
       {std::pair{"systolic", "tpu-v1"}, {"crossbar", "pcm-hermes"}}) {
    PointSpec point;
    point.op = Op::training;
    point.backend = backend;
    point.device = device;
    point.network = "mlp-784-100-10";
    point.dataset = "synthetic-digits";
    point.batch = 50;
    point.training.epochs = 1;
    RunOptions options;
    options.layers = true;
    const results::Record record = estimate_point(point, options);
    ASSERT_EQ(record.status, results::Status::ok) << record.reason;
    const double steps = record.measurement.at("training_samples").get<double>() / 50;
    const Machine machine = machine_of(backend, device);
    Cluster cluster;
    cluster.samples = 50;
    const Work work = work_of(point.network, 50, 0);
    const StepEstimate step = estimate_step(machine, cluster, work, {});
    expect_near_rel(step.macs * steps, record.work.macs, kRounding);
    // Products alone: the digital side around them is modelled apart (Part::periphery).
    const auto of_products = [&](const char* orientation) {
      double joules = 0;
      for (const results::RecordRow& row : record.ledger) {
        const bool here = row.layer.find(std::string("/") + orientation) != std::string::npos;
        if (here && row.component.find("digital periphery") == std::string::npos) {
          joules += row.energy_J;
        }
      }
      return joules;
    };
    const auto highest = std::min(machine.device().prices().highest, Boundary::B3);
    for (const auto& [part, orientation] : {std::pair{Part::forward, "forward"},
                                            {Part::input_gradient, "input-gradient"},
                                            {Part::weight_gradient, "weight-gradient"}}) {
      const double joules =
          step.joules[static_cast<std::size_t>(part)].up_to[static_cast<std::size_t>(highest)];
      // Steps times one step against sums over layers: some hundred roundings.
      expect_near_rel(joules * steps, of_products(orientation), 1e-12);
    }
  }
}

// Convolutions that a machine counts whole are counted so at scale.
TEST(ScaleEstimate, ConvolutionsAreThoseOfTheNetworksEstimate) {
  PointSpec point;
  point.op = Op::network;
  point.backend = "systolic";
  point.device = "scale-sim-32";
  point.network = "mobilenet-v2";
  point.batch = 4;
  const results::Record record = estimate_point(point, {});
  ASSERT_EQ(record.status, results::Status::ok) << record.reason;
  const Machine machine = machine_of("systolic", "scale-sim-32");
  Cluster cluster;
  cluster.samples = 4;
  const StepEstimate pass = estimate_pass(machine, cluster, work_of(point.network, 4, 0), {});
  const auto highest = std::min(machine.device().prices().highest, Boundary::B3);
  // `estimate --network` takes normalisation and activations into the convolutions before them,
  // which leaves less for the digital side around them.
  double products_J = 0;
  for (const results::RecordRow& row : record.ledger) {
    if (row.component.find("digital periphery") == std::string::npos) products_J += row.energy_J;
  }
  const double forward_J =
      pass.joules[static_cast<std::size_t>(Part::forward)].up_to[static_cast<std::size_t>(highest)];
  // Equal layers times their number against sums over 50 layers.
  expect_near_rel(forward_J, products_J, 1e-13);
}

TEST(ScaleEstimate, DataParallelTrafficIsARingOfGradients) {
  const Machine machine = machine_of("systolic", "tpu-v1");
  Cluster cluster;
  cluster.data = 16;
  cluster.samples = 4;
  const Work work = work_of("bert-base", 4, 128);
  const StepEstimate step = estimate_step(machine, cluster, work, {});
  const double bytes = 2.0 * 15 * work.parameters * machine.value_bytes();
  expect_near_rel(step.link_bytes, bytes, kRounding);
  const Joules& links = step.joules[static_cast<std::size_t>(Part::link)];
  expect_near_rel(links.up_to[static_cast<std::size_t>(Boundary::B2)],
                  bytes * machine.link().J_per_B, kRounding);
  EXPECT_EQ(links.up_to[static_cast<std::size_t>(Boundary::B1)], 0);
  // 2 (d - 1) / d of the gradients leave each machine, one after the other.
  expect_near_rel(step.time_s - step.busy_s, bytes / 16 / machine.link().B_per_s, 1e-9);
}

TEST(ScaleEstimate, TensorAndPipelineTraffic) {
  const Machine machine = machine_of("systolic", "tpu-v1");
  const Work work = work_of("decoder:layers=8,width=256,heads=4,vocabulary=512,sequence=32", 2, 0);
  Cluster cluster;
  cluster.tensor = 4;
  cluster.pipeline = 2;
  cluster.microbatches = 8;
  cluster.samples = 2;
  const StepEstimate step = estimate_step(machine, cluster, work, {});
  const double bytes = machine.value_bytes();
  const double reduced = 2.0 * 3 * work.reduced_values * 2 * 8 * bytes;  // forward and backward
  const double passed = 1.0 * 2 * 32 * 256 * 2 * 8 * bytes;
  expect_near_rel(step.link_bytes, reduced + passed, kRounding);
  // GPipe's bubble: (pieces + stages - 1) / pieces of the computing time, then the transfers.
  const double link_s =
      (2.0 * 3 / 4 * work.reduced_values * 2 * 8 * bytes + 2.0 * 32 * 256 * 2 * 8 * bytes) /
      machine.link().B_per_s;
  expect_near_rel(step.time_s, step.busy_s * (8 + 2 - 1) / 8 + link_s, 1e-9);
}

TEST(ScaleEstimate, TrainingIsThreeTimesThePass) {
  const Machine machine = machine_of("photonic", "photonic-2025");
  Cluster cluster;
  cluster.samples = 8;
  const Work work = work_of("bert-base", 8, 128);
  EXPECT_EQ(estimate_step(machine, cluster, work, {}).macs, 3 * work.macs());
  EXPECT_EQ(estimate_pass(machine, cluster, work, {}).macs, work.macs());
}

TEST(ScaleEstimate, WaitingBurnsIdlePower) {
  const Machine machine = machine_of("systolic", "tpu-v1");
  Cluster cluster;
  cluster.samples = 8;
  const Work work = work_of("bert-base", 8, 128);
  Knobs half;
  half.utilisation = 0.5;
  const StepEstimate fast = estimate_pass(machine, cluster, work, {});
  const StepEstimate slow = estimate_pass(machine, cluster, work, half);
  expect_near_rel(slow.time_s, 2 * fast.time_s, kRounding);
  expect_near_rel(total_J(slow), total_J(fast) + fast.static_W * fast.time_s, kRounding);
  expect_near_rel(total_J(slow, Boundary::B2), total_J(fast, Boundary::B2), kRounding);
}

TEST(ScaleEstimate, CrossbarReloadsWhatDoesNotFit) {
  const Machine machine = machine_of("crossbar", "pcm-hermes");
  Cluster cluster;
  const Work small = work_of("mlp-784-100-10", 1, 0);
  const Work large = work_of("bert-base", 1, 128);
  EXPECT_EQ(estimate_pass(machine, cluster, small, {}).reload_frac, 0);
  const StepEstimate part = estimate_pass(machine, cluster, large, {});
  EXPECT_GT(part.reload_frac, 0);
  Knobs never;
  never.reload = Reload::never;
  Knobs always;
  always.reload = Reload::always;
  const StepEstimate none = estimate_pass(machine, cluster, large, never);
  const StepEstimate all = estimate_pass(machine, cluster, large, always);
  EXPECT_EQ(none.reload_frac, 0);
  EXPECT_EQ(all.reload_frac, 1);
  EXPECT_LT(total_J(none, Boundary::B1), total_J(part, Boundary::B1));
  EXPECT_LT(total_J(part, Boundary::B1), total_J(all, Boundary::B1));
  // What stays is programmed once; what is loaded anew pays each time.
  EXPECT_GT(none.setup_J, part.setup_J);
  EXPECT_EQ(all.setup_J, 0);
}

// 1.008e12 parameters (Narayanan et al., SC 2021, Table 1) in 16 bytes each.
constexpr const char* kTrillion = "decoder:layers=128,width=25600,heads=160";

TEST(ScaleCluster, MemoryDecidesHowModelsAreShared) {
  const Machine machine = machine_of("cublas", "h100");
  const Work one = work_of(kTrillion, 1, 0);
  EXPECT_NEAR(one.parameters, 1.008e12, 0.003e12);
  const Cluster found = plan_training({3072, 0, 0, 0, 0}, machine, one, 3072);
  EXPECT_EQ(found.devices(), 3072);
  EXPECT_GT(found.tensor * found.pipeline, 1.008e12 * 16 / machine.memory_bytes());
  EXPECT_EQ(found.spilled_bytes, 0);
  EXPECT_LE(found.state_bytes + found.activation_bytes, machine.memory_bytes());
  // Eight machines do not hold it: the rest travels.
  const Cluster few = plan_training({8, 0, 0, 0, 0}, machine, one, 3072);
  EXPECT_EQ(few.devices(), 8);
  expect_near_rel(few.spilled_bytes,
                  few.state_bytes + few.activation_bytes - machine.memory_bytes(), kRounding);
  EXPECT_GT(few.spilled_bytes, 0);
  const Work micro = work_of(kTrillion, few.samples, 0);
  const StepEstimate step = estimate_step(machine, few, micro, {});
  EXPECT_GT(step.joules[static_cast<std::size_t>(Part::spill)].up_to[2], 0);
}

TEST(ScaleCluster, ContradictionsAreRefused) {
  const Machine machine = machine_of("cublas", "h100");
  const Work one = work_of("bert-base", 1, 128);
  const auto plan = [&](const ClusterRequest& request, std::int64_t batch) {
    return message_of([&] { plan_training(request, machine, one, batch); });
  };
  EXPECT_NE(plan({10, 0, 4, 1, 0}, 64).find("multiple of 4"), std::string::npos);
  EXPECT_NE(plan({0, 128, 1, 1, 0}, 64).find("128 replicas"), std::string::npos);
  EXPECT_NE(plan({0, 1, 1, 100000, 0}, 64).find("stages"), std::string::npos);
  plan({0, 1, 1, 1, 65}, 64);
  plan({-1, 0, 0, 0, 0}, 64);
  plan({0, 100000, 100000, 100000, 0}, 64);
}

TEST(ScaleRuns, PublishedRunsAreKnownByName) {
  const TrainingRun bert = published_run("bert-base", "strubell2019", 0);
  EXPECT_EQ(bert.steps(), 1e6);
  EXPECT_EQ(bert.devices, 64);
  EXPECT_NE(message_of([] { published_run("gpt2-xl", "strubell2019", 0); }).find("--steps"),
            std::string::npos);
  EXPECT_EQ(published_run("gpt2-xl", "strubell2019", 5).steps(), 5);
  EXPECT_NE(message_of([] { published_run("bert", "strubell2019", 0); }).find("bert-base"),
            std::string::npos);
  message_of([] { published_run("bert-base", "nobody1999", 0); });
}

Question bert_question() {
  Question question;
  question.run = published_run("bert-base", "strubell2019", 0);
  question.link = link_from("pcie5");
  const results::FootprintData data = results::FootprintData::load();
  question.footprint.grid =
      data.grid("US_strubell", results::CarbonBasis::location, results::CarbonSignal::average);
  question.footprint.pue = data.pue("strubell2019");
  return question;
}

Candidate candidate_of(const char* backend, const char* device) {
  const Backend& found = find_backend(backend);
  return {&found, load_device(found, device)};
}

TEST(ScaleQuestion, AddsUpToItsParts) {
  const Question question = bert_question();
  const Answer one = answer(question, candidate_of("photonic", "photonic-2025"));
  ASSERT_EQ(one.unsupported, "");
  const results::Figure& energy = one.sheet.at("energy_kWh");
  double parts = 0;
  for (const results::SheetInput& input : energy.inputs) {
    if (input.unit == "J" && (input.name == "set-up" || input.source.find("counts x") == 0)) {
      parts += input.value;
    }
  }
  expect_near_rel(energy.value * 3.6e6, parts, 1e-9);
  expect_near_rel(one.sheet.at("facility_energy_kWh").value, 1.58 * energy.value, kRounding);
  EXPECT_EQ(one.sheet.at("facility_energy_kWh").boundary, "B3 x PUE");
  EXPECT_FALSE(one.holds_training) << "an analog product is too coarse";
  EXPECT_FALSE(one.sheet.omissions.empty());
  // 64 replicas all the time that the run takes.
  expect_near_rel(one.sheet.at("device_years").value,
                  64 * one.sheet.at("wall_clock_days").value / 365.25, kRounding);
  EXPECT_EQ(one.cluster.data, 64);
}

TEST(ScaleQuestion, TwiceTheStepsAreTwiceTheEnergy) {
  Question question = bert_question();
  const Candidate machine = candidate_of("systolic", "tpu-v1");
  const double once = answer(question, machine).sheet.at("energy_kWh").value;
  for (Phase& phase : question.run->phases) phase.steps *= 2;
  // The set-up, once, is below rounding of a run of a million steps.
  expect_near_rel(answer(question, machine).sheet.at("energy_kWh").value, 2 * once, 1e-6);
}

TEST(ScaleQuestion, EveryMachineAnswersOrSaysWhy) {
  const Question question = bert_question();
  int answered = 0;
  for (const MachineChoice& choice : all_machines()) {
    const Answer one =
        answer(question, {choice.backend, load_device(*choice.backend, choice.device)});
    if (!one.unsupported.empty()) continue;
    ++answered;
    EXPECT_GT(one.sheet.at("energy_kWh").value, 0) << choice.device;
    EXPECT_TRUE(std::isfinite(one.sheet.at("carbon_kg").value)) << choice.device;
    EXPECT_GT(one.accuracy.error, 0) << choice.device;
  }
  EXPECT_GT(answered, 10);
}

TEST(ScaleQuestion, ServicesPayForIdleMachines) {
  Question question = bert_question();
  question.run.reset();
  question.service = Service{"bert-base", 1000, 10, 1, 128};
  const Candidate machine = candidate_of("systolic", "tpu-v1");
  const Answer few = answer(question, machine);
  question.service->queries_per_day = 2000;
  const Answer more = answer(question, machine);
  // One machine in both cases, idle nearly all the time: its power hardly changes.
  EXPECT_EQ(few.sheet.at("machines").value, 1);
  EXPECT_LT(more.sheet.at("energy_kWh").value, 1.1 * few.sheet.at("energy_kWh").value);
  EXPECT_GT(more.sheet.at("energy_kWh").value, few.sheet.at("energy_kWh").value);
  EXPECT_NE(few.sheet.find("sci_kg_per_unit"), nullptr);
  question.service->queries_per_day = 1e9;
  EXPECT_GT(answer(question, machine).sheet.at("machines").value, 10);
}

TEST(ScaleQuestion, SensitivityNamesAllAssumptionsWidestFirst) {
  const Question question = bert_question();
  const Candidate machine = candidate_of("photonic", "photonic-2025");
  const Answer base = answer(question, machine);
  const results::Tornado tornado =
      sensitivity_of(question, machine, base, results::FootprintData::load());
  for (const char* name : {"PUE", "grid", "ADC energy", "batch", "utilisation", "reload"}) {
    EXPECT_TRUE(std::any_of(tornado.swings.begin(), tornado.swings.end(),
                            [&](const results::Swing& s) { return s.assumption == name; }))
        << name;
  }
  for (std::size_t i = 1; i < tornado.swings.size(); ++i) {
    EXPECT_GE(tornado.swings[i - 1].width(), tornado.swings[i].width());
  }
}

}  // namespace
}  // namespace jb::harness::scale
