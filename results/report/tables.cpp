#include "results/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace jb::results {
namespace {

// Networks without a data set have no accuracy: they share no table with those that have one.
constexpr const char* kDrawnInputs = "\x01 drawn inputs";

std::string table_name(const View& view, const ViewRow& row) {
  const std::string& dataset = view.text(row.dataset);
  return dataset.empty() && row.network ? std::string(kDrawnInputs) : dataset;
}

std::string title_of(const std::string& name) {
  if (name.empty()) return "Matrix products";
  return name == kDrawnInputs ? "Networks on drawn inputs" : "Data set " + name;
}

void note_columns(const ViewRow& row, ReportTable& table) {
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (row.energy[b].known() || row.metered[b].known()) table.boundaries[b] = true;
  }
  table.movement = table.movement || !std::isnan(row.movement_share);
  table.rate = table.rate || row.rate.known();
  table.accuracy = table.accuracy || row.accuracy.known();
  table.error = table.error || (row.error.known() && !row.accuracy.known());
  table.age = table.age || row.age_s > 0;
}

bool competes(const Number& energy) {
  return energy.known() && (energy.mark == Mark::modelled || energy.mark == Mark::measured);
}

}  // namespace

std::vector<ReportTable> tables_of(const View& view) {
  std::vector<ReportTable> tables;
  std::map<std::string, std::size_t> places;
  std::map<std::pair<std::size_t, TextId>, std::size_t> sections;
  std::map<TextId, std::size_t> backends;
  std::vector<std::string> names;
  for (const ViewRow& row : view.rows) {
    const std::string name = table_name(view, row);
    const auto place = places.emplace(name, tables.size());
    if (place.second) {
      tables.emplace_back();
      tables.back().title = title_of(name);
      names.push_back(name);
    }
    backends.emplace(row.backend, backends.size());
    ReportTable& table = tables[place.first->second];
    if (row.status != Status::ok) {
      table.not_run.push_back(&row);
      continue;
    }
    const auto section =
        sections.emplace(std::make_pair(place.first->second, row.workload), table.sections.size());
    if (section.second) table.sections.push_back({view.text(row.workload), {}});
    table.sections[section.first->second].rows.push_back(&row);
    note_columns(row, table);
  }
  for (ReportTable& table : tables) {
    for (TableSection& section : table.sections) {
      std::stable_sort(section.rows.begin(), section.rows.end(),
                       [&](const ViewRow* a, const ViewRow* b) {
                         return backends.at(a->backend) < backends.at(b->backend);
                       });
    }
  }
  // Products first.
  const auto products = places.find("");
  if (products != places.end()) {
    const auto at = tables.begin() + static_cast<std::ptrdiff_t>(products->second);
    std::rotate(tables.begin(), at, at + 1);
  }
  return tables;
}

std::vector<std::string> not_run_sentences(const View& view, const ReportTable& table) {
  std::vector<std::pair<std::string, std::size_t>> counts;
  for (const ViewRow* row : table.not_run) {
    std::string sentence = fmt::format("{}: {}", view.machine(*row), name_of(row->status));
    if (row->reason != 0) sentence += ": " + view.text(row->reason);
    const auto found = std::find_if(counts.begin(), counts.end(),
                                    [&](const auto& count) { return count.first == sentence; });
    if (found == counts.end()) {
      counts.emplace_back(sentence, 1);
    } else {
      ++found->second;
    }
  }
  std::vector<std::string> sentences;
  for (const auto& count : counts) {
    sentences.push_back(fmt::format("{} ({} {})", count.first, count.second,
                                    count.second == 1 ? "point" : "points"));
  }
  return sentences;
}

std::vector<std::array<bool, kBoundaries>> leaders(const TableSection& section) {
  std::vector<std::array<bool, kBoundaries>> lead(section.rows.size());
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    for (std::size_t i = 0; i < section.rows.size(); ++i) {
      const ViewRow& row = *section.rows[i];
      if (!competes(row.energy[b]) || std::isnan(row.error_axis())) continue;
      bool rivals = false;
      bool beaten = false;
      for (std::size_t j = 0; j < section.rows.size(); ++j) {
        const ViewRow& other = *section.rows[j];
        if (i == j || !competes(other.energy[b]) || other.energy[b].mark != row.energy[b].mark ||
            std::isnan(other.error_axis())) {
          continue;
        }
        rivals = true;
        const double energy = other.energy[b].value - row.energy[b].value;
        const double error = other.error_axis() - row.error_axis();
        beaten = beaten || (energy <= 0 && error <= 0 && (energy < 0 || error < 0));
      }
      lead[i][b] = rivals && !beaten;
    }
  }
  return lead;
}

std::string plain_number(double value, int digits) {
  std::string text = fmt::format("{:.{}g}", value, digits);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  std::string exponent = text.substr(e + 1);
  const bool negative = exponent[0] == '-';
  exponent.erase(0, std::min(exponent.find_first_not_of("+-0"), exponent.size() - 1));
  return text.substr(0, e) + (negative ? "e-" : "e") + exponent;
}

std::string_view meaning_of(Boundary boundary) noexcept {
  switch (boundary) {
    case Boundary::B0:
      return "arithmetic, conversion, light";
    case Boundary::B1:
      return "+ on-chip memory, control";
    case Boundary::B2:
      return "+ DRAM and links";
    case Boundary::B3:
      return "+ static power";
    case Boundary::B4:
      return "+ host and supply";
    case Boundary::B5:
      return "+ facility";
  }
  return "";
}

std::string fidelity_text(const ViewRow& row) {
  if (row.accuracy.known()) return fmt::format("{:.2f} %", 100 * row.accuracy.value);
  return row.error.known() ? plain_number(row.error.value, 2) : "";
}

}  // namespace jb::results
