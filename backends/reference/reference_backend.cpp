// The float64 product that everything else is compared with: Eigen's double GEMM with double
// accumulation. It runs on this computer and is timed, but is no machine that tables rank; it has
// no energy.

#include <Eigen/Core>
#include <algorithm>
#include <type_traits>

#include "backends/backend.h"
#include "backends/core/stored_operand.h"
#include "backends/core/threads.h"
#include "backends/plan_checks.h"

namespace jb {
namespace {

// Cutting the product into pieces must not change its bytes. Eigen forms the sum of an element in
// an order that depends on k and on whether the rows fill whole packets, so each piece is a
// multiple of 16 rows (filled with zeros; 16 is a multiple of every packet of doubles) and Eigen's
// own threads, which would change its cut of k, are off.
constexpr std::int64_t kRowStep = 16;
constexpr std::int64_t kPieceRows = 128;
constexpr std::int64_t kPieceCols = 512;

using Row = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using AnyStride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;

class EigenSerial {
 public:
  EigenSerial() : threads_(Eigen::nbThreads()) { Eigen::setNbThreads(1); }
  ~EigenSerial() { Eigen::setNbThreads(threads_); }
  EigenSerial(const EigenSerial&) = delete;
  EigenSerial& operator=(const EigenSerial&) = delete;

 private:
  int threads_;
};

std::int64_t pieces_of(std::int64_t length, std::int64_t piece) {
  return length / piece + (length % piece != 0 ? 1 : 0);
}

template <class T, class B>
void multiply_piece(MatrixView<const T> a, MatrixView<const B> b, MatrixView<T> c) {
  const std::int64_t padded = pieces_of(a.rows, kRowStep) * kRowStep;
  Row left = Row::Zero(padded, a.cols);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j) left(i, j) = static_cast<double>(a(i, j));
  }
  Row product(padded, b.cols);
  const Eigen::Map<const Eigen::Matrix<B, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
                   AnyStride>
      right(b.data, b.rows, b.cols, AnyStride(b.row_stride, b.col_stride));
  if constexpr (std::is_same_v<B, double>) {
    product.noalias() = left * right;
  } else {
    const Row wide = right.template cast<double>();
    product.noalias() = left * wide;
  }
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = static_cast<T>(product(i, j));
  }
}

template <class T, class B>
void multiply(MatrixView<const T> a, MatrixView<const B> b, MatrixView<T> c) {
  const EigenSerial serial;
  const std::int64_t row_pieces = pieces_of(c.rows, kPieceRows);
  const std::int64_t col_pieces = pieces_of(c.cols, kPieceCols);
  parallel_for(row_pieces * col_pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t row = piece / col_pieces * kPieceRows;
      const std::int64_t col = piece % col_pieces * kPieceCols;
      const std::int64_t rows = std::min(kPieceRows, c.rows - row);
      const std::int64_t cols = std::min(kPieceCols, c.cols - col);
      multiply_piece<T, B>(a.block(row, 0, rows, a.cols), b.block(0, col, b.rows, cols),
                           c.block(row, col, rows, cols));
    }
  });
}

class ReferencePlan final : public Plan {
 public:
  explicit ReferencePlan(const ConstMatrixRef& b) : b_(b), b_moments_(measure_operand(b)) {}

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  [[nodiscard]] std::string implementation() const override {
    return fmt::format("eigen-{}.{}.{}/f64", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                       EIGEN_MINOR_VERSION);
  }

  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& /*draw*/,
                    Direction direction) override {
    const bool transposed = direction == Direction::transposed;
    const GemmShape shape = check_execute_operands(b_.rows(), b_.cols(), transposed, a, c);
    const ConstMatrixRef b = transposed ? b_.view().transposed() : b_.view();
    if (b.type == ElementType::f64) {
      multiply_by(a, b.as<double>(), c);
    } else {
      multiply_by(a, b.as<float>(), c);
    }
    Execution result;
    result.activity.executed_macs = shape.macs();
    result.statistics = {measure_operand(a), b_moments_};
    return result;
  }

  Activity update(const ConstMatrixRef& delta) override {
    check_delta(b_.rows(), b_.cols(), delta);
    b_.add(delta);
    b_moments_ = measure_operand(b_.view());
    return {};
  }

 private:
  template <class B>
  static void multiply_by(const ConstMatrixRef& a, MatrixView<const B> b, const MatrixRef& c) {
    if (a.type == ElementType::f64) {
      multiply<double, B>(a.as<double>(), b, c.as<double>());
    } else {
      multiply<float, B>(a.as<float>(), b, c.as<float>());
    }
  }

  StoredOperand b_;
  OperandMoments b_moments_;
  Activity setup_;
};

class ReferenceDevice final : public Device {
 public:
  explicit ReferenceDevice(const DeviceSpec& spec) : spec_(spec) { prices_.has_energy = false; }

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }

  [[nodiscard]] Support supports(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision == ElementType::f64) return Support::yes();
    return Support::no(fmt::format("reference computes in f64, not in {}; use --precision f64",
                                   name_of(precision)));
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode /*mode*/,
                                  const OperandStatistics& /*statistics*/) const override {
    Activity activity;
    activity.executed_macs = shape.macs();
    return activity;
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& /*shape*/,
                                        OperandMode /*mode*/) const override {
    return {};
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode /*mode*/,
                             const PlanOptions& /*options*/) override {
    check_plan_operand(shape, b);
    return std::make_unique<ReferencePlan>(b);
  }

  void set_epoch(const Epoch& epoch) override { epoch_ = epoch; }
  [[nodiscard]] Epoch epoch() const override { return epoch_; }
  Activity calibrate(std::string_view method) override {
    check_calibration_method(method, spec_.name(), calibration_methods());
    return {};
  }

 private:
  DeviceSpec spec_;
  PriceTable prices_;
  Epoch epoch_;
};

class ReferenceBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = {"reference",
                                     "reference",
                                     "float64 product of Eigen on this computer; has no energy",
                                     false,
                                     {ElementType::f64},
                                     "host",
                                     "host",
                                     1};
    return info;
  }
  [[nodiscard]] Support available() const override { return Support::yes(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    static const std::vector<ParameterSpec> none;
    return none;
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& /*instance*/) const override {
    return std::make_unique<ReferenceDevice>(spec);
  }
};

}  // namespace

const Backend& reference_backend() {
  static const ReferenceBackend backend;
  return backend;
}

}  // namespace jb
