#include "harness/meter/nvml.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "backends/core/text.h"
#include "harness/meter/counter.h"
#include "harness/meter/nvml_library.h"

namespace jb::harness::meter {
namespace {

constexpr double kMilli = 1e-3;
constexpr double kMega = 1e6;
// Boards of one kind differ by about 5 % in gain, at random (Yang, Adamek & Armour, SC'24,
// arXiv:2312.02741); a calibration against an external meter alone takes that out.
constexpr double kUncertainty_frac = 0.05;
constexpr const char* kUncertaintySource =
    "gain of one uncalibrated board, about 5 % (Yang, Adamek & Armour, SC'24)";
// Power is published every 20 to 100 ms (the same study); this catches each value.
constexpr double kPowerPoll_s = 0.01;

struct Reason {
  unsigned long long bit;
  bool cap;  // a limit that somebody set, not heat or a fault
  const char* text;
};
// nvmlClocksEventReasons of nvml.h. Idle and applications' clocks are no throttling.
constexpr std::array<Reason, 6> kReasons = {{{0x4, true, "software power cap"},
                                             {0x8, false, "hardware slowdown"},
                                             {0x10, true, "clocks synchronised with another board"},
                                             {0x20, false, "software thermal slowdown"},
                                             {0x40, false, "hardware thermal slowdown"},
                                             {0x80, false, "hardware power brake"}}};

struct Board {
  std::shared_ptr<NvmlLibrary> library;
  NvmlDevice device = nullptr;
  std::string name;
  double limit_W = 0;
};

class NvmlMeter final : public Meter {
 public:
  NvmlMeter(Board board, bool counter) : board_(std::move(board)), counter_(counter) {
    info_.id = counter ? "nvml" : "nvml-power";
    info_.title = counter ? "NVML energy counter" : "NVML power samples, integrated";
    info_.machine = Machine::gpu;
    info_.uncertainty_frac = kUncertainty_frac;
    info_.uncertainty_source = kUncertaintySource;
    info_.domains.push_back({board_.name, DomainKind::gpu, true, "", board_.limit_W});
    info_.boundary = covered_boundary(info_.domains);
    info_.samples_power = !counter;
    info_.poll_interval_s = counter ? 0 : kPowerPoll_s;
  }

  Mark mark() override {
    Mark mark = mark_now();
    const NvmlFunctions& call = board_.library->call();
    if (counter_) {
      unsigned long long millijoules = 0;
      check(call.total_energy(board_.device, &millijoules));
      if (millijoules < last_mJ_) {
        throw Error(ErrorCode::not_available,
                    fmt::format("the energy counter of {} ran backwards (the driver was loaded "
                                "anew, or the board was reset)",
                                board_.name));
      }
      last_mJ_ = millijoules;
      mark.joules = {static_cast<double>(millijoules) * kMilli};
    } else {
      unsigned milliwatts = 0;
      check(call.power_usage(board_.device, &milliwatts));
      integral_.advance(mark.steady_s, static_cast<double>(milliwatts) * kMilli);
      mark.joules = {integral_.joules()};
    }
    return mark;
  }

  double reading() override {
    if (counter_) return Meter::reading();
    unsigned milliwatts = 0;
    check(board_.library->call().power_usage(board_.device, &milliwatts));
    return milliwatts * kMilli;
  }

  Conditions conditions() override {
    const NvmlFunctions& call = board_.library->call();
    Conditions now;
    unsigned value = 0;
    if (call.clock != nullptr && call.clock(board_.device, kNvmlClockSm, &value) == kNvmlSuccess) {
      now.clock_Hz = value * kMega;
    }
    if (call.temperature != nullptr &&
        call.temperature(board_.device, kNvmlTemperatureGpu, &value) == kNvmlSuccess) {
      now.temperature_C = value;
    }
    unsigned long long reasons = 0;
    if (call.throttle_reasons != nullptr &&
        call.throttle_reasons(board_.device, &reasons) == kNvmlSuccess) {
      for (const Reason& reason : kReasons) {
        if ((reasons & reason.bit) != 0) {
          (reason.cap ? now.capped : now.throttled).emplace_back(reason.text);
        }
      }
    }
    add_other_processes(now);
    return now;
  }

 private:
  void check(int code) const {
    if (code == kNvmlSuccess) return;
    throw Error(ErrorCode::not_available,
                fmt::format("the meter of {} disappeared: {}", board_.name,
                            board_.library->error_text(code)));
  }

