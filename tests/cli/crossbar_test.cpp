// The crossbar as an outsider uses it: device files written from its documentation, float64
// matrices as .npy, every instruction set, sweeps of age with and without calibration.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/crossbar_reference.h"
#include "tests/support/crosssim_cases.h"
#include "tests/support/npy_bytes.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;
using Settings = crosssim::Settings;

/// The unit of a key as DEVICE_FILES.md tells: by its ending.
std::string unit_of(const std::string& key) {
  const std::pair<const char*, const char*> endings[] = {
      {"_uS", "uS"}, {"_ohm", "ohm"}, {"_nA", "nA"}, {"_s", "s"}, {"_per_K", "1/K"}};
  for (const auto& [ending, unit] : endings) {
    const std::string text = ending;
    if (key.size() > text.size() && key.substr(key.size() - text.size()) == text) return unit;
  }
  return "1";
}

json typed(const std::string& value) {
  const json parsed = json::parse(value, nullptr, false);
  return parsed.is_discarded() ? json(value) : parsed;
}

std::string device_file(const Settings& settings) {
  json parameters = json::object();
  for (const auto& [key, value] : settings) {
    parameters[key] = {
        {"value", typed(value)}, {"unit", unit_of(key)}, {"source", "test"}, {"class", "exact"}};
  }
  return json({{"schema", "joulebench/device/1"},
               {"backend", "crossbar"},
               {"name", "outsider"},
               {"description", "written from the documentation"},
               {"parameters", parameters}})
      .dump(2);
}

template <class T>
std::string npy(const Matrix<T>& m) {
  return npy_bytes<T>(static_cast<std::size_t>(m.rows()), static_cast<std::size_t>(m.cols()),
                      std::vector<T>(m.data(), m.data() + m.size()));
}

class Crossbar : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  /// A B by `multiply` on the device, on an instruction set ("" = the best here).
  template <class T>
  std::vector<T> multiply(const Settings& settings, const Matrix<T>& a, const Matrix<T>& b,
                          const std::string& isa = "",
                          const std::vector<std::string>& more = {}) const {
    write_file(file("device.json"), device_file(settings));
    write_file(file("A.npy"), npy(a));
    write_file(file("B.npy"), npy(b));
    std::vector<std::string> command = {
        JOULEBENCH_BINARY,   "multiply", file("A.npy"), file("B.npy"), "--device",
        file("device.json"), "-o",       file("C.npy"), "-q"};
    command.insert(command.end(), more.begin(), more.end());
    CommandOptions options;
    if (!isa.empty()) options.variables["JOULEBENCH_ISA"] = isa;
    const CommandResult result = run_command(command, options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    if (result.exit_code != 0) return {};
    return npy_values<T>(bytes_of_file(file("C.npy")), static_cast<std::size_t>(a.rows()),
                         static_cast<std::size_t>(b.cols()));
  }

  TempFolder folder_;
};

double largest(const std::vector<double>& values) {
  double top = 0;
  for (const double v : values) top = std::max(top, std::abs(v));
  return top;
}

double worst(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() != y.size()) return HUGE_VAL;
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - y[i]));
  return most;
}

/// Instruction sets that this computer runs, the best last.
std::vector<std::string> instruction_sets() {
  std::vector<std::string> names = {"baseline"};
  if (__builtin_cpu_supports("avx2")) names.emplace_back("avx2");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    names.emplace_back("avx512");
  }
  return names;
}

TEST_F(Crossbar, EveryReferenceCaseByDeviceFileOnEveryInstructionSet) {
  const std::filesystem::path reference = crosssim::reference_file();
  if (reference.empty()) GTEST_SKIP() << "no crosssim_reference.json";
  const Json cases = read_json_file(reference, 1U << 20U);
  std::size_t seen = 0;
  for (const Json& one : cases.at("cases")) {
    const auto test = std::find_if(crosssim::cases().begin(), crosssim::cases().end(),
                                   [&](const auto& c) { return one.at("name") == c.name; });
    ASSERT_NE(test, crosssim::cases().end()) << one.at("name");
    const Matrix<double> expected = crosssim::matrix_from(one.at("Y"), true);
    const std::vector<double> y(expected.data(), expected.data() + expected.size());
    for (const std::string& isa : instruction_sets()) {
      const std::vector<double> c =
          multiply(crosssim::all_settings(*test), crosssim::matrix_from(one.at("X"), true),
                   crosssim::matrix_from(one.at("W"), true), isa);
      EXPECT_LE(worst(c, y), test->tolerance * largest(y)) << test->name << " " << isa;
    }
    ++seen;
  }
  EXPECT_EQ(seen, crosssim::cases().size());
}

