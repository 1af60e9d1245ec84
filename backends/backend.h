#pragma once
// The interface behind which every machine stands: Backend -> Device -> Plan -> Activity.
// Orientation: C[m x n] = A[m x k] B[k x n], A = activations (a row per sample), B = stationary.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/conv.h"
#include "backends/core/element_type.h"
#include "backends/core/error.h"
#include "backends/core/graph_view.h"
#include "backends/core/matrix.h"
#include "backends/core/operand_statistics.h"
#include "backends/core/parameters.h"
#include "backends/core/product_statistics.h"
#include "backends/core/quantise.h"
#include "backends/core/random.h"
#include "backends/core/row_source.h"
#include "backends/core/shape.h"
#include "backends/core/tensor.h"
#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"

namespace jb {

/// What a machine is, for `list` and for tables.
struct BackendInfo {
  std::string id;                       ///< "crossbar"
  std::string kind;                     ///< "cmos", "analog", "photonic" or "reference"
  std::string description;              ///< one line
  bool simulated = true;                ///< false: device time is measured on real hardware
  std::vector<ElementType> precisions;  ///< of the arithmetic (digital) or of host tensors (analog)
  std::string default_device;           ///< preset that `--backend` alone means
  std::string ideal_device;  ///< preset without noise and quantisation; "" when there is none
  int model_version = 1;     ///< raised when the model's numbers change on purpose
};

/// Which machine of its kind: fixes programming errors, drift exponents, faults.
struct DeviceInstance {
  std::uint64_t seed = 1;
  std::uint32_t instance = 0;
  /// Arithmetic that a machine with several is opened for; default: the backend's first.
  std::optional<ElementType> precision = {};
};

/// Clocks and temperature; they move only when told.
struct Epoch {
  double age_s = 0;                ///< since programming
  double since_calibration_s = 0;  ///< since the last calibration
  double temperature_C = 25;
};

/// What calibration samples showed of one family of products of a network: those of a node's part
/// over all its operands (post-training quantisation).
struct ProductSamples {
  InputSpan inputs{0};  ///< of A
  double share = 1;     ///< of readings that the range of an output converter must hold
  Matrix<float> rows;   ///< some rows of A, evenly chosen from all that came
};

struct PlanOptions {
  /// Separates the random numbers of layers: tag_of(layer name), or any number.
  std::uint64_t scope = 0;
  /// Full scale of A, measured on calibration data (post-training quantisation). A machine that
  /// quantises its inputs then uses it instead of ranges of its own, and clips what lies beyond;
  /// others take no notice.
  std::optional<InputSpan> input_range = {};
  /// What else calibration data showed: a machine with output converters sets their range by what
  /// it reads of these rows.
  std::shared_ptr<const ProductSamples> samples = nullptr;
  /// The family of products that the operand is one of: the node's name, "lstm1/state".
  std::string_view family = {};
};

/// By the family's name.
using SamplesOfProducts = std::map<std::string, std::shared_ptr<const ProductSamples>, std::less<>>;

enum class Direction : std::uint8_t {
  forward,     ///< C = A B
  transposed,  ///< C = A B^T with the same stored B (input gradients in training)
};

/// What one execute did.
struct Execution {
  Activity activity;
  OperandStatistics statistics;    ///< of the operands as executed
  bool statistics_known = true;    ///< false: a machine that is timed does not measure them
  ProductLog products;             ///< of a network's run: those of its products, by layer
  std::vector<std::string> lints;  ///< e.g. "saturated: 0.3 % of ADC samples clipped"
};

/// How to time a product by the machine's own clock.
struct DeviceTimingOptions {
  double min_time_s = 0.1;   ///< of each repetition, on the machine's clock
  double warmup_s = 0.05;    ///< run before the first repetition, not recorded
  int repetitions = 6;       ///< at least 1
  bool cold_caches = false;  ///< caches are emptied before each product; else products follow on
};

struct DeviceTimes {
  std::vector<double> times_s;  ///< seconds of one product, one entry a repetition, in order
  std::int64_t iterations = 0;  ///< products in each repetition
  std::string clock;            ///< what was read: "GPU events, ..."
};

/// One stationary operand on one device.
class Plan {
 public:
  virtual ~Plan() = default;

