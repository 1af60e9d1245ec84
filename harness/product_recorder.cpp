#include "harness/product_recorder.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/plan_checks.h"

namespace jb::harness {
namespace {

// Elements that a call's range is found from, at most about.
constexpr std::int64_t kMostElements = 1 << 20;

struct Recorder {
  double share = 1;
  std::int64_t most_rows = 0;
  std::shared_ptr<ProductHistories> histories;

  template <class T>
  void note(std::string_view family, MatrixView<const T> a) {
    if (a.empty()) return;
    ProductHistory& history = (*histories)[std::string(family)];
    double least = 0;
    double largest = 0;
    for (std::int64_t i = 0; i < a.rows; ++i) {
      for (std::int64_t j = 0; j < a.cols; ++j) {
        const auto x = static_cast<double>(a(i, j));
        least = std::min(least, x);
        largest = std::max(largest, x);
      }
    }
    history.least = std::min(history.least, least);
    history.largest = std::max(history.largest, largest);
    if (least < 0 || largest > 0) {
      const double range = share < 1 ? range_of(a) : std::max(largest, -least);
      history.sum_of_ranges += range;
      ++history.calls;
    }
    keep_rows(history, family, a);
  }

 private:
  template <class T>
  [[nodiscard]] double range_of(MatrixView<const T> a) const {
    const std::int64_t all = a.rows * a.cols;
    const std::int64_t stride = (all + kMostElements - 1) / kMostElements;
    std::vector<double> magnitudes;
    for (std::int64_t at = 0; at < all; at += stride) {
      magnitudes.push_back(std::abs(static_cast<double>(a(at / a.cols, at % a.cols))));
    }
    const auto last = static_cast<double>(magnitudes.size() - 1);
    const auto place = magnitudes.begin() + static_cast<std::ptrdiff_t>(std::ceil(share * last));
    std::nth_element(magnitudes.begin(), place, magnitudes.end());
    return *place;
  }

  /// J. S. Vitter, ACM TOMS 11, 37 (1985), Algorithm R: row i takes the place of a kept one with
  /// probability most_rows / (i + 1).
  template <class T>
  void keep_rows(ProductHistory& history, std::string_view family, MatrixView<const T> a) const {
    const RandomStream stream(0, 0, tag_of("calibration.rows"), tag_of(family));
    if (history.rows.cols() != a.cols) history.rows = Matrix<float>(most_rows, a.cols);
    for (std::int64_t i = 0; i < a.rows; ++i) {
      const std::int64_t number = history.rows_seen++;
      std::int64_t place = number;
      if (number >= most_rows) {
        const auto choices = static_cast<std::uint64_t>(number) + 1;
        place = static_cast<std::int64_t>((stream.word(number, 0, 0) * choices) >> 32U);
      }
      if (place >= most_rows) continue;
      history.rows_kept = std::max(history.rows_kept, place + 1);
      for (std::int64_t j = 0; j < a.cols; ++j) {
        history.rows(place, j) = static_cast<float>(a(i, j));
      }
    }
  }
};

class RecorderPlan final : public Plan {
 public:
  RecorderPlan(std::shared_ptr<Recorder> recorder, const ConstMatrixRef& b, OperandMode mode,
               std::string_view family)
      : recorder_(std::move(recorder)), family_(family), rows_(b.rows), cols_(b.cols), mode_(mode) {
    if (b.type == ElementType::f64) {
      wide_ = PackedMatrix<double>(b.as<double>());
    } else {
      narrow_ = PackedMatrix<float>(b.as<float>());
    }
  }

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return mode_ == OperandMode::stationary; }
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& /*draw*/,
                    Direction direction) override {
    (void)check_execute_operands(rows_, cols_, direction == Direction::transposed, a, c);
    if (direction == Direction::transposed) fail_internal("products with B^T are not recorded");
    if (a.type == ElementType::f64) {
      recorder_->note(family_, a.as<double>());
      gemm<double>(a.as<double>(), wide_, c.as<double>());
    } else {
      recorder_->note(family_, a.as<float>());
      gemm<float>(a.as<float>(), narrow_, c.as<float>());
    }
    return {};
  }
  Activity update(const ConstMatrixRef& /*delta*/) override {
    fail_internal("recorded operands do not change");
  }

 private:
  std::shared_ptr<Recorder> recorder_;
  std::string family_;
  std::int64_t rows_;
  std::int64_t cols_;
  OperandMode mode_;
  PackedMatrix<float> narrow_;
  PackedMatrix<double> wide_;
  Activity setup_;
};

class RecorderDevice final : public Device {
 public:
  explicit RecorderDevice(Recorder recorder)
      : recorder_(std::make_shared<Recorder>(std::move(recorder))),
        spec_(load_device(find_backend("reference"),
                          find_backend("reference").info().default_device)),
        reference_(find_backend("reference").open(spec_, {})) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return reference_->prices(); }
  [[nodiscard]] Support supports(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                 ElementType /*precision*/) const override {
    return Support::yes();
  }
  [[nodiscard]] Activity estimate(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                  const OperandStatistics& /*statistics*/) const override {
    return {};
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& /*shape*/,
                                        OperandMode /*mode*/) const override {
    return {};
  }
  std::unique_ptr<Plan> plan(const GemmShape& /*shape*/, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    return std::make_unique<RecorderPlan>(recorder_, b, mode, options.family);
  }
  void set_epoch(const Epoch& epoch) override { epoch_ = epoch; }
  [[nodiscard]] Epoch epoch() const override { return epoch_; }
  Activity calibrate(std::string_view /*method*/) override { return {}; }

 private:
  std::shared_ptr<Recorder> recorder_;
  DeviceSpec spec_;
  std::unique_ptr<Device> reference_;  // whose empty price table it lends
  Epoch epoch_;
};

}  // namespace

std::unique_ptr<Device> make_product_recorder(double share, std::int64_t most_rows,
                                              std::shared_ptr<ProductHistories> histories) {
  return std::make_unique<RecorderDevice>(Recorder{share, most_rows, std::move(histories)});
}

}  // namespace jb::harness
