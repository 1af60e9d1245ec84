#pragma once
// An energy meter: joules of named domains between two marks in time. A meter never knows what it
// measures. Each kind of meter is one pair of files in this folder.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "backends/energy/vocabulary.h"

namespace jb::harness::meter {

/// What a domain is a meter of.
enum class DomainKind {
  package,   ///< a processor package, without memory
  part,      ///< of a package (cores, uncore): contained in it
  memory,    ///< DRAM of a package
  platform,  ///< the whole board or system on chip, as far as the maker's wiring goes
  gpu,       ///< a GPU board with its memory
  rail,      ///< one supply rail
  log,       ///< whatever the external wattmeter was put around
};

/// Which machine the domains belong to: points are metered by the meters of their own machine.
enum class Machine { cpu, gpu, any };

struct Domain {
  std::string name;  ///< "package-0", "package-0/dram", "NVIDIA H100 (GPU 0)"
  DomainKind kind = DomainKind::rail;
  bool counted = true;     ///< part of the meter's sum
  std::string note;        ///< why it is not: contained in another, a duplicate, rejected
  double max_power_W = 0;  ///< what it can draw by its own account; 0: not told
};

struct MeterInfo {
  std::string id;     ///< "rapl", "rapl-perf", "nvml", "nvml-power", "hwmon", "log"
  std::string title;  ///< "RAPL by powercap"
  Machine machine = Machine::cpu;
  std::vector<Domain> domains;
  /// Standard (k = 1) relative uncertainty of the meter's gain, and who says so.
  double uncertainty_frac = 0;
  std::string uncertainty_source;
  /// Boundary that the counted domains cover together; none: a part of a machine.
  std::optional<Boundary> boundary;
  /// Seconds between two updates of the reading; 0 until found at the start.
  double update_period_s = 0;
  /// Smallest step of the reading in joules that was seen; 0 until then.
  double resolution_J = 0;
  /// It tells power, which is integrated here; else joules.
  bool samples_power = false;
  /// Must be read at least that often: so that no wrap and no value of sampled power is
  /// missed. 0: whenever.
  double poll_interval_s = 0;
};

/// One reading: the joules of each domain since the meter was opened.
struct Mark {
  double unix_s = 0;
  double steady_s = 0;
  std::vector<double> joules;  ///< empty where they are joined later, by time
};

/// What the machine says of itself while it runs. Empty lists and zeros: it does not tell.
struct Conditions {
  double clock_Hz = 0;
  double temperature_C = 0;
  std::vector<std::string> throttled;        ///< by heat or by a hardware limit
  std::vector<std::string> capped;           ///< by a power limit that somebody set
  std::vector<std::string> other_processes;  ///< that use the machine too
};

class Meter {
 public:
  virtual ~Meter() = default;
  Meter() = default;
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  [[nodiscard]] const MeterInfo& info() const noexcept { return info_; }
  [[nodiscard]] MeterInfo& info() noexcept { return info_; }

  /// Reads every domain. Error (not_available) when it cannot be read any more, or runs backwards.
  virtual Mark mark() = 0;
  /// A value that changes with each update of the meter: its counted joules, or sampled power.
  virtual double reading() { return counted_J(mark().joules); }
  /// Joules of each domain between two marks.
  virtual std::vector<double> joules_between(const Mark& from, const Mark& to);
  /// What the metered machine says now.
  virtual Conditions conditions() { return {}; }

  /// Sum of the counted domains.
  [[nodiscard]] double counted_J(const std::vector<double>& joules) const;
  /// "package-0, package-0/dram".
  [[nodiscard]] std::string counted_names() const;

 protected:
  MeterInfo info_;
};

/// What looking for one kind of meter gave.
struct Candidate {
  std::string id;
  std::string measures;  ///< "processor packages and their DRAM"
  Machine machine = Machine::cpu;
  std::unique_ptr<Meter> meter;  ///< null when there is none to be read
  std::string reason;            ///< why not
  std::string mend;              ///< the command that mends it; "" when nothing does
  std::string place = {};        ///< where it was looked for
  std::string variable = {};     ///< environment variable that names another place
};

/// Now, by both clocks, without joules.
Mark mark_now();

/// The boundary that counted domains cover together: B3 for packages that all have their DRAM
/// beside them, and for a GPU board; else none.
std::optional<Boundary> covered_boundary(const std::vector<Domain>& domains);

/// Whether two meters tell of the same part of a machine: they cover the same boundary, or count
/// domains of the same kinds (rails are never the same).
bool same_extent(const MeterInfo& a, const MeterInfo& b);

/// "cpu", "gpu", "any"; "package", "part", ...
std::string_view name_of(Machine machine) noexcept;
std::string_view name_of(DomainKind kind) noexcept;

}  // namespace jb::harness::meter
