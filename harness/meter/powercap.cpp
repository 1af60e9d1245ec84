#include "harness/meter/powercap.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "backends/core/text.h"
#include "harness/meter/counter.h"

namespace jb::harness::meter {
namespace {

namespace fs = std::filesystem;

constexpr double kMicro = 1e-6;
// Where a package does not tell its limit; no package on sale draws more (assumption).
constexpr double kMostPackage_W = 1000;
constexpr double kLongestPoll_s = 10;
// Standard uncertainty of package energy on Haswell and later, which measure through the on-die
// voltage regulator: 3 to 5 % (Hackenberg et al., IPDPSW 2015; Desrochers et al., MEMSYS 2016).
constexpr double kUncertainty_frac = 0.04;
constexpr const char* kUncertaintySource =
    "3 to 5 % of package energy on Haswell and later (Hackenberg 2015, Desrochers 2016)";

struct Zone {
  fs::path counter;
  std::string folder;  // "intel-rapl:0:2"
  std::string name;    // "package-0/dram"
  DomainKind kind = DomainKind::part;
  std::uint64_t range_uJ = 0;
  double max_power_W = 0;
};

/// "intel-rapl:0" of "intel-rapl:0:2"; "" of a zone that lies in none.
std::string parent_of(const std::string& folder) {
  if (std::count(folder.begin(), folder.end(), ':') < 2) return "";
  return folder.substr(0, folder.rfind(':'));
}

DomainKind kind_of(const std::string& name) {
  if (name.rfind("package", 0) == 0) return DomainKind::package;
  if (name == "dram") return DomainKind::memory;
  if (name == "psys") return DomainKind::platform;
  return DomainKind::part;
}

/// The largest limit that the zone's own constraints name, in watts.
double max_power_W(const fs::path& zone) {
  double most = 0;
  for (int i = 0; i < 4; ++i) {
    for (const char* file : {"max_power_uw", "power_limit_uw"}) {
      const Reading limit = read_number(zone / fmt::format("constraint_{}_{}", i, file));
      if (limit.error == 0) most = std::max(most, static_cast<double>(limit.value) * kMicro);
    }
  }
  return most;
}

/// All zones with a counter; one folder may be reached by several ways.
std::vector<Zone> zones_in(const fs::path& root) {
  constexpr int kLevels = 3;  // control type, package, part
  std::set<std::string> seen;
  std::vector<fs::path> folders;
  std::vector<Zone> zones;
  for (const fs::path& folder : folders_in(root, kLevels)) {
    std::error_code error;
    if (!fs::exists(folder / "energy_uj", error) && !error) continue;
    if (seen.insert(folder.filename().string()).second) folders.push_back(folder);
  }
  const auto name_in = [&](const std::string& folder) {
    for (const fs::path& path : folders) {
      if (path.filename() == folder) return read_line(path / "name");
    }
    return std::string();
  };
  for (const fs::path& folder : folders) {
    Zone zone;
    zone.folder = folder.filename().string();
    zone.counter = folder / "energy_uj";
    const std::string own = read_line(folder / "name");
    zone.kind = kind_of(own);
    const std::string parent = name_in(parent_of(zone.folder));
    zone.name = parent.empty() ? own : parent + "/" + own;
    zone.range_uJ = read_number(folder / "max_energy_range_uj").value;
    zone.max_power_W = max_power_W(folder);
    zones.push_back(std::move(zone));
  }
  return zones;
}

/// Which zones are part of the sum, with the reason of the others.
Domain domain_of(const Zone& zone, const std::vector<Domain>& before) {
  Domain domain{zone.name, zone.kind, true, "", zone.max_power_W};
  const auto refuse = [&domain](std::string why) {
    domain.counted = false;
    domain.note = std::move(why);
  };
  const auto twin = std::find_if(before.begin(), before.end(),
                                 [&](const Domain& other) { return other.name == zone.name; });
  if (twin != before.end()) {
    refuse(fmt::format("a duplicate: {} is the same counter by another way", zone.folder));
  } else if (zone.kind == DomainKind::part) {
    refuse("contained in its package");
  } else if (zone.kind == DomainKind::platform) {
    refuse("contains the packages, and what else is a matter of the board's wiring");
  } else if (zone.range_uJ == 0) {
    refuse("its range (max_energy_range_uj) is not known, so a wrap could not be seen");
  }
  return domain;
}

class PowercapMeter final : public Meter {
 public:
  explicit PowercapMeter(std::vector<Zone> zones) : zones_(std::move(zones)) {
    info_.id = "rapl";
    info_.title = "RAPL by powercap";
    info_.machine = Machine::cpu;
    info_.uncertainty_frac = kUncertainty_frac;
    info_.uncertainty_source = kUncertaintySource;
    info_.poll_interval_s = kLongestPoll_s;
    for (const Zone& zone : zones_) {
      info_.domains.push_back(domain_of(zone, info_.domains));
      counters_.emplace_back(zone.range_uJ);
      if (!info_.domains.back().counted) continue;
      const double most_W = zone.max_power_W > 0 ? zone.max_power_W : kMostPackage_W;
      // A quarter of the shortest time in which the counter can come around.
      info_.poll_interval_s = std::min(info_.poll_interval_s,
                                       static_cast<double>(zone.range_uJ) * kMicro / (4 * most_W));
    }
    info_.boundary = covered_boundary(info_.domains);
  }