/// The matrices of the reference file's formula, with other constants.
Matrix<double> wave(std::int64_t rows, std::int64_t cols, double a, double b) {
  Matrix<double> m(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const auto x = static_cast<double>(i);
      const auto y = static_cast<double>(j);
      m(i, j) = std::round(1e6 * std::sin(a * (x + 1) * (y + 3) + b * (x - y)) *
                           std::cos(0.31 * x + 0.17 * y)) *
                1e-6;
    }
  }
  return m;
}

TEST_F(Crossbar, CasesBesideTheReferenceFollowThePublishedEquations) {
  using Sign = ReferenceCrossbar::Sign;
  const Matrix<double> a = wave(6, 24, 0.37, 0.11);
  Matrix<double> a_positive = a;
  for (std::int64_t i = 0; i < a.size(); ++i) a_positive.data()[i] = std::abs(a.data()[i]);
  const Matrix<double> b = wave(24, 10, 0.53, -0.29);
  struct Case {
    const char* name;
    ReferenceCrossbar reference;
    Settings settings;
  };
  std::vector<Case> all;
  const auto add = [&](const char* name, const Settings& settings, auto describe) {
    ReferenceCrossbar r;
    describe(r);
    all.push_back({name, r, crosssim::operator+(crosssim::kBase, settings)});
  };
  const double c15 = 32768.0 / 32767;
  add("two sided, analog cells",
      {{"weight.mapping", "differential-two-sided"},
       {"cell.on_off", "100"},
       {"dac.bits", "8"},
       {"adc.bits", "8"},
       {"adc.style", "quantizer"},
       {"adc.range", "given"},
       {"adc.limit", "3"}},
      [](ReferenceCrossbar& r) {
        r.sign = Sign::two_sided;
        r.g_min = 0.01;
        r.dac_bits = r.adc_bits = 8;
        r.low = -3;
        r.high = 3;
      });
  add("planes of four bits, limited columns",
      {{"cell.bits", "7"},
       {"dac.bits", "8"},
       {"input.coding", "bit-serial"},
       {"input.plane_bits", "4"},
       {"column.current_limit", "0.6"},
       {"adc.bits", "9"},
       {"adc.style", "quantizer"},
       {"adc.range", "given"},
       {"adc.low", "-2.5"},
       {"adc.high", "3"}},
      [](ReferenceCrossbar& r) {
        r.cell_bits = 7;
        r.dac_bits = 8;
        r.serial = true;
        r.plane_bits = 4;
        r.current_limit = 0.6;
        r.adc_bits = 9;
        r.low = -2.5;
        r.high = 3;
      });
  add("planes added in front of the converter",
      {{"cell.bits", "5"},
       {"cell.on_off", "20"},
       {"dac.bits", "6"},
       {"input.coding", "bit-serial"},
       {"input.accumulation", "analog"},
       {"adc.bits", "7"},
       {"adc.style", "sign-magnitude"},
       {"adc.range", "given"},
       {"adc.limit", "4"}},
      [](ReferenceCrossbar& r) {
        r.cell_bits = 5;
        r.g_min = 0.05;
        r.dac_bits = 6;
        r.serial = r.analog = true;
        r.adc_bits = 7;
        r.sign_magnitude = true;
        r.low = -4;
        r.high = 4;
      });
  add("sliced unit column, unsigned inputs, granular",
      {{"weight.mapping", "offset-unit-column"},
       {"weight.bits", "16"},
       {"weight.slices", "8"},
       {"cell.bits", "2"},
       {"cell.on_off", "1000"},
       {"dac.bits", "15"},
       {"dac.style", "unsigned"},
       {"input.coding", "bit-serial"},
       {"adc.bits", "9"},
       {"adc.style", "quantizer"},
       {"adc.range", "granular"}},
      [c15](ReferenceCrossbar& r) {
        r.sign = Sign::unit_column;
        r.g_min = 1e-3;
        r.weight_bits = 16;
        r.slices = 8;
        r.cell_bits = 2;
        r.dac_bits = 15;
        r.unsigned_inputs = r.serial = true;
        r.adc_bits = 9;
        r.low = 0;
        r.high = 1.0 / 3 * c15 * 511;
      });
  add("balanced slices on equal tiles, largest range",
      {{"weight.bits", "6"},
       {"weight.slices", "3"},
       {"cell.bits", "2"},
       {"cell.on_off", "50"},
       {"tile.rows", "8"},
       {"tile.cols", "4"},
       {"tile.partition", "equal"},
       {"dac.bits", "5"},
       {"input.coding", "bit-serial"},
       {"input.plane_bits", "2"},
       {"adc.bits", "10"},
       {"adc.style", "quantizer"},
       {"adc.range", "max"}},
      [](ReferenceCrossbar& r) {
        r.weight_bits = 6;
        r.slices = 3;
        r.cell_bits = 2;
        r.g_min = 0.02;
        r.tiles = {8, 8, 8};
        r.dac_bits = 5;
        r.serial = true;
        r.plane_bits = 2;
        r.adc_bits = 10;
        r.low = -8;
        r.high = 8;
      });
  for (const Case& test : all) {
    const Matrix<double>& x = test.reference.unsigned_inputs ? a_positive : a;
    const Matrix<double> expected = test.reference.multiply(x, b);
    const std::vector<double> y(expected.data(), expected.data() + expected.size());
    EXPECT_LE(worst(multiply(test.settings, x, b), y), 1e-9 * largest(y)) << test.name;
  }
}

