#include "harness/meter/hwmon.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "backends/core/text.h"
#include "harness/meter/counter.h"

namespace jb::harness::meter {
namespace {

namespace fs = std::filesystem;

constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;
constexpr double kUsualInterval_s = 0.05;  // Grace: power*_average over 50 ms
// Chips of this interface (INA3221, INA2xx) are specified to about 1 %; shunts and sensors on the
// die are worse (judgement).
constexpr double kUncertainty_frac = 0.05;
constexpr const char* kUncertaintySource = "no general specification: 5 % assumed";

struct Sensor {
  fs::path file;
  std::string name;
  DomainKind kind = DomainKind::rail;
  bool is_counter = false;
  double max_power_W = 0;
  double interval_s = kUsualInterval_s;
};

bool is_gpu_driver(const std::string& driver) {
  constexpr std::array<std::string_view, 4> kDrivers = {"amdgpu", "i915", "xe", "nouveau"};
  return std::find(kDrivers.begin(), kDrivers.end(), driver) != kDrivers.end();
}

/// Labels of the amd_energy driver (Esocket0, Ecore012) and of Grace (Grace Power Socket 0, CPU
/// Power Socket 0, Module Power Socket 0, SysIO Power Socket 0).
DomainKind kind_of(const std::string& driver, const std::string& label) {
  const auto starts = [&label](const char* with) { return label.rfind(with, 0) == 0; };
  if (starts("Esocket") || starts("Grace Power")) return DomainKind::package;
  if (starts("Ecore") || starts("CPU Power") || starts("SysIO Power")) return DomainKind::part;
  if (starts("Module Power") || driver == "power_meter") return DomainKind::platform;
  return DomainKind::rail;
}

std::optional<Sensor> sensor_of(const fs::path& folder, const std::string& driver,
                                const std::string& file) {
  const std::size_t underscore = file.find('_');
  if (underscore == std::string::npos) return std::nullopt;
  const std::string base = file.substr(0, underscore);
  const std::string rest = file.substr(underscore + 1);
  const bool counter = base.rfind("energy", 0) == 0 && rest == "input";
  const bool average = base.rfind("power", 0) == 0 && rest == "average";
  std::error_code error;
  const bool instant = base.rfind("power", 0) == 0 && rest == "input" &&
                       !fs::exists(folder / (base + "_average"), error);
  if (!counter && !average && !instant) return std::nullopt;
  Sensor sensor;
  sensor.file = folder / file;
  sensor.is_counter = counter;
  std::string label = read_line(folder / (base + "_label"));
  if (label.empty()) label = read_line(folder / (base + "_oem_info"));
  sensor.kind = kind_of(driver, label);
  sensor.name = fmt::format("{} {}", driver, label.empty() ? base : label);
  for (const char* limit : {"_max", "_cap"}) {
    const Reading reading = read_number(folder / (base + limit));
    if (reading.error == 0) {
      sensor.max_power_W =
          std::max(sensor.max_power_W, static_cast<double>(reading.value) * kMicro);
    }
  }
  const Reading interval = read_number(folder / (base + "_average_interval"));
  if (interval.error == 0 && interval.value > 0) {
    sensor.interval_s = static_cast<double>(interval.value) * kMilli;
  }
  return sensor;
}

std::vector<Sensor> sensors_in(const fs::path& root) {
  std::vector<Sensor> sensors;
  for (const fs::path& folder : folders_in(root)) {
    const std::string driver = read_line(folder / "name");
    if (driver.empty() || is_gpu_driver(driver)) continue;
    std::vector<std::string> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      files.push_back(entry->path().filename().string());
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      if (auto sensor = sensor_of(folder, driver, file)) sensors.push_back(std::move(*sensor));
    }
  }
  return sensors;
}

class HwmonMeter final : public Meter {
 public:
  explicit HwmonMeter(std::vector<Sensor> sensors) : sensors_(std::move(sensors)) {
    info_.id = "hwmon";
    info_.title = "hwmon sensors";
    info_.machine = Machine::cpu;
    info_.uncertainty_frac = kUncertainty_frac;
    info_.uncertainty_source = kUncertaintySource;
    const DomainKind counted = counted_kind();
    for (const Sensor& sensor : sensors_) {
      Domain domain{sensor.name, sensor.kind, sensor.kind == counted, "", sensor.max_power_W};
      if (!domain.counted) {
        domain.note = fmt::format("{}: the sum is over the {} sensors", name_of(sensor.kind),
                                  name_of(counted));
      } else if (!sensor.is_counter) {
        // Twice in each interval, so that every value is seen.
        const double often = sensor.interval_s / 2;
        info_.samples_power = true;
        info_.poll_interval_s =
            info_.poll_interval_s > 0 ? std::min(info_.poll_interval_s, often) : often;
      }
      info_.domains.push_back(std::move(domain));
      counters_.emplace_back(std::uint64_t{0});  // 64 bits of microjoules do not come around
      integrals_.emplace_back();
    }
    info_.boundary = covered_boundary(info_.domains);
  }

