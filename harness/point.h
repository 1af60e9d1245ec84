#pragma once
// A point: one workload x one backend x one device x one setting of every axis, as asked for.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/conv.h"
#include "backends/core/json_file.h"
#include "models/training/optimizer.h"

namespace jb::harness {

/// Values of the operands of GEMM and convolution points; part of the op's definition.
struct Distribution {
  enum class Kind : std::uint8_t { normal, uniform, relu, zeros, bits, sparse } kind = Kind::normal;
  double density = 1;  ///< sparse: share of elements that are not zero

  [[nodiscard]] std::string text() const;  ///< "normal", "sparse:0.1"
};
/// Reads "normal", "uniform", "relu", "zeros", "bits" or "sparse:P"; usage error otherwise.
Distribution distribution_from(const std::string& text);

enum class Op : std::uint8_t { gemm, conv2d, network, training };

/// How op training trains.
struct TrainingSpec {
  int epochs = 12;
  models::OptimizerKind optimizer = models::OptimizerKind::adam;
  double learning_rate = 1e-3;
  double momentum = 0.9;  ///< of optimizer momentum
  models::ScheduleKind schedule = models::ScheduleKind::cosine;
  bool noise_aware = false;               ///< gradients on the digital side
  std::optional<double> target_accuracy;  ///< training ends with the epoch that reaches it
};

/// What a user asked for; every field has the default of the command line.
struct PointSpec {
  Op op = Op::gemm;
  std::string backend = "reference";
  std::string device;                      ///< "" = the backend's default; a name or a .json file
  std::map<std::string, std::string> set;  ///< --set key=value
  GemmShape gemm;                          ///< op gemm
  ConvShape conv;                          ///< op conv2d
  std::string shape_name;                  ///< --shape, kept for labels; "" otherwise
  std::string network;                     ///< a name; of ONNX files filled when opened
  std::string onnx;                        ///< op network: an ONNX file; not part of the identity
  std::string onnx_hash;                   ///< of its content; filled when opened
  bool dynamic_products = false;           ///< the network multiplies computed operands; likewise
  std::string dataset;                     ///< op network: "" = drawn inputs
  std::string data_dir;     ///< folder of IDX files; not part of the point's identity
  std::int64_t batch = 64;  ///< op network: samples of a run; training: of a step
  TrainingSpec training;    ///< op training
  std::string ptq;          ///< op network: "max" or "percentile:P"; "" = none
  std::int64_t calibration_samples = 512;  ///< of --ptq
  std::string map;                         ///< op network: 'conv*=crossbar,*=onednn'; "" = backend
  std::optional<ElementType> precision;    ///< default: the backend's first
  /// gemm: B changes with each product. network: who multiplies two computed operands.
  std::optional<DynamicPolicy> dynamic;
  Distribution dist;
  std::uint64_t seed = 1;
  double age_s = 0;
  std::optional<double> since_calibration_s;  ///< default: calibrated just before the run
  std::optional<std::string> calibration;     ///< default: the device's own
  double temperature_C = 25;
  std::int64_t instances = 1;
  int threads = 0;  ///< 0 = all cores
  bool estimate = false;
};

/// Named shapes of `--shape`: "gemm-1024", "gemv-4096", "alexnet-conv1" ... ; fills op and shape.
/// Usage error suggesting the nearest name otherwise.
void apply_named_shape(PointSpec& point, const std::string& name);
std::vector<std::string> shape_names();
/// The named shape of these sizes, "" when there is none (labels; derived, so no part of identity).
std::string name_of_shape(const ConvShape& shape);

/// The record's `point` object, resolved against backend and device (defaults filled in).
Json point_json(const PointSpec& point, const Backend& backend, const DeviceSpec& device,
                const std::string& calibration, const std::string& implementation);

/// The command line that runs this point again.
std::string repro_line(const PointSpec& point);
/// The same of `infer` with the user's own model and inputs; of the point it takes the machine.
std::string repro_of_inference(const std::string& model, const std::vector<std::string>& inputs,
                               const PointSpec& point);

/// What a network point without a data set takes at once, unless told.
inline constexpr std::int64_t kDrawnBatch = 1;

/// Share of the magnitudes that a calibrated range holds: 1 for "max", P / 100 for "percentile:P";
/// usage error otherwise.
double ptq_share_from(const std::string& text);

/// "backend", "digital".
std::string_view name_of(DynamicPolicy policy) noexcept;
/// Reads "backend" or "digital"; usage error otherwise.
DynamicPolicy dynamic_policy_from(const std::string& text);

/// Refuses (usage) sizes, seeds, ages, counts and temperatures that make no sense, before anything
/// is allocated.
void check_point(const PointSpec& point);

}  // namespace jb::harness
