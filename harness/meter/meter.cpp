#include "harness/meter/meter.h"

#include <algorithm>
#include <chrono>

#include "backends/core/text.h"

namespace jb::harness::meter {

std::vector<double> Meter::joules_between(const Mark& from, const Mark& to) {
  if (from.joules.size() != to.joules.size()) fail_internal("marks of two different meters");
  std::vector<double> joules(to.joules.size());
  for (std::size_t i = 0; i < joules.size(); ++i) joules[i] = to.joules[i] - from.joules[i];
  return joules;
}

double Meter::counted_J(const std::vector<double>& joules) const {
  double sum = 0;
  for (std::size_t i = 0; i < joules.size(); ++i) {
    if (info_.domains.at(i).counted) sum += joules[i];
  }
  return sum;
}

std::string Meter::counted_names() const {
  std::vector<std::string> names;
  for (const Domain& domain : info_.domains) {
    if (domain.counted) names.push_back(domain.name);
  }
  return join(names);
}

Mark mark_now() {
  using namespace std::chrono;
  Mark mark;
  mark.steady_s = duration<double>(steady_clock::now().time_since_epoch()).count();
  mark.unix_s = duration<double>(system_clock::now().time_since_epoch()).count();
  return mark;
}

std::optional<Boundary> covered_boundary(const std::vector<Domain>& domains) {
  std::size_t packages = 0;
  std::size_t with_memory = 0;
  bool gpu = false;
  for (const Domain& domain : domains) {
    if (!domain.counted) continue;
    if (domain.kind == DomainKind::gpu) gpu = true;
    if (domain.kind != DomainKind::package) continue;
    ++packages;
    with_memory += std::any_of(domains.begin(), domains.end(), [&](const Domain& other) {
      return other.counted && other.kind == DomainKind::memory &&
             other.name.rfind(domain.name + "/", 0) == 0;
    });
  }
  if (packages > 0 && with_memory == packages) return Boundary::B3;
  return gpu && packages == 0 ? std::optional(Boundary::B3) : std::nullopt;
}

bool same_extent(const MeterInfo& a, const MeterInfo& b) {
  if (a.machine != b.machine || a.boundary != b.boundary) return false;
  if (a.boundary) return true;
  const auto kinds = [](const MeterInfo& info) {
    std::vector<DomainKind> counted;
    for (const Domain& domain : info.domains) {
      if (domain.counted) counted.push_back(domain.kind);
    }
    std::sort(counted.begin(), counted.end());
    return counted;
  };
  const std::vector<DomainKind> of_a = kinds(a);
  return !of_a.empty() && of_a.back() < DomainKind::rail && of_a == kinds(b);
}

std::string_view name_of(Machine machine) noexcept {
  switch (machine) {
    case Machine::cpu:
      return "cpu";
    case Machine::gpu:
      return "gpu";
    case Machine::any:
      break;
  }
  return "any";
}

std::string_view name_of(DomainKind kind) noexcept {
  switch (kind) {
    case DomainKind::package:
      return "package";
    case DomainKind::part:
      return "part of a package";
    case DomainKind::memory:
      return "memory";
    case DomainKind::platform:
      return "platform";
    case DomainKind::gpu:
      return "gpu board";
    case DomainKind::rail:
      return "rail";
    case DomainKind::log:
      break;
  }
  return "log";
}

}  // namespace jb::harness::meter
