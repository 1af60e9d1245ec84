#include "backends/crossbar/cell_table.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "backends/core/error.h"
#include "backends/core/parameter_check.h"
#include "backends/core/text.h"

namespace jb::crossbar {
namespace {

constexpr const char* kColumns = "age_s,target_uS,mean_uS,std_uS";
constexpr const char* kColumnsWithRead = "age_s,target_uS,mean_uS,std_uS,read_std_uS";

/// One line, relative to g_max.
struct Node {
  double target, mean, std, read;
};
struct Age {
  double age_s;
  std::vector<Node> nodes;
};

class Reader {
 public:
  Reader(std::string where, double g_max_uS) : where_(std::move(where)), g_max_uS_(g_max_uS) {}

  std::vector<Age> read(const std::string& text) {
    std::istringstream stream(text);
    std::string line;
    while (std::getline(stream, line)) {
      ++number_;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty() || line.front() == '#') continue;
      if (columns_ == 0) {
        take_header(line);
      } else {
        take(line);
      }
    }
    if (columns_ == 0) fail("is empty; its first line must be '{}'", kColumns);
    if (ages_.empty()) fail("has no line below its header");
    check_last_age();
    return std::move(ages_);
  }

  [[nodiscard]] bool has_read() const noexcept { return columns_ == 5; }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> what, Args&&... args) const {
    fail_usage("{}, line {}: {}", where_, number_, fmt::format(what, std::forward<Args>(args)...));
  }

  void take_header(const std::string& line) {
    if (line == kColumns) {
      columns_ = 4;
    } else if (line == kColumnsWithRead) {
      columns_ = 5;
    } else {
      fail("the header must be '{}', or with ',read_std_uS' behind it", kColumns);
    }
  }

  void take(const std::string& line) {
    std::vector<double> values;
    std::istringstream fields(line);
    std::string field;
    while (std::getline(fields, field, ',')) {
      double value = 0;
      if (!parse_number(field, value)) fail("'{}' is no number", field);
      values.push_back(value);
    }
    if (values.size() != columns_) fail("has {} values, not {}", values.size(), columns_);
    if (std::any_of(values.begin(), values.end(), [](double v) { return v < 0; })) {
      fail("ages, conductances and deviations must not be negative");
    }
    if (ages_.empty() || values[0] > ages_.back().age_s) {
      check_last_age();
      ages_.push_back({values[0], {}});
    } else if (values[0] < ages_.back().age_s) {
      fail("age {} s follows {} s: ages must rise", values[0], ages_.back().age_s);
    }
    const Node node = {values[1] / g_max_uS_, values[2] / g_max_uS_, values[3] / g_max_uS_,
                       has_read() ? values[4] / g_max_uS_ : 0.0};
    std::vector<Node>& nodes = ages_.back().nodes;
    if (!nodes.empty() && node.target <= nodes.back().target) {
      fail("target {} uS does not rise above the one before", values[1]);
    }
    nodes.push_back(node);
  }

  void check_last_age() const {
    if (!ages_.empty() && ages_.back().nodes.size() < 2) {
      fail("age {} s has one target only; give two or more", ages_.back().age_s);
    }
  }

  std::string where_;
  double g_max_uS_;
  std::size_t number_ = 0;
  std::size_t columns_ = 0;
  std::vector<Age> ages_;
};

Node at_target(const std::vector<Node>& nodes, double target) {
  const auto above = std::find_if(nodes.begin(), nodes.end(),
                                  [target](const Node& node) { return node.target >= target; });
  if (above == nodes.begin()) return nodes.front();
  if (above == nodes.end()) return nodes.back();
  const Node& low = *(above - 1);
  const double share = (target - low.target) / (above->target - low.target);
  const auto between = [share](double x, double y) { return x + share * (y - x); };
  return {target, between(low.mean, above->mean), between(low.std, above->std),
          between(low.read, above->read)};
}

analog::Moments at_age(const std::vector<Age>& ages, double target, double age_s) {
  const auto above =
      std::find_if(ages.begin(), ages.end(), [age_s](const Age& a) { return a.age_s >= age_s; });
  const auto moments = [target](const Age& age) -> analog::Moments {
    const Node node = at_target(age.nodes, target);
    return {node.mean, node.std};
  };
  if (above == ages.begin()) return moments(ages.front());
  if (above == ages.end()) return moments(ages.back());
  const Age& before = *(above - 1);
  const double share = (std::log1p(age_s) - std::log1p(before.age_s)) /
                       (std::log1p(above->age_s) - std::log1p(before.age_s));
  const analog::Moments low = moments(before);
  const analog::Moments high = moments(*above);
  return {low.mean + share * (high.mean - low.mean), low.std + share * (high.std - low.std)};
}

}  // namespace

CellModel measured_cells(const std::filesystem::path& path, double g_max_uS, double program_scale,
                         double drift_scale, const std::string& where) {
  const std::string text = parameter_file_text(path, where);
  Reader reader(where + ": '" + path.string() + "'", g_max_uS);
  const auto ages = std::make_shared<const std::vector<Age>>(reader.read(text));
  CellModel model;
  model.retention = [=](double u, double age_s) -> analog::Moments {
    const analog::Moments start = at_age(*ages, u, 0);
    const analog::Moments now = at_age(*ages, u, age_s);
    return {start.mean + drift_scale * (now.mean - start.mean),
            program_scale * std::max(0.0, start.std + drift_scale * (now.std - start.std))};
  };
  model.retention_end_s = ages->back().age_s;
  if (reader.has_read()) {
    model.white_law = [ages](double u) { return at_target(ages->front().nodes, u).read; };
  }
  return model;
}

}  // namespace jb::crossbar
