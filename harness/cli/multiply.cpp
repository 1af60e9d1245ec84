// joulebench multiply: C = A B on one backend with the user's own matrices.

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>

#include "backends/backend.h"
#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"
#include "backends/inspectable.h"
#include "harness/cli/app.h"
#include "harness/cli/energy_flags.h"
#include "harness/cli/output.h"
#include "harness/cli/point_flags.h"
#include "harness/io/npy.h"
#include "harness/runner.h"
#include "results/report/terminal_table.h"

namespace jb::harness::cli {

namespace {

struct MultiplyFlags {
  PointFlags points;
  EnergyFlags energy;
  std::string a;
  std::string b;
  std::string output;
  std::string dump;
  std::string color = "auto";
  bool json = false;
  bool quiet = false;
};

template <class T>
void refuse_non_finite_of(const std::string& path, const Matrix<T>& matrix) {
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) {
      if (std::isfinite(matrix(i, j))) continue;
      fail_usage(
          "{}: the element at row {}, column {} (from 0) is {}; only finite numbers can be "
          "multiplied",
          path, i, j, matrix(i, j));
    }
  }
}

NpyMatrix read_finite(const std::string& path) {
  NpyMatrix matrix = read_npy(path);
  if (matrix.type == ElementType::f64) {
    refuse_non_finite_of(path, matrix.f64);
  } else {
    refuse_non_finite_of(path, matrix.f32);
  }
  return matrix;
}

// A copy in the type that the backend computes in. Inputs are finite: what is not finite here is
// too large for float32.
template <class T>
Matrix<T> operand_as(const std::string& path, const NpyMatrix& source, const std::string& backend) {
  Matrix<T> matrix = copy_as<T>(source.ref());
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) {
      if (std::isfinite(matrix(i, j))) continue;
      fail_usage(
          "{}: the element at row {}, column {} (from 0) does not fit into float32, in which "
          "{} computes",
          path, i, j, backend);
    }
  }
  return matrix;
}

/// Writes what the plan's machine holds as `<name>.npy` into the folder.
void dump_plan(const Plan& plan, const std::string& directory, const std::string& backend) {
  const auto* const inspectable = dynamic_cast<const Inspectable*>(&plan);
  if (inspectable == nullptr) {
    fail_usage("--dump: backend {} holds no conductances; use --backend crossbar, or leave it out",
               backend);
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) fail_usage("--dump {}: the folder cannot be made: {}", directory, error.message());
  inspectable->inspect([&](const std::string& name, MatrixView<const double> matrix) {
    write_npy(std::filesystem::path(directory) / (name + ".npy"), matrix);
  });
  const HeldMemory held = inspectable->memory();
  write_file_atomically(
      std::filesystem::path(directory) / "memory.json",
      fmt::format("{{\"physical_devices\": {}, \"conductance_bytes\": {}, "
                  "\"effective_bytes\": {}, \"workspace_bytes\": {}}}\n",
                  held.devices, held.conductances, held.effective, held.workspace));
}

template <class T>
results::Record multiply_as(const PointSpec& point, const NpyMatrix& a, const NpyMatrix& b,
                            const MultiplyFlags& flags, const RunOptions& given) {
  const Matrix<T> a_values = operand_as<T>(flags.a, a, point.backend);
  const Matrix<T> b_values = operand_as<T>(flags.b, b, point.backend);
  Matrix<T> c(a.rows, b.cols);
  RunOptions options = given;
  if (!flags.dump.empty()) {
    options.on_executed = [&](const Plan& plan) { dump_plan(plan, flags.dump, point.backend); };
  }
  results::Record record =
      multiply_point(point, a_values.view(), b_values.view(), c.view(), options);
  if (record.status == results::Status::ok && !flags.output.empty()) {
    write_npy(flags.output, std::as_const(c).view());
  }
  return record;
}

int multiply(const MultiplyFlags& flags) {
  check_choice("--color", flags.color, {"auto", "always", "never"});
  PointSpec point = one_machine_point(flags.points);
  check_output_file(flags.output, "C.npy");
  const NpyMatrix a = read_finite(flags.a);
  const NpyMatrix b = read_finite(flags.b);
  if (a.cols != b.rows) {
    fail_usage("{} is {} x {} and {} is {} x {}: the columns of A and the rows of B must agree",
               flags.a, a.rows, a.cols, flags.b, b.rows, b.cols);
  }
  point.gemm = {a.rows, b.cols, a.cols};
  check_runnable(point);
  RunOptions options;
  // A product by itself takes no windows of many seconds unless that is asked for.
  if (asks_for_windows(flags.energy)) options.metering = metering_of(flags.energy, {point});
  const bool wide = a.type == ElementType::f64 || b.type == ElementType::f64;
  const results::Record record = wide && computes_f64(find_backend(point.backend))
                                     ? multiply_as<double>(point, a, b, flags, options)
                                     : multiply_as<float>(point, a, b, flags, options);
  if (flags.json) {
    print(results::to_json(record).dump() + "\n");
  } else if (!flags.quiet) {
    print(results::energy_table({record}, table_style(flags.color)));
  }
  check_measured(flags.energy, {record});
  if (record.status != results::Status::ok) {
    say(fmt::format("{}: {}", results::name_of(record.status), record.reason));
    return kSomeFailed;
  }
  return kDone;
}

}  // namespace

void add_multiply_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "multiply",
               "C = A B on one backend with your own matrices; A[m x k] holds "
               "activations, B[k x n] is the stationary operand",
               "joulebench multiply A.npy B.npy --backend photonic -o C.npy\n"
               "joulebench multiply A.npy B.npy --device pcm-hermes --age 3600 --json");
  const auto flags = std::make_shared<MultiplyFlags>();
  verb->add_option("A", flags->a, "float32 or float64 .npy, C or Fortran order")->required();
  verb->add_option("B", flags->b, "the same; its rows are the columns of A")->required();
  add_point_flags(*verb, flags->points, FlagUse::one_gemm);
  add_energy_flags(*verb, flags->energy);
  add_metering_flags(*verb, flags->energy);
  verb->add_option("-o,--output", flags->output,
                   "writes C: float64 where an input is and the backend is a simulator or "
                   "reference, else float32")
      ->type_name("C.npy")
      ->group("Output");
  verb->add_option("--dump", flags->dump,
                   "crossbar: writes into DIR as .npy, k x n at the point's age: weights (B), "
                   "conductances_sliceS[_positive|_negative] (relative to G_max; unit columns of "
                   "tiles last), effective_sliceS (what columns see, array units, lines included) "
                   "and effective (units of B); and memory.json, what the simulation holds")
      ->type_name("DIR")
      ->group("Output");
  verb->add_flag("--json", flags->json, "the record on stdout")->group("Output");
  verb->add_option("--color", flags->color, "auto, always or never")
      ->type_name("WHEN")
      ->group("Output");
  verb->add_flag("-q,--quiet", flags->quiet, "no summary: files and exit code")->group("Output");
  verb->callback([flags, &action] { action = [flags] { return multiply(*flags); }; });
}

}  // namespace jb::harness::cli
