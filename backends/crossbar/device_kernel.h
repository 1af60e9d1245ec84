#pragma once
// Loops over devices that exist once per instruction set; device_plane.cpp chooses at run time.

#include <cstdint>

namespace jb::crossbar::kernels {

/// States of stuck devices: marks below every conductance.
inline constexpr float kStuckOff = -1;
inline constexpr float kStuckOn = -2;

/// Tables of StateTable; null where the model has no such law.
struct ProgramLaws {
  const float* program_std;
  const float* nu_mean;
  const float* nu_std;
  float low, high;
};

/// A model at one age.
struct AgeLaws {
  bool power_law;        ///< second numbers are drift exponents
  float log_time;        ///< ln((age + t0) / t0)
  const float* mean;     ///< retention: mean and deviation at the age, second numbers are places
  const float* std;      ///< in the distribution
  const float* flicker;  ///< 1/f noise; null: none at this age
  float flicker_unit;    ///< of a kept code of that law
  bool flicker_absolute;
  float growth;           ///< of the 1/f noise
  float factor;           ///< by temperature
  const float* by_state;  ///< the state at this temperature; null: the same
  float low, high;
  float off;  ///< conductance of devices stuck there
};

/// Some devices next to each other.
struct Devices {
  const float* state;
  const float* second;           ///< null where the model has none
  const float* z;                ///< of the 1/f noise; null: none at this age
  const std::uint16_t* flicker;  ///< its law of each device in codes; null: to be looked up
};

struct DeviceKernel {
  /// state = target + std z_error, and second = |nu_mean + nu_std z_second| where there is a law
  /// for it (else it is left alone).
  void (*program)(const ProgramLaws& laws, const float* target, const float* z_error,
                  const float* z_second, std::int64_t n, float* state, float* second);
  /// Conductances at an age.
  void (*age)(const AgeLaws& laws, const Devices& devices, std::int64_t n, float* out);
  /// Differences of neighbours, n / 2 of them: the first less the second of each pair.
  void (*age_pairs)(const AgeLaws& laws, const Devices& devices, std::int64_t n, float* out);
  /// Codes of table(state) in steps of `unit`.
  void (*codes)(const float* table, float unit, const float* state, std::int64_t n,
                std::uint16_t* out);
  /// out = table(x)
  void (*look_up)(const float* table, const float* x, std::int64_t n, float* out);
};

namespace baseline {
extern const DeviceKernel kDevices;
}
namespace avx2 {
extern const DeviceKernel kDevices;
}
namespace avx512 {
extern const DeviceKernel kDevices;
}

}  // namespace jb::crossbar::kernels