  /// What programming or loading the operand cost (empty for dynamic plans, which pay per execute).
  [[nodiscard]] virtual const Activity& setup() const = 0;
  /// True when the operand stays on the machine; false when every execute reloads it.
  [[nodiscard]] virtual bool resident() const = 0;
  /// Range of the output converters as PlanOptions::samples set it, relative to the range that the
  /// device file alone gives them; nothing where samples set none.
  [[nodiscard]] virtual std::optional<double> converter_range() const { return std::nullopt; }
  /// Name of the kernel or model variant that runs ("brg:avx512_core", "homodyne/gaussian").
  [[nodiscard]] virtual std::string implementation() const { return {}; }

  /// C = A B (A: m x k, C: m x n, m as given here; f32 or f64, the same type in A and C).
  /// Throws ErrorCode::usage on wrong shapes.
  virtual Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                            Direction direction) = 0;
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c) {
    return execute(a, c, Draw{}, Direction::forward);
  }
  /// The same, forward, with rows of A that are made as they are read. Nothing where the machine
  /// wants a matrix: the caller then writes the rows out.
  virtual std::optional<Execution> execute_rows(const RowSource<float>& /*a*/,
                                                const MatrixRef& /*c*/, const Draw& /*draw*/) {
    return std::nullopt;
  }

  /// Repeats the last execute on the machine alone, operands and result staying there, timed by the
  /// machine's own clock. Nothing when it has none, or when nothing was executed: then the host's
  /// clock around execute() is what there is.
  virtual std::optional<DeviceTimes> time_on_device(const DeviceTimingOptions& /*options*/) {
    return std::nullopt;
  }

  /// Adds `delta` (k x n) to the stored operand in place and tells what that cost.
  virtual Activity update(const ConstMatrixRef& delta) = 0;

  /// Whether the machine changes the operand where it lies, by outer products of vectors on its
  /// rows and columns, instead of being written anew.
  [[nodiscard]] virtual bool updates_by_outer_products() const { return false; }
  /// Adds scale X^T D (X: samples x k, D: samples x n) to the stored operand, as far as the machine
  /// can, and tells what that cost. `stored` (k x n) receives what it then holds. Only where
  /// updates_by_outer_products().
  virtual Activity update_outer(const ConstMatrixRef& /*x*/, const ConstMatrixRef& /*d*/,
                                double /*scale*/, const Draw& /*draw*/,
                                const MatrixRef& /*stored*/) {
    fail_internal("this machine has no update by outer products");
  }
};

/// One set of filters on one machine that runs a convolution as one operation of its own, without
/// lowering it to a matrix product.
class ConvPlan {
 public:
  virtual ~ConvPlan() = default;

  [[nodiscard]] virtual const Activity& setup() const = 0;
  [[nodiscard]] virtual bool resident() const = 0;
  [[nodiscard]] virtual std::string implementation() const { return {}; }

  /// Takes the input (N x C x H x W, row-major) in the machine's own layout and number format.
  virtual void load(const float* input) = 0;
  /// The convolution of the input loaded last. The result stays with the machine.
  virtual Execution execute() = 0;
  /// Writes the result (N x K x P x Q, row-major).
  virtual void store(float* output) = 0;
};

/// Receives each node's first output as it is produced: (index of the node, its name, the output).
using LayerSink = std::function<void(int, std::string_view, const Tensor&)>;

/// Who multiplies two operands that are both computed in the run.
enum class DynamicPolicy : std::uint8_t {
  backend,  ///< the machine, which pays for programming at every product where it must program
  digital,  ///< the digital side
};

struct CompileOptions {
  ElementType precision = ElementType::f32;  ///< arithmetic of the linear layers
  DynamicPolicy dynamic = DynamicPolicy::backend;
  /// Plans are made when their layer runs and dropped after it, so that memory holds one layer at a
  /// time; for networks larger than the host's memory.
  bool streamed = false;
  std::shared_ptr<const SamplesOfProducts> samples = nullptr;  ///< null: none were taken

