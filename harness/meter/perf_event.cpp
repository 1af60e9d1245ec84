#include "harness/meter/perf_event.h"

#include <fmt/core.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "backends/core/text.h"

namespace jb::harness::meter {
namespace {

namespace fs = std::filesystem;

// The same counters as by powercap, with the same uncertainty.
constexpr double kUncertainty_frac = 0.04;
constexpr const char* kUncertaintySource =
    "3 to 5 % of package energy on Haswell and later (Hackenberg 2015, Desrochers 2016)";

struct EventName {
  const char* file;
  const char* domain;
  DomainKind kind;
};
constexpr std::array<EventName, 5> kEvents = {{{"energy-pkg", "", DomainKind::package},
                                               {"energy-ram", "/dram", DomainKind::memory},
                                               {"energy-cores", "/core", DomainKind::part},
                                               {"energy-gpu", "/uncore", DomainKind::part},
                                               {"energy-psys", "/psys", DomainKind::platform}}};

/// "event=0x02" as a number.
bool event_code(const std::string& text, std::uint64_t& code) {
  constexpr std::string_view kPrefix = "event=0x";
  if (text.rfind(kPrefix, 0) != 0) return false;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + kPrefix.size(), end, code, 16);
  return error == std::errc{} && (stopped == end || *stopped == ',');
}

/// "0,28" or "0-1": one CPU for each package.
std::vector<int> cpus_of(const std::string& mask) {
  std::vector<int> cpus;
  std::size_t at = 0;
  while (at < mask.size()) {
    const std::size_t comma = std::min(mask.find(',', at), mask.size());
    const std::string part = mask.substr(at, comma - at);
    const std::size_t dash = part.find('-');
    std::int64_t first = 0;
    std::int64_t last = 0;
    const bool first_ok = parse_integer(part.substr(0, dash), first);
    last = first;
    const bool last_ok = dash == std::string::npos || parse_integer(part.substr(dash + 1), last);
    if (first_ok && last_ok && first >= 0 && last - first < 4096) {
      for (std::int64_t cpu = first; cpu <= last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    }
    at = comma + 1;
  }
  return cpus;
}

struct OpenEvent {
  int descriptor = -1;
  double joules_per_count = 0;
};

class PerfMeter final : public Meter {
 public:
  PerfMeter(PerfCalls calls, std::vector<OpenEvent> events, std::vector<Domain> domains)
      : calls_(std::move(calls)), events_(std::move(events)) {
    info_.id = "rapl-perf";
    info_.title = "RAPL by perf_event";
    info_.machine = Machine::cpu;
    info_.uncertainty_frac = kUncertainty_frac;
    info_.uncertainty_source = kUncertaintySource;
    info_.domains = std::move(domains);
    info_.boundary = covered_boundary(info_.domains);
  }
  ~PerfMeter() override {
    for (const OpenEvent& event : events_) calls_.close(event.descriptor);
  }
  PerfMeter(const PerfMeter&) = delete;
  PerfMeter& operator=(const PerfMeter&) = delete;

  Mark mark() override {
    Mark mark = mark_now();
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const Reading reading = calls_.read(events_[i].descriptor);
      if (reading.error != 0) {
        throw Error(ErrorCode::not_available,
                    fmt::format("the perf event of {} disappeared: {}", info_.domains[i].name,
                                error_text(reading.error)));
      }
      mark.joules.push_back(static_cast<double>(reading.value) * events_[i].joules_per_count);
    }
    return mark;
  }

 private:
  PerfCalls calls_;
  std::vector<OpenEvent> events_;
};

/// Domains and descriptors of all events of the PMU; `error` of what could not be opened.
struct Opened {
  std::vector<OpenEvent> events;
  std::vector<Domain> domains;
  int error = 0;
};

Opened open_events(const fs::path& pmu, const PerfCalls& calls, std::uint32_t type) {
  Opened opened;
  const std::vector<int> cpus = cpus_of(read_line(pmu / "cpumask"));
  for (const EventName& event : kEvents) {
    std::uint64_t code = 0;
    double scale = 0;
    const fs::path file = pmu / "events" / event.file;
    if (!event_code(read_line(file), code)) continue;
    if (!parse_number(read_line(file.string() + ".scale"), scale) || !(scale > 0)) continue;
    for (std::size_t package = 0; package < cpus.size(); ++package) {
      const int descriptor = calls.open(type, code, cpus[package]);
      if (descriptor < 0) {
        opened.error = -descriptor;
        continue;
      }
      Domain domain;
      domain.name = fmt::format("package-{}{}", package, event.domain);
      domain.kind = event.kind;
      if (event.kind == DomainKind::part) {
        domain.counted = false;
        domain.note = "contained in its package";
      } else if (event.kind == DomainKind::platform) {
        domain.counted = false;
        domain.note = "contains the packages, and what else is a matter of the board's wiring";
      }
      opened.domains.push_back(std::move(domain));
      opened.events.push_back({descriptor, scale});
    }
  }
  return opened;
}

}  // namespace