TEST_F(Crossbar, LowerInstructionSetsAndSmallBatchesGiveTheSameMachine) {
  // Noisy slices in float32: AVX-512 looks sums up in tables, the others add them. Devices differ
  // by roundings of their laws; a sum at the edge of a code may fall to either side.
  const Settings noisy = {{"cell.model", "pcm-hermes-2dev"},
                          {"cell.g_max_uS", "20.7"},
                          {"weight.bits", "8"},
                          {"weight.slices", "4"},
                          {"tile.rows", "40"},
                          {"dac.bits", "8"},
                          {"input.coding", "bit-serial"},
                          {"adc.bits", "10"},
                          {"adc.range", "given"},
                          {"adc.limit", "16"}};
  // Ideal cells are whole numbers: the same bytes on every way.
  Settings ideal = noisy;
  ideal[0] = {"cell.bits", "2"};
  const Matrix<double> weights = wave(100, 30, 0.53, -0.29);
  Matrix<float> b(100, 30);
  std::transform(weights.data(), weights.data() + weights.size(), b.data(),
                 [](double v) { return static_cast<float>(v); });
  for (const std::int64_t batch : {1, 5, 31, 33}) {
    const Matrix<double> inputs = wave(batch, 100, 0.37, 0.11);
    Matrix<float> a(batch, 100);
    std::transform(inputs.data(), inputs.data() + inputs.size(), a.data(),
                   [](double v) { return static_cast<float>(v); });
    const std::vector<float> best = multiply(noisy, a, b, "", {"--age", "3600"});
    const std::vector<float> exact = multiply(ideal, a, b);
    for (const std::string& isa : instruction_sets()) {
      EXPECT_EQ(multiply(ideal, a, b, isa), exact) << isa << " " << batch;
      const std::vector<float> c = multiply(noisy, a, b, isa, {"--age", "3600"});
      ASSERT_EQ(c.size(), best.size());
      double difference = 0;
      double size = 0;
      for (std::size_t i = 0; i < c.size(); ++i) {
        difference += std::pow(static_cast<double>(c[i]) - static_cast<double>(best[i]), 2);
        size += std::pow(static_cast<double>(best[i]), 2);
      }
      // A step of 2^-9 of the range in a few of the 84 conversions of an output.
      EXPECT_LT(std::sqrt(difference / size), 2e-3) << isa << " " << batch;
    }
  }
}

TEST_F(Crossbar, DumpShowsWhatTheProductSees) {
  const Settings settings = {{"cell.model", "pcm-hermes-2dev"},
                             {"cell.g_max_uS", "20.7"},
                             {"weight.bits", "4"},
                             {"weight.slices", "3"},
                             {"wire.topology", "input-source"},
                             {"wire.row_ohm", "20"},
                             {"wire.col_ohm", "20"}};
  const Matrix<double> a = wave(3, 12, 0.37, 0.11);
  const Matrix<double> b = wave(12, 5, 0.53, -0.29);
  const std::vector<double> c =
      multiply(settings, a, b, "", {"--age", "3600", "--dump", file("dump")});
  const auto read = [&](const std::string& name) {
    return npy_values<double>(bytes_of_file(file("dump/" + name + ".npy")), 12, 5);
  };
  EXPECT_EQ(read("weights"), std::vector<double>(b.data(), b.data() + b.size()));
  const std::vector<double> effective = read("effective");
  for (std::size_t v = 0; v < 3; ++v) {
    for (std::size_t i = 0; i < 5; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < 12; ++j) {
        sum += a(static_cast<std::int64_t>(v), static_cast<std::int64_t>(j)) * effective[j * 5 + i];
      }
      EXPECT_NEAR(c[v * 5 + i], sum, 1e-12 * largest(c));
    }
  }
  for (int slice = 0; slice < 3; ++slice) {
    const std::string name = "conductances_slice" + std::to_string(slice);
    const std::vector<double> plus = read(name + "_positive");
    const std::vector<double> minus = read(name + "_negative");
    const std::vector<double> seen = read("effective_slice" + std::to_string(slice));
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_GE(plus[i], 0.0);
      EXPECT_GE(minus[i], 0.0);
      EXPECT_NEAR(seen[i], plus[i] - minus[i], 0.1);  // the lines take a little
    }
  }
  const json memory = json::parse(bytes_of_file(file("dump/memory.json")));
  EXPECT_EQ(memory.at("physical_devices"), 2 * 3 * 12 * 5);
  EXPECT_LE(memory.at("conductance_bytes"), 12 * 2 * 3 * 12 * 5);
  EXPECT_GT(memory.at("conductance_bytes"), 0);
}