  /// Of a family of products; null: nothing is known of it.
  [[nodiscard]] std::shared_ptr<const ProductSamples> samples_of(std::string_view family) const {
    if (samples == nullptr) return nullptr;
    const auto found = samples->find(family);
    return found == samples->end() ? nullptr : found->second;
  }
};

/// A network compiled for a device.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Names that ledger rows' layer numbers point to (layer l is names[l - 1]): the graph's nodes.
  [[nodiscard]] virtual const std::vector<std::string>& layer_names() const = 0;
  /// Who runs each node: a backend's id, "digital" for the periphery.
  [[nodiscard]] virtual const std::vector<std::string>& placements() const = 0;
  /// Prices of the actions counted: the device's and those of the digital periphery.
  [[nodiscard]] virtual const PriceTable& prices() const = 0;
  [[nodiscard]] virtual const Activity& setup() const = 0;
  [[nodiscard]] virtual bool resident() const = 0;
  [[nodiscard]] virtual std::string implementation() const = 0;
  /// Plan::converter_range() of families of products, the widest of their operands.
  [[nodiscard]] virtual std::map<std::string, double> converter_ranges() const { return {}; }
  /// One run: a tensor for each of the graph's inputs, in order, gives one for each of its outputs.
  /// The first dimension may hold fewer samples than the graph is bound to. draw.row_offset counts
  /// samples. `sink` may be null.
  virtual Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs,
                        const Draw& draw, const LayerSink* sink) = 0;
  /// The counts of a run of the same graph bound to another batch, without computing. Counts that
  /// the operands decide are those of default statistics.
  [[nodiscard]] virtual Activity estimate(const GraphView& bound) const = 0;
  /// The same with these statistics of its products' operands. Usage error when data decide counts
  /// of a product that they do not hold.
  [[nodiscard]] virtual Activity estimate_with(const GraphView& bound,
                                               const NetworkStatistics& /*statistics*/) const {
    return estimate(bound);
  }
  /// setup() of operands with these statistics; setup() itself where values decide none of it.
  [[nodiscard]] virtual Activity setup_with(const GraphView& /*bound*/,
                                            const NetworkStatistics& /*statistics*/) const {
    return setup();
  }
};

/// run() for networks of one f32 matrix in and one out, a row per sample.
Execution run_rows(Executable& executable, MatrixView<const float> inputs,
                   MatrixView<float> outputs, const Draw& draw, const LayerSink* sink = nullptr);