  Mark mark() override {
    Mark mark = mark_now();
    mark.joules.resize(sensors_.size());
    for (std::size_t i = 0; i < sensors_.size(); ++i) {
      if (info_.domains[i].counted) mark.joules[i] = read_sensor(i, mark.steady_s);
    }
    return mark;
  }

  double reading() override {
    double sum = 0;
    for (std::size_t i = 0; i < sensors_.size(); ++i) {
      if (info_.domains[i].counted) sum += static_cast<double>(read_number(sensors_[i].file).value);
    }
    return sum;
  }

 private:
  [[nodiscard]] DomainKind counted_kind() const {
    for (const DomainKind kind : {DomainKind::package, DomainKind::platform}) {
      if (std::any_of(sensors_.begin(), sensors_.end(),
                      [kind](const Sensor& sensor) { return sensor.kind == kind; })) {
        return kind;
      }
    }
    return DomainKind::rail;
  }

  double read_sensor(std::size_t i, double now_s) {
    const Sensor& sensor = sensors_[i];
    const Reading reading = read_number(sensor.file);
    if (reading.error != 0) {
      throw Error(ErrorCode::not_available,
                  fmt::format("the sensor {} disappeared: {} ({})", sensor.name,
                              error_text(reading.error), sensor.file.string()));
    }
    if (!sensor.is_counter) {
      integrals_[i].advance(now_s, static_cast<double>(reading.value) * kMicro);
      return integrals_[i].joules();
    }
    counters_[i].advance(reading.value);
    if (counters_[i].wrapped()) {
      throw Error(ErrorCode::not_available, fmt::format("the counter {} ran backwards ({})",
                                                        sensor.name, sensor.file.string()));
    }
    return static_cast<double>(counters_[i].total()) * kMicro;
  }

  std::vector<Sensor> sensors_;
  std::vector<WrappingCounter> counters_;
  std::vector<PowerIntegral> integrals_;
};

}  // namespace

Candidate find_hwmon(const MeterPlaces& places) {
  Candidate candidate{"hwmon", "sockets, boards or rails with a sensor", Machine::cpu, nullptr, "",
                      ""};
  std::vector<Sensor> sensors = sensors_in(places.hwmon);
  if (sensors.empty()) {
    candidate.reason = fmt::format("{} has no power or energy sensors", places.hwmon.string());
    return candidate;
  }
  std::vector<std::string> refused;
  std::vector<Sensor> readable;
  bool permission = false;
  for (Sensor& sensor : sensors) {
    const Reading reading = read_number(sensor.file);
    if (reading.error == 0) {
      readable.push_back(std::move(sensor));
      continue;
    }
    permission = permission || reading.error == EACCES || reading.error == EPERM;
    refused.push_back(fmt::format("{} ({})", sensor.name, error_text(reading.error)));
  }
  if (!refused.empty()) {
    candidate.reason = fmt::format("{} of {} sensors cannot be read: {}", refused.size(),
                                   sensors.size(), join(refused));
    if (permission) candidate.mend = "sudo chmod a+r /sys/class/hwmon/*/{power,energy}*";
  }
  if (!readable.empty()) candidate.meter = std::make_unique<HwmonMeter>(std::move(readable));
  return candidate;
}

}  // namespace jb::harness::meter