PerfCalls PerfCalls::of_kernel() {
  PerfCalls calls;
  calls.open = [](std::uint32_t type, std::uint64_t config, int cpu) {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = type;
    attributes.config = config;
    const long descriptor = ::syscall(SYS_perf_event_open, &attributes, /*pid=*/-1, cpu,
                                      /*group_fd=*/-1, PERF_FLAG_FD_CLOEXEC);
    return descriptor < 0 ? -errno : static_cast<int>(descriptor);
  };
  calls.read = [](int descriptor) {
    Reading reading;
    const ssize_t got = ::read(descriptor, &reading.value, sizeof reading.value);
    if (got != static_cast<ssize_t>(sizeof reading.value)) {
      reading.error = got < 0 ? errno : ENODEV;
    }
    return reading;
  };
  calls.close = [](int descriptor) { ::close(descriptor); };
  return calls;
}

Candidate find_perf_event(const MeterPlaces& places, const PerfCalls& calls) {
  Candidate candidate{"rapl-perf", "processor packages and their DRAM", Machine::cpu, nullptr, "",
                      ""};
  const fs::path pmu = places.event_source / "power";
  std::error_code error;
  const Reading type = read_number(pmu / "type");
  if (!fs::is_directory(pmu, error) || type.error != 0) {
    candidate.reason =
        fmt::format("the kernel has no PMU 'power' in {} (common in virtual machines)",
                    places.event_source.string());
    return candidate;
  }
  Opened opened = open_events(pmu, calls, static_cast<std::uint32_t>(type.value));
  if (opened.error == EACCES || opened.error == EPERM) {
    candidate.reason = fmt::format(
        "the events of PMU 'power' may not be opened: {}; kernel.perf_event_paranoid is {} and "
        "must be 0 or less, or the program needs CAP_PERFMON",
        error_text(opened.error), read_line("/proc/sys/kernel/perf_event_paranoid"));
    candidate.mend =
        "sudo sysctl -w kernel.perf_event_paranoid=0 (until the next start), or: sudo setcap "
        "cap_perfmon+ep $(which joulebench)";
  } else if (opened.error != 0) {
    candidate.reason =
        fmt::format("events of PMU 'power' cannot be opened: {}", error_text(opened.error));
  }
  if (std::any_of(opened.domains.begin(), opened.domains.end(),
                  [](const Domain& domain) { return domain.kind == DomainKind::package; })) {
    candidate.meter =
        std::make_unique<PerfMeter>(calls, std::move(opened.events), std::move(opened.domains));
    return candidate;
  }
  for (const OpenEvent& event : opened.events) calls.close(event.descriptor);
  if (candidate.reason.empty()) {
    candidate.reason =
        opened.events.empty()
            ? "PMU 'power' has no energy events"
            : "PMU 'power' has no event energy-pkg; psys alone is registered without being probed "
              "and often stays at zero";
  }
  return candidate;
}

}  // namespace jb::harness::meter