  Mark mark() override {
    Mark mark = mark_now();
    mark.joules.resize(zones_.size());
    for (std::size_t i = 0; i < zones_.size(); ++i) {
      if (info_.domains[i].counted) read_zone(i, mark.steady_s);
      mark.joules[i] = static_cast<double>(counters_[i].total()) * kMicro;
    }
    last_s_ = mark.steady_s;
    return mark;
  }

 private:
  void read_zone(std::size_t i, double now_s) {
    const Zone& zone = zones_[i];
    const Reading reading = read_number(zone.counter);
    if (reading.error != 0) {
      throw Error(ErrorCode::not_available,
                  fmt::format("the RAPL counter of {} disappeared: {} ({})", zone.name,
                              error_text(reading.error), zone.counter.string()));
    }
    const double step_J = static_cast<double>(counters_[i].advance(reading.value)) * kMicro;
    // A counter that runs backwards looks like a wrap, of more energy than can have flowed.
    const double most_W = 2 * std::max(zone.max_power_W, kMostPackage_W);
    if (counters_[i].wrapped() && step_J > most_W * (now_s - last_s_ + 1)) {
      throw Error(ErrorCode::not_available,
                  fmt::format("the RAPL counter of {} ran backwards: a wrap would mean {:.4g} J in "
                              "{:.3g} s",
                              zone.name, step_J, now_s - last_s_));
    }
  }

  std::vector<Zone> zones_;
  std::vector<WrappingCounter> counters_;
  double last_s_ = 0;
};

constexpr const char* kMend =
    "sudo chmod a+r /sys/class/powercap/*/energy_uj (until the next start; every user can then "
    "read "
    "the machine's power), or let perf read it: sudo sysctl -w kernel.perf_event_paranoid=0";

}  // namespace

Candidate find_powercap(const MeterPlaces& places) {
  Candidate candidate{"rapl", "processor packages and their DRAM", Machine::cpu, nullptr, "", ""};
  std::vector<Zone> zones = zones_in(places.powercap);
  if (zones.empty()) {
    std::error_code error;
    const bool there = fs::is_directory(places.powercap, error);
    candidate.reason = fmt::format("{} has no energy counters (common in virtual machines)",
                                   places.powercap.string());
    candidate.mend = there ? "sudo modprobe intel_rapl_msr" : "";
    return candidate;
  }
  // The first of two counters of one zone is taken: that of the MSR, not its memory-mapped copy.
  std::stable_partition(zones.begin(), zones.end(), [](const Zone& zone) {
    return zone.folder.find("mmio") == std::string::npos;
  });
  std::vector<std::string> refused;
  std::vector<Zone> readable;
  bool permission = false;
  for (Zone& zone : zones) {
    const Reading reading = read_number(zone.counter);
    if (reading.error == 0) {
      readable.push_back(std::move(zone));
      continue;
    }
    permission = permission || reading.error == EACCES || reading.error == EPERM;
    refused.push_back(fmt::format("{} ({})", zone.name, error_text(reading.error)));
  }
  if (!refused.empty()) {
    candidate.mend = permission ? kMend : "";
    candidate.reason = fmt::format("{} of {} energy counters cannot be read: {}", refused.size(),
                                   zones.size(), join(refused));
    if (permission) {
      candidate.reason += "; Linux 5.10 and later let root alone read them (CVE-2020-8694)";
    }
  }
  const bool package = std::any_of(readable.begin(), readable.end(), [](const Zone& zone) {
    return zone.kind == DomainKind::package && zone.range_uJ > 0;
  });
  if (package) {
    candidate.meter = std::make_unique<PowercapMeter>(std::move(readable));
  } else if (refused.empty()) {
    candidate.reason =
        fmt::format("{} has no package zone with a known range", places.powercap.string());
  }
  return candidate;
}

}  // namespace jb::harness::meter