std::map<std::string, double> quantities(const json& record) {
  std::map<std::string, double> out;
  for (const auto& [name, value] : record.at("quantities").items()) out[name] = value.at("value");
  return out;
}

TEST_F(Crossbar, SweepsOfAgeShowWhatCalibrationWinsAndCosts) {
  const CommandResult result =
      joulebench({"run", "--backend", "crossbar", "--device", "pcm-hermes", "--gemm", "64,256,256",
                  "-a", "age=86400,2592000,31536000", "-a", "calibrate=none,gdc,state", "--json",
                  "-o", file("sweep")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::map<std::string, std::map<double, std::map<std::string, double>>> seen;
  for (const json& record : json_lines(result.out)) {
    seen[record.at("point").at("calibration")][record.at("point").at("age_s")] = quantities(record);
  }
  ASSERT_EQ(seen.size(), 3U);
  double before = 0;
  for (const double age_s : {86400.0, 2592000.0, 31536000.0}) {
    const auto& none = seen.at("none").at(age_s);
    const auto& gdc = seen.at("gdc").at(age_s);
    const auto& state = seen.at("state").at(age_s);
    const char* const error = "relative_error_frobenius";
    EXPECT_GT(none.at(error), before);
    before = none.at(error);
    // Published for such tiles: 0.264 to 0.171 at a day, 0.434 to 0.276 at a year; converters add.
    EXPECT_LT(gdc.at(error), 0.8 * none.at(error)) << age_s;
    EXPECT_LT(state.at(error), 0.97 * gdc.at(error)) << age_s;
    // The same run tells the energy: that of products is the same, calibration is charged apart.
    EXPECT_DOUBLE_EQ(gdc.at("energy_B1_J_per_mac"), none.at("energy_B1_J_per_mac"));
    EXPECT_EQ(none.count("calibration_energy_J"), 0U);
    // 256 one-hot vectors on the tile that a product of 64 vectors runs through 64 times.
    EXPECT_NEAR(gdc.at("calibration_break_even_count"), 256.0 / 64, 1e-9);
    EXPECT_NEAR(state.at("calibration_break_even_count"), (256.0 + 256.0) / 64, 1e-9);
  }
}

TEST_F(Crossbar, SchedulesCalibrateAtTheirTimesAndPayForEach) {
  const auto run_with = [&](const std::string& schedule) {
    const CommandResult result =
        joulebench({"run", "--backend", "crossbar", "--device", "pcm-hermes", "--gemm",
                    "64,256,256", "--age", "2592000", "--calibrate", schedule, "--json", "-o",
                    file("schedule-" + std::to_string(schedule.size()))});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json_lines(result.out).at(0);
  };
  const json every = run_with("gdc@every=86400");
  const json log = run_with("gdc@log=1.22");
  const json error = run_with("gdc@error=0.01");
  EXPECT_EQ(every.at("measurement").at("calibrations"), 30);  // a day apart in 30 days
  for (const json& record : {every, log}) {
    const double calibrations = record.at("measurement").at("calibrations");
    EXPECT_NEAR(quantities(record).at("calibration_break_even_count"), calibrations * 256 / 64,
                1e-9);
  }
  // Power-law drift asks for calibrations at a constant ratio of times: ln(age / first) / ln 1.22.
  const double logarithmic = log.at("measurement").at("calibrations");
  EXPECT_NEAR(logarithmic, std::log(2592000.0) / std::log(1.22), 2);
  // Error-driven: looking costs as well, so that it pays for more readings than calibrations.
  const double driven = error.at("measurement").at("calibrations");
  EXPECT_LT(driven, logarithmic);
  EXPECT_GT(driven, 5);
  EXPECT_GT(quantities(error).at("calibration_break_even_count"), driven * 256 / 64);
  for (const json& record : {every, log, error}) {
    // The gain is off by less than the drift between two calibrations, d ln g / d ln t = 0.05 of
    // ln 1.22 or 1 %, which the spread of exponents (0.23) hides.
    EXPECT_NEAR(quantities(record).at("relative_error_frobenius"), 0.227, 0.01);
  }
}

}  // namespace
}  // namespace jb::test