  void add_other_processes(Conditions& now) const {
    const NvmlFunctions& call = board_.library->call();
    if (call.processes == nullptr) return;
    std::array<NvmlProcess, 64> list{};
    auto count = static_cast<unsigned>(list.size());
    if (call.processes(board_.device, &count, list.data()) != kNvmlSuccess) return;
    for (unsigned i = 0; i < count && i < list.size(); ++i) {
      if (list[i].pid != static_cast<unsigned>(::getpid())) {
        now.other_processes.push_back(fmt::format("process {}", list[i].pid));
      }
    }
  }

  Board board_;
  bool counter_;
  unsigned long long last_mJ_ = 0;
  PowerIntegral integral_;
};

/// The device that CUDA gives first. CUDA counts fast boards first unless told otherwise, NVML by
/// bus: on a host with several boards CUDA_VISIBLE_DEVICES should name one by its UUID.
int first_device(const NvmlFunctions& call, NvmlDevice& device, std::string& label) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  std::string first = visible != nullptr ? visible : "";
  first = first.substr(0, first.find(','));
  if (first.rfind("GPU-", 0) == 0 && call.device_by_uuid != nullptr) {
    label = "GPU by UUID";
    return call.device_by_uuid(first.c_str(), &device);
  }
  std::int64_t index = 0;
  if (!parse_integer(first, index) || index < 0) index = 0;
  label = fmt::format("GPU {}", index);
  return call.device_by_index(static_cast<unsigned>(index), &device);
}

/// The board; "" or why there is none that may be metered.
std::string open_board(const MeterPlaces& places, Board& board, std::string& mend) {
  std::string error;
  board.library = NvmlLibrary::open(places.nvml, error);
  if (board.library == nullptr) return error;
  const NvmlFunctions& call = board.library->call();
  unsigned boards = 0;
  if (const int code = call.device_count(&boards); code != kNvmlSuccess) {
    return board.library->error_text(code);
  }
  if (boards == 0) return "the driver shows no GPU";
  std::string label;
  if (const int code = first_device(call, board.device, label); code != kNvmlSuccess) {
    return fmt::format("{} cannot be opened: {}", label, board.library->error_text(code));
  }
  std::array<char, 96> name{};
  if (call.device_name == nullptr ||
      call.device_name(board.device, name.data(), name.size()) != kNvmlSuccess) {
    name = {"GPU"};
  }
  board.name = fmt::format("{} ({})", name.data(), label);
  unsigned mig = 0;
  unsigned pending = 0;
  if (call.mig_mode != nullptr && call.mig_mode(board.device, &mig, &pending) == kNvmlSuccess &&
      mig != 0) {
    mend = "measure on a board without MIG (an administrator: sudo nvidia-smi -mig 0)";
    return fmt::format(
        "{} is cut into MIG instances, which share one meter: their energy cannot be told apart",
        board.name);
  }
  unsigned limit_mW = 0;
  if (call.power_limit != nullptr && call.power_limit(board.device, &limit_mW) == kNvmlSuccess) {
    board.limit_W = limit_mW * kMilli;
  }
  return "";
}

}  // namespace

std::vector<Candidate> find_nvml(const MeterPlaces& places) {
  std::vector<Candidate> found;
  found.push_back({"nvml", "GPU board, by its energy counter", Machine::gpu, nullptr, "", ""});
  found.push_back({"nvml-power", "GPU board, by sampled power", Machine::gpu, nullptr, "", ""});
  Board board;
  std::string mend;
  const std::string problem = open_board(places, board, mend);
  if (!problem.empty()) {
    for (Candidate& candidate : found) {
      candidate.reason = problem;
      candidate.mend = mend;
    }
    return found;
  }
  const NvmlFunctions& call = board.library->call();
  unsigned long long millijoules = 0;
  unsigned milliwatts = 0;
  const auto offer = [&](Candidate& candidate, bool there, int code, const char* what) {
    if (there && code == kNvmlSuccess) {
      candidate.meter = std::make_unique<NvmlMeter>(board, candidate.id == "nvml");
    } else {
      candidate.reason = fmt::format("{} has no {}{}", board.name, what,
                                     there ? ": " + board.library->error_text(code) : "");
    }
  };
  offer(found[0], call.total_energy != nullptr,
        call.total_energy != nullptr ? call.total_energy(board.device, &millijoules) : 0,
        "energy counter (boards before Volta have none)");
  offer(found[1], call.power_usage != nullptr,
        call.power_usage != nullptr ? call.power_usage(board.device, &milliwatts) : 0,
        "power reading");
  return found;
}

}  // namespace jb::harness::meter
