#include "backends/crossbar/device_plane.h"

#include <algorithm>

#include "backends/core/kernels.h"
#include "backends/core/threads.h"
#include "backends/crossbar/device_kernel.h"

namespace jb::crossbar {
namespace {

const kernels::DeviceKernel& kernel() {
  static const kernels::DeviceKernel& chosen = []() -> const kernels::DeviceKernel& {
    const int level = jb::kernels::isa_level();
    return level == 2 ? kernels::avx512::kDevices
                      : (level == 1 ? kernels::avx2::kDevices : kernels::baseline::kDevices);
  }();
  return chosen;
}

// Devices that one thread programs at a time: its scratch stays in the cache.
constexpr std::int64_t kDevicesPerPiece = 1 << 14;
constexpr float kNoBound = 1e30F;
constexpr float kLargestCode = 65535;

constexpr std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) noexcept {
  // Finaliser of SplitMix64 (Steele et al., OOPSLA 2014).
  std::uint64_t x = hash + 0x9e3779b97f4a7c15ULL + value;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

}  // namespace

void FaultMap::add(const FaultMap& other) noexcept {
  devices += other.devices;
  stuck_off += other.stuck_off;
  stuck_on += other.stuck_on;
  hash = mixed(hash, other.hash);
}

DevicePlane::DevicePlane(const CellModel& model, const DeviceInstance& instance,
                         std::uint64_t scope, bool keeps_noise_law)
    : model_(&model),
      keeps_noise_law_(keeps_noise_law && model.nu_mean && model.flicker &&
                       !model.flicker_absolute),
      error_(instance.seed, instance.instance, tag_of("crossbar.program"), scope),
      second_(instance.seed, instance.instance, tag_of("crossbar.exponent"), scope),
      flicker_(instance.seed, instance.instance, tag_of("crossbar.flicker"), scope),
      fault_(instance.seed, instance.instance, tag_of("crossbar.fault"), scope) {}

void DevicePlane::program(std::int64_t rows, std::int64_t width, Targets targets,
                          std::uint64_t event) {
  if (states_.rows() != rows || states_.cols() != width) {
    states_ = Matrix<float>(rows, width);
    seconds_ = model_->has_second() ? Matrix<float>(rows, width) : Matrix<float>();
    noise_law_ = keeps_noise_law_ ? Matrix<std::uint16_t>(rows, width) : Matrix<std::uint16_t>();
  }
  if (keeps_noise_law_) noise_unit_ = model_->tables->flicker.largest() / kLargestCode;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kDevicesPerPiece / std::max<std::int64_t>(1, width));
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(3 * static_cast<std::size_t>(width));
    for (std::int64_t row = begin; row < end; ++row) program_row(row, targets, event, scratch);
  });
}

void DevicePlane::program_row(std::int64_t row, Targets targets, std::uint64_t event,
                              std::span<float> scratch) {
  const CellModel& model = *model_;
  const CellTables& tables = *model.tables;
  const auto width = static_cast<std::size_t>(states_.cols());
  const std::span<float> target = scratch.first(width);
  const std::span<float> error = scratch.subspan(width, width);
  const std::span<float> second = scratch.subspan(2 * width, width);
  targets(row, target);
  // Where retention describes the distribution whole, the place in it is the programming error.
  const bool place_is_error = model.retention && !model.program_std;
  if (model.program_std) error_.normals(error, row, 0, model.fixed_error ? 0 : event);
  float* const seconds = seconds_.size() > 0 ? &seconds_(row, 0) : nullptr;
  if (model.nu_mean) second_.normals(second, row, 0, 0);  // call 0 for ever: the device's own
  const kernels::ProgramLaws laws = {tables.program_std.data(), tables.nu_mean.data(),
                                     tables.nu_std.data(), 0.0F, kNoBound};
  kernel().program(laws, target.data(), error.data(), second.data(), states_.cols(),
                   &states_(row, 0), seconds);
  if (model.retention) {
    const std::span<float> place(seconds, width);
    if (place_is_error) {
      error_.normals(place, row, 0, event);
    } else {
      second_.normals(place, row, 0, 0);
    }
  }
  if (model.has_faults()) stick(row, error);
  states_changed(row);
}

void DevicePlane::states_changed(std::int64_t row) {
  if (noise_law_.size() == 0) return;
  kernel().codes(model_->tables->flicker.data(), noise_unit_, &states_(row, 0), states_.cols(),
                 &noise_law_(row, 0));
}