/// One machine: preset, instance number and seed.
class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual const DeviceSpec& spec() const = 0;
  [[nodiscard]] virtual const PriceTable& prices() const = 0;

  /// Whether this machine runs that product, with the reason when not.
  [[nodiscard]] virtual Support supports(const GemmShape& shape, OperandMode mode,
                                         ElementType precision) const = 0;

  /// Counts of one execute, without computing: the function that execute itself counts with.
  [[nodiscard]] virtual Activity estimate(const GemmShape& shape, OperandMode mode,
                                          const OperandStatistics& statistics) const = 0;
  /// Counts of programming a stationary operand (setup), without doing it.
  [[nodiscard]] virtual Activity estimate_setup(const GemmShape& shape, OperandMode mode) const = 0;
  /// The same of an operand with these statistics, where they decide what setting up takes.
  [[nodiscard]] virtual Activity estimate_setup_of(const GemmShape& shape, OperandMode mode,
                                                   const OperandMoments& /*b*/) const {
    return estimate_setup(shape, mode);
  }

  /// Takes the stationary operand B (k x n, f32 or f64). `shape.m` is the expected rows of A.
  virtual std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b,
                                     OperandMode mode, const PlanOptions& options) = 0;

  /// Counts of one convolution with stationary filters, where they are not those of its groups'
  /// products on lowered rows (each element of the input is read from memory once, not once for
  /// every window that it lies in). Nothing: they are.
  [[nodiscard]] virtual std::optional<Activity> count_conv(const ConvExtent& /*conv*/) const {
    return std::nullopt;
  }
  /// Takes the filters (K x C/groups x R x S, row-major). Null: convolutions are lowered to
  /// products.
  virtual std::unique_ptr<ConvPlan> plan_conv(const ConvShape& /*shape*/, const float* /*filters*/,
                                              const PlanOptions& /*options*/) {
    return nullptr;
  }

  /// Memory on the chip, all levels together: what no traffic to DRAM can be less than is reckoned
  /// with it. 0: not known, and no such bound is checked.
  [[nodiscard]] virtual double on_chip_bytes() const { return 0; }

  /// Whether it runs the network's products, with the node's name and the reason when not.
  [[nodiscard]] virtual Support supports_network(const GraphView& graph,
                                                 const CompileOptions& options) const;
  /// Places for stationary operands; 0: as many as needed. An operand that finds too few free when
  /// it is planned is reloaded at every execute, as one in OperandMode::dynamic is.
  [[nodiscard]] virtual std::int64_t storage_units() const { return 0; }
  /// How many of them an operand (k x n) takes.
  [[nodiscard]] virtual std::int64_t operand_units(const GemmShape& /*shape*/) const { return 0; }

  /// Whether its networks take what follows a linear operator into it: BatchNormalization into the
  /// weights, Add of a constant vector as bias, an activation as the operator's last step (asked
  /// for when a graph is fused). Default: all of them, activations of one input.
  [[nodiscard]] virtual bool fuses(Op linear, Op next) const;

  /// Default: a plan per linear product, digital periphery on the host (backends/host).
  virtual std::unique_ptr<Executable> compile(const GraphView& graph,
                                              const CompileOptions& options);

  /// All plans of the device age together.
  virtual void set_epoch(const Epoch& epoch) = 0;
  [[nodiscard]] virtual Epoch epoch() const = 0;

  /// Calibrates all plans through the machine's own converters and tells what it cost. "none" does
  /// nothing. Usage error listing calibration_methods() for an unknown method.
  virtual Activity calibrate(std::string_view method) = 0;
  [[nodiscard]] virtual std::vector<std::string> calibration_methods() const { return {"none"}; }
  [[nodiscard]] virtual std::string default_calibration() const { return "none"; }

  /// Whether drift_error() can tell anything, so that `@error=E` can decide by it.
  [[nodiscard]] virtual bool sees_drift() const { return false; }
  /// Relative error that drift has brought since the last calibration, as the machine itself sees
  /// it through its converters; what looking cost is added to `cost`.
  virtual double drift_error(Activity& /*cost*/) { return 0; }

  /// Largest MAC rate of the modelled machine, 0 when unknown: no point may run faster.
  [[nodiscard]] virtual double peak_mac_per_s() const { return 0; }

  /// Area of the modelled machine in m2, 0 when its device file has no data.
  [[nodiscard]] virtual double area_m2() const { return 0; }
};

/// A kind of machine.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const BackendInfo& info() const = 0;
  /// Whether it can run on this computer, with the reason when not.
  [[nodiscard]] virtual Support available() const = 0;
  /// Keys of its device files; a static object.
  [[nodiscard]] virtual const std::vector<ParameterSpec>& parameters() const = 0;
  /// Makes a device. Usage error when parameters contradict each other (named, with the range).
  [[nodiscard]] virtual std::unique_ptr<Device> open(const DeviceSpec& spec,
                                                     const DeviceInstance& instance) const = 0;
};

/// All compiled-in backends in a fixed order (reference, onednn, cublas, systolic, crossbar,
/// photonic); the list is generated by CMake from the enabled folders.
const std::vector<const Backend*>& backends();

/// The backend of that id; usage error suggesting the nearest id otherwise.
const Backend& find_backend(std::string_view id);

/// Preset name or .json file, with the backend's schema.
DeviceSpec load_device(const Backend& backend, const std::string& name_or_file);

}  // namespace jb
