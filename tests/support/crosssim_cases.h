#pragma once
// The cases of crosssim_reference.json (CrossSim V3.2, Sandia) as settings of a device file, and
// how far products may be from them.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "backends/core/json_file.h"
#include "backends/core/matrix.h"

namespace jb::test::crosssim {

using Settings = std::vector<std::pair<std::string, std::string>>;

/// What all cases share: inputs are given relative to full scale.
inline const Settings kBase = {{"input.range", "fixed"}, {"input.max", "1"}};
inline const Settings kConverters = {
    {"dac.bits", "8"}, {"adc.bits", "8"}, {"adc.style", "quantizer"}};

inline Settings operator+(Settings a, const Settings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Settings given(const char* limit) { return {{"adc.range", "given"}, {"adc.limit", limit}}; }
inline const Settings kSerial = {{"input.coding", "bit-serial"}};
inline const Settings kWires = {{"cell.g_max_uS", "100"},
                                {"cell.on_off", "100"},
                                {"wire.row_ohm", "20"},
                                {"wire.col_ohm", "20"}};

struct Case {
  const char* name;
  Settings settings;
  double tolerance;  // relative to max|Y|
};

// 1e-9 where CrossSim keeps float64; its balanced cores hold float32 conductances (2e-6), which
// converters round away unless a tie is hit.
inline const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"01_ideal_float", {}, 2e-6},
      {"02_balanced_w8_dac8_adc8_calibrated",
       kConverters + given("3") + Settings{{"cell.bits", "7"}}, 1e-9},
      {"03_balanced_onoff10",
       kConverters + given("3") + Settings{{"cell.bits", "7"}, {"cell.on_off", "10"}}, 1e-9},
      {"05_offset_digital_adcmax",
       kConverters + Settings{{"weight.mapping", "offset"},
                              {"cell.bits", "8"},
                              {"adc.range", "max"},
                              {"emulate_crosssim_offset_gain", "true"}},
       1e-9},
      {"06_offset_unitcol_bitserial",
       kConverters + given("8") + kSerial +
           Settings{{"weight.mapping", "offset-unit-column"},
                    {"cell.bits", "8"},
                    {"cell.on_off", "10"},
                    {"emulate_crosssim_offset_gain", "true"}},
       1e-9},
      {"07_balanced_bitserial_digital_acc",
       kConverters + given("3") + kSerial + Settings{{"cell.bits", "7"}}, 1e-9},
      {"09_bitsliced_balanced_4x2b_bitserial",
       kConverters + given("8") + kSerial +
           Settings{{"weight.bits", "8"},
                    {"weight.slices", "4"},
                    {"cell.bits", "2"},
                    {"cell.on_off", "100"}},
       1e-9},
      {"11_isaac_like_digital_offset_adc6_max",
       kSerial + Settings{{"weight.mapping", "offset"},
                          {"weight.bits", "16"},
                          {"weight.slices", "8"},
                          {"cell.bits", "2"},
                          {"dac.bits", "16"},
                          {"dac.style", "unsigned"},
                          {"adc.bits", "6"},
                          {"adc.style", "quantizer"},
                          {"adc.range", "max"}},
       1e-9},
      {"12_tiled_16x8_partial_sums_adc6",
       Settings{{"dac.bits", "8"},
                {"adc.bits", "6"},
                {"adc.style", "quantizer"},
                {"cell.bits", "7"},
                {"tile.rows", "16"},
                {"tile.cols", "8"},
                {"tile.partition", "equal"}} +
           given("2"),
       1e-9},
      {"13_weight_percentile95_clip",
       kConverters + given("3") + Settings{{"cell.bits", "7"}, {"weight.percentile", "0.95"}},
       1e-9},
      {"16_parasitics_input_source_16", kWires + Settings{{"wire.topology", "input-source"}}, 1e-5},
      {"17_parasitics_interleaved_16", kWires + Settings{{"wire.topology", "interleaved"}}, 1e-5},
  };
  return all;
}

/// What a case's device file sets.
inline Settings all_settings(const Case& test) { return kBase + test.settings; }

inline Matrix<double> matrix_from(const Json& rows, bool transposed) {
  const auto height = static_cast<std::int64_t>(rows.size());
  const auto width = static_cast<std::int64_t>(rows.at(0).size());
  Matrix<double> out(transposed ? width : height, transposed ? height : width);
  for (std::int64_t i = 0; i < height; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      const double value = rows.at(static_cast<std::size_t>(i)).at(static_cast<std::size_t>(j));
      (transposed ? out(j, i) : out(i, j)) = value;
    }
  }
  return out;
}

/// The reference file, or an empty path where the data are not there.
inline std::filesystem::path reference_file() {
  const char* folder = std::getenv("JOULEBENCH_TEST_DATA");
  const std::filesystem::path file =
      (folder != nullptr ? std::filesystem::path(folder)
                         : std::filesystem::path(JOULEBENCH_SOURCE_DIR) / "../shared/data") /
      "crossbar/crosssim_reference.json";
  return std::filesystem::exists(file) ? file : std::filesystem::path();
}

}  // namespace jb::test::crosssim
