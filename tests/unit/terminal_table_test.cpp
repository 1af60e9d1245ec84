// Are numbers rounded as people read them, and does a table fit whatever its width?

#include "results/report/terminal_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "results/report/text_layout.h"
#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

int widest_line(const std::string& text) {
  std::istringstream in(text);
  int widest = 0;
  for (std::string line; std::getline(in, line);) widest = std::max(widest, text_width(line));
  return widest;
}

TEST(Format, EnergiesFromZeptoToKilojoule) {
  EXPECT_EQ(format_energy(1.23e-12), "1.23 pJ");
  EXPECT_EQ(format_energy(4.5e-17, 2), "45 aJ");
  EXPECT_EQ(format_energy(2.871e-21), "2.87 zJ");
  EXPECT_EQ(format_energy(1234), "1.23 kJ");
  EXPECT_EQ(format_energy(205e-15), "205 fJ");
  EXPECT_EQ(format_energy(1), "1.00 J");
  EXPECT_EQ(format_energy(0), "0 J");
  EXPECT_EQ(format_energy(-3.5e-9), "-3.50 nJ");
  EXPECT_EQ(format_energy(1.5e-25), "1.50e-25 J");
  EXPECT_EQ(format_energy(2.5e7), "2.50e+07 J");
}

TEST(Format, RoundingCarriesIntoTheNextPrefix) {
  EXPECT_EQ(format_energy(9.996e-13), "1.00 pJ");
  EXPECT_EQ(format_energy(999.4e-15), "999 fJ");
  EXPECT_EQ(format_energy(9.96e-14, 2), "100 fJ");
  EXPECT_EQ(format_energy(1.26e-13, 2), "130 fJ");
  EXPECT_EQ(format_energy(1e-12, 2), "1.0 pJ");
}

TEST(Format, EveryDecadeReadsBackWithinHalfADigit) {
  const std::string prefixes = "zafpnum";
  for (int decade = -21; decade < 0; ++decade) {
    const double value = 4.567 * std::pow(10.0, decade);
    const std::string text = format_energy(value);
    const double scale =
        std::pow(10.0, 3.0 * (static_cast<double>(prefixes.find(text[text.size() - 2])) - 7));
    // Three significant digits of a number that begins with 4.567: half a unit of the third.
    EXPECT_NEAR(std::stod(text) * scale / value, 1, 0.005 / 4.567 + 1e-12) << text;
  }
}

TEST(Format, RatesAndDurations) {
  EXPECT_EQ(format_si(1.2e12, 2), "1.2 T");
  EXPECT_EQ(format_si(45e9, 2), "45 G");
  EXPECT_EQ(format_si(950), "950");
  EXPECT_EQ(format_si(0), "0");
  EXPECT_EQ(format_si(3e27), "3.00e+27");
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(2e-5), "20.0 us");
  EXPECT_EQ(format_duration(90), "90 s");
  EXPECT_EQ(format_duration(1000), "16.7 min");
  EXPECT_EQ(format_duration(3600), "1 h");
  EXPECT_EQ(format_duration(86400), "24 h");
  EXPECT_EQ(format_duration(2.592e6), "30 d");
  EXPECT_EQ(format_duration(10 * 365.25 * 86400), "10 y");
}

TEST(TextLayout, CountsAndCutsCodePoints) {
  EXPECT_EQ(text_width("5 µJ°"), 5);
  EXPECT_EQ(shorten("µµµµ", 4), "µµµµ");
  EXPECT_EQ(shorten("µµµµ", 3), "µµ…");
  EXPECT_EQ(shorten("abc", 1), "…");
  EXPECT_EQ(shorten("abc", 0), "");
  EXPECT_EQ(pad("°", 3, Align::right), "  °");
  EXPECT_EQ(pad("°", 3, Align::left), "°  ");
}

TEST(TextLayout, ControlCharactersFromFilesReachNoTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc\x7f"), "a [2Jb c ");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J µ"),
            "  2J µ");
}

TEST(TextLayout, WrapsAtSpacesAndInsideLongWordsOnly) {
  EXPECT_EQ(wrap("one two three", 9, 2), (std::vector<std::string>{"one two", "  three"}));
  EXPECT_EQ(wrap("abcdefgh", 4, 1), (std::vector<std::string>{"abcd", " efg", " h"}));
  EXPECT_EQ(wrap("", 10, 0), std::vector<std::string>{});
  EXPECT_EQ(wrap("a  b", 10, 0), std::vector<std::string>{"a b"});
}

TEST(Table, AlignsTextLeftAndNumbersRight) {
  const std::vector<Column> columns{{"name", Align::left, 0}, {"value", Align::right, 1}};
  EXPECT_EQ(render_table(columns, {{"a", "1"}, {"long name", "12345678"}, {"b"}}, {}),
            "name          value\n"
            "a                 1\n"
            "long name  12345678\n"
            "b\n");
}

TEST(Table, NarrowsInTheStatedOrder) {
  const std::vector<Column> columns{
      {"name", Align::left, 0}, {"first", Align::right, 1}, {"second", Align::right, 2}};
  const std::vector<std::vector<std::string>> rows{{"a name of twenty chr", "11111", "222222"}};
  const auto line = [&](int width) {
    const std::string text = render_table(columns, rows, {width, false});
    return text.substr(text.find('\n') + 1);
  };
  EXPECT_EQ(line(35), "a name of twenty chr  11111  222222\n");
  EXPECT_EQ(line(34), "a name of twenty chr 11111 222222\n");
  EXPECT_EQ(line(30), "a name of twenty… 11111 222222\n");
  EXPECT_EQ(line(25), "a name of t… 11111 222222\n");
  EXPECT_EQ(line(24), "a name of twenty … 11111\n");
  EXPECT_EQ(line(12), "a name of t…\n");
  EXPECT_EQ(line(5), "a na…\n");
}

TEST(Table, RefusesRowsThatAreTooLong) {
  EXPECT_THROW(render_table({{"one", Align::left, 0}}, {{"a", "b"}}, {}), Error);
}

TEST(EnergyTable, FitsEveryWidth) {
  std::vector<Record> records{test::sample_record(), test::sample_record(), test::sample_record()};
  records[1].point["set"]["adc.some_long_parameter_name"] = 1e-15;
  records[1].lints.push_back({"unvalidated", "none stated"});
  records[2].status = Status::unavailable;
  records[2].reason =
      "built without it, and the reason why is told at some length here so that it wraps";
  for (int width = 32; width <= 140; ++width) {
    const std::string text = energy_table(records, {width, false});
    EXPECT_LE(widest_line(text), width);
    EXPECT_NE(text.find("B0"), std::string::npos) << width;
  }
}

TEST(EnergyTable, ColoursChangeNoCharacterOfTheText) {
  std::vector<Record> records{test::sample_record(), test::sample_record()};
  records[1].status = Status::failed;
  records[1].reason = "no";
  std::string colored = energy_table(records, {80, true});
  EXPECT_NE(colored.find("\x1b[1m"), std::string::npos);
  for (const char* code : {"\x1b[0m", "\x1b[1m", "\x1b[2m"}) {
    for (std::size_t at = colored.find(code); at != std::string::npos; at = colored.find(code)) {
      colored.erase(at, 4);
    }
  }
  EXPECT_EQ(colored, energy_table(records, {80, false}));
}

TEST(EnergyTable, OfNothingIsEmpty) { EXPECT_EQ(energy_table({}, {}), ""); }

}  // namespace
}  // namespace jb::results
