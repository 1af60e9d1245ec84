// joulebench infer: a model on one backend with the user's own inputs.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/inference/node_inputs.h"
#include "harness/cli/app.h"
#include "harness/cli/energy_flags.h"
#include "harness/cli/output.h"
#include "harness/cli/point_flags.h"
#include "harness/inference.h"
#include "harness/io/tensor_io.h"
#include "results/report/terminal_table.h"

namespace jb::harness::cli {

namespace {

namespace fs = std::filesystem;

struct InferFlags {
  PointFlags points;
  EnergyFlags energy;
  std::string model;
  std::vector<std::string> inputs;
  std::string output;
  std::string format = "npy";
  std::string color = "auto";
  bool json = false;
  bool quiet = false;
};

// A place that cannot be written is refused before the model runs.
void make_folder(const std::string& folder) {
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) {
    fail_usage("-o: '{}' is no folder that can be made or written", folder);
  }
}

// An element type that NumPy has not goes into a .pb whatever was asked for.
fs::path output_path(const InferFlags& flags, std::size_t i, const Tensor& tensor) {
  const bool npy = flags.format == "npy" && tensor.type() != DataType::bf16;
  return fs::path(flags.output) / fmt::format("output_{}.{}", i, npy ? "npy" : "pb");
}

void describe(const std::string& name, const Tensor& tensor) {
  constexpr std::size_t kShown = 10;
  const std::vector<double> values = inference::as_doubles(tensor);
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kShown); ++i) {
    text += fmt::format(" {:g}", values[i]);
  }
  print(fmt::format("{} ({} {}):{}{}\n", name, name_of(tensor.type()), to_string(tensor.dims()),
                    text, values.size() > kShown ? " ..." : ""));
}

int infer(const InferFlags& flags) {
  check_choice("--color", flags.color, {"auto", "always", "never"});
  check_choice("--format", flags.format, {"npy", "pb"});
  const PointSpec point = one_machine_point(flags.points);
  make_folder(flags.output);
  std::vector<Tensor> inputs;
  for (const std::string& path : flags.inputs) inputs.push_back(read_tensor(path));
  InferenceMachine machine(point);
  // A model that runs once takes no windows of many seconds unless that is asked for.
  if (asks_for_windows(flags.energy)) {
    PointSpec of_model = point;
    of_model.op = Op::network;
    machine.meter_with(metering_of(flags.energy, {of_model}));
  }
  if (const Support here = machine.available(); !here) {
    say(fmt::format("unavailable: {}", here.reason));
    return kSomeFailed;
  }
  const bool told = flags.json || !flags.quiet || asks_for_windows(flags.energy);
  Inference result = machine.run(flags.model, inputs, told);
  result.record.repro = repro_of_inference(flags.model, flags.inputs, point);
  for (std::size_t i = 0; i < result.outputs.size(); ++i) {
    const Tensor& tensor = result.outputs[i];
    if (!flags.output.empty()) {
      write_tensor(output_path(flags, i, tensor), result.names[i], tensor);
    } else if (!flags.quiet && !flags.json) {
      describe(result.names[i], tensor);
    }
  }
  if (flags.json) {
    print(results::to_json(result.record).dump() + "\n");
  } else if (!flags.quiet && result.record.work.macs > 0) {
    print(results::energy_table({result.record}, table_style(flags.color)));
  }
  check_measured(flags.energy, {result.record});
  if (result.record.status == results::Status::failed) {
    say(fmt::format("failed: {}", result.record.reason));
    return kSomeFailed;
  }
  return kDone;
}

}  // namespace

void add_infer_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "infer", "runs an ONNX model on one backend with your own inputs",
               "joulebench infer model.onnx --input image.npy --backend onednn -o out\n"
               "joulebench infer model.onnx --input input_0.pb --device pcm-hermes");
  const auto flags = std::make_shared<InferFlags>();
  verb->add_option("MODEL", flags->model, "the ONNX file")->required();
  verb->add_option("--input", flags->inputs,
                   "a .npy or ONNX TensorProto .pb for each input, in the model's order")
      ->type_name("FILE...");
  add_point_flags(*verb, flags->points, FlagUse::one_model);
  add_energy_flags(*verb, flags->energy);
  add_metering_flags(*verb, flags->energy);
  verb->add_option("-o,--output", flags->output, "writes output_0, output_1, ... there")
      ->type_name("DIR")
      ->group("Output");
  verb->add_option("--format", flags->format, "npy (default) or pb, of the files written")
      ->type_name("FORMAT")
      ->group("Output");
  verb->add_flag("--json", flags->json, "the record on stdout")->group("Output");
  verb->add_option("--color", flags->color, "auto, always or never")
      ->type_name("WHEN")
      ->group("Output");
  verb->add_flag("-q,--quiet", flags->quiet, "no summary: files and exit code")->group("Output");
  verb->callback([flags, &action] { action = [flags] { return infer(*flags); }; });
}

}  // namespace jb::harness::cli