void DevicePlane::stick(std::int64_t row, std::span<float> uniforms) {
  fault_.uniforms(uniforms, row, 0, 0);
  const auto off = static_cast<float>(model_->stuck_off);
  const auto any = static_cast<float>(model_->stuck_off + model_->stuck_on);
  const std::span<float> states = this->states(row);
  for (std::size_t i = 0; i < uniforms.size(); ++i) {
    if (uniforms[i] >= any) continue;
    states[i] = uniforms[i] < off ? kernels::kStuckOff : kernels::kStuckOn;
  }
}

kernels::AgeLaws DevicePlane::laws_at(const CellClock& clock) const {
  const CellModel& model = *model_;
  const bool noisy = model.flicker && clock.flicker_growth > 0;
  kernels::AgeLaws laws{};
  laws.power_law = static_cast<bool>(model.nu_mean);
  laws.log_time = static_cast<float>(clock.log_time);
  laws.mean = clock.mean ? clock.mean->data() : nullptr;
  laws.std = clock.std ? clock.std->data() : nullptr;
  laws.flicker = noisy ? model.tables->flicker.data() : nullptr;
  laws.flicker_unit = noise_unit_;
  laws.flicker_absolute = model.flicker_absolute;
  laws.growth = static_cast<float>(clock.flicker_growth);
  laws.factor = static_cast<float>(clock.factor);
  laws.by_state = clock.by_state ? clock.by_state->data() : nullptr;
  const bool relaxed = clock.age_s > 0;
  laws.low = relaxed ? static_cast<float>(model.low) : 0.0F;
  laws.high = relaxed ? static_cast<float>(model.high) : kNoBound;
  laws.off = static_cast<float>(model.off_state);
  return laws;
}

/// age(laws, devices, first, count) for pieces of a row, whose noise stays in the cache.
template <class Age>
void DevicePlane::age_row(std::int64_t row, const CellClock& clock, Age age) const {
  constexpr std::int64_t kPiece = 1024;
  alignas(64) float noise[kPiece];
  const kernels::AgeLaws laws = laws_at(clock);
  for (std::int64_t first = 0; first < states_.cols(); first += kPiece) {
    const std::int64_t count = std::min(kPiece, states_.cols() - first);
    kernels::Devices devices{&states_(row, first), nullptr, nullptr, nullptr};
    if (seconds_.size() > 0) devices.second = &seconds_(row, first);
    if (laws.flicker != nullptr) {
      flicker_.normals({noise, static_cast<std::size_t>(count)}, row, first, clock.epoch);
      devices.z = noise;
      if (noise_law_.size() > 0) devices.flicker = &noise_law_(row, first);
    }
    age(laws, devices, first, count);
  }
}

void DevicePlane::conductances(std::int64_t row, const CellClock& clock,
                               std::span<float> out) const {
  age_row(row, clock,
          [&](const kernels::AgeLaws& laws, const kernels::Devices& devices, std::int64_t first,
              std::int64_t count) { kernel().age(laws, devices, count, out.data() + first); });
}

void DevicePlane::differences(std::int64_t row, const CellClock& clock,
                              std::span<float> out) const {
  age_row(row, clock,
          [&](const kernels::AgeLaws& laws, const kernels::Devices& devices, std::int64_t first,
              std::int64_t count) {
            kernel().age_pairs(laws, devices, count, out.data() + first / 2);
          });
}

void DevicePlane::white_std(std::span<const float> g, std::span<float> out) const {
  if (model_->tables == nullptr || model_->tables->white.empty()) {
    std::fill(out.begin(), out.end(), 0.0F);
    return;
  }
  kernel().look_up(model_->tables->white.data(), g.data(), static_cast<std::int64_t>(g.size()),
                   out.data());
}

std::span<float> DevicePlane::states(std::int64_t row) noexcept {
  return {&states_(row, 0), static_cast<std::size_t>(states_.cols())};
}

std::span<const float> DevicePlane::seconds(std::int64_t row) const noexcept {
  if (seconds_.size() == 0) return {};
  return {&seconds_(row, 0), static_cast<std::size_t>(seconds_.cols())};
}

std::size_t DevicePlane::bytes() const noexcept {
  return static_cast<std::size_t>(states_.size() + seconds_.size()) * sizeof(float) +
         static_cast<std::size_t>(noise_law_.size()) * sizeof(std::uint16_t);
}

FaultMap DevicePlane::faults() const {
  FaultMap map;
  map.devices = states_.size();
  if (!model_->has_faults()) return map;
  for (std::int64_t i = 0; i < states_.size(); ++i) {
    const float state = states_.data()[i];
    if (state >= 0) continue;
    const bool on = state == kernels::kStuckOn;
    (on ? map.stuck_on : map.stuck_off) += 1;
    map.hash = mixed(map.hash, 2 * static_cast<std::uint64_t>(i) + (on ? 1U : 0U));
  }
  return map;
}

}  // namespace jb::crossbar
