#pragma once
// What a meter must show before it is used: that it can be read, runs forwards, answers to load,
// and tells power that can be true.

#include <string>
#include <vector>

#include "harness/meter/load.h"
#include "harness/meter/sampler.h"

namespace jb::harness::meter {

struct SelfTestOptions {
  double idle_s = 2;
  double busy_s = 2;
  int parts = 8;         ///< of either time; their scatter tells what 5 sigma is
  double changes_s = 3;  ///< longest search for the update period
  int changes = 20;      ///< updates seen are enough
};

struct SelfTest {
  bool passed = false;
  std::string reason;  ///< why not
  double idle_W = 0;
  double busy_W = 0;
  double sigma_W = 0;  ///< standard error of their difference
  bool done = false;   ///< false: it could not be made
};

/// Tests meters all at once, as far as they share a machine; finds update periods and resolutions
/// first (MeterInfo). Counted domains that stay at zero are no longer counted, with a note.
std::vector<SelfTest> self_test(const std::vector<Meter*>& meters, Sampler& sampler,
                                const std::function<Load(Machine)>& load_for,
                                const SelfTestOptions& options);

}  // namespace jb::harness::meter
