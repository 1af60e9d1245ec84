#pragma once
// What a product costs on a homodyne array: counts (E8) and prices (E7).
//
// Per product of m x n x k, with tm = ceil(m / samples), tn = ceil(n / outputs),
// tk = ceil(k / integration):
//   weight symbols      k n tm          activation symbols  m k tn
//   readouts            m n tk          partial-sum adds    m n (tk - 1)
//   cycles              tm tn k (more when a converter is slower than an integration)
//   laser photons       samples outputs tm tn k n_mac PAPR  (idle lanes burn light unless gated)
// (energy budget of R. Hamerly et al., PRX 9, 021032 (2019), Sec. VI, on a finite array.)

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/parameters.h"
#include "backends/core/shape.h"
#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"
#include "backends/photonic/parameters.h"

namespace jb::photonic {

/// Counts of one product; all zero when a size is zero.
struct HomodyneCounts {
  double weight_symbols = 0;
  double activation_symbols = 0;
  double readouts = 0;
  double partial_sums = 0;
  double lane_macs = 0;      ///< MACs of all lanes of active passes, padding included
  double laser_photons = 0;  ///< at the detectors, at full scale (PAPR)
  double integration_s = 0;  ///< detector-seconds of integration
  double modulator_s = 0;    ///< modulator-seconds
  double device_time_s = 0;
};

/// Where a product meets the digital side.
struct Ends {
  bool digital_in = true;    ///< activations come from memory through DACs
  bool digital_out = true;   ///< readouts go through ADCs to memory
  bool analog_bias = false;  ///< a bias is injected as charge (only where readouts stay analog)
};

/// The counts that estimate and execute share. `papr`: what the laser is paid for.
HomodyneCounts count_product(const HomodyneParameters& p, const GemmShape& shape, double papr,
                             const Ends& ends = {});

/// The device's price table and how counts become activity.
class Accounting {
 public:
  Accounting(const DeviceSpec& spec, const HomodyneParameters& p);

  [[nodiscard]] const PriceTable& prices() const noexcept { return prices_; }
  /// Activity of one product.
  [[nodiscard]] Activity product(const GemmShape& shape, double papr, const Ends& ends = {}) const;
  /// Activity of a calibration: `readings` times, all `rows` + `cols` lanes send test light for a
  /// full integration and are read; every one of the rows x cols detectors when `detectors`.
  [[nodiscard]] Activity calibration(std::int64_t rows, std::int64_t cols, std::int64_t readings,
                                     bool detectors) const;
  /// Activity of writing a changed B (k x n) back to the memories it is modulated from.
  [[nodiscard]] Activity rewrite(std::int64_t k, std::int64_t n) const;

 private:
  enum Action : std::uint8_t {
    laser,
    dac_a,
    dac_b,
    dac_bias,
    modulator_a,
    modulator_b,
    integrator,
    amplifier,
    adc,
    nonlinearity,
    input_a,
    input_b,
    output,
    sram_a,
    sram_b,
    sram_write_b,
    sram_c,
    partial_sum,
    dram_a,
    dram_b,
    dram_write_b,
    dram_c,
    bias,
    lock,
    kActions
  };
  void offer(Action action, Price price);
  void add_converters(const DeviceSpec& spec);
  void add_memories(const DeviceSpec& spec);
  void note(Activity& activity, Action action, double count) const;

  HomodyneParameters p_;
  PriceTable prices_;
  std::vector<std::optional<ActionId>> ids_;
  double bytes_a_ = 1;
  double bytes_b_ = 1;
  double bytes_c_ = 1;
};

}  // namespace jb::photonic
