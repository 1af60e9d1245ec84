#include "results/report/bibliography.h"

#include <algorithm>
#include <cctype>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"
#include "results/report/escape.h"

namespace jb::results {
namespace {

constexpr std::uintmax_t kLargestFile = 16U << 20U;
// "Surname et al., a long name of a journal 12, 345 (2017)": the year follows within this.
constexpr std::size_t kYearWithin = 90;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// Value of `field = {...}` in an entry.
std::string field_of(std::string_view entry, std::string_view field) {
  for (std::size_t at = entry.find(field); at != std::string_view::npos;
       at = entry.find(field, at + 1)) {
    std::size_t i = at + field.size();
    if (is_letter(entry[at - 1])) continue;
    while (i < entry.size() && entry[i] == ' ') ++i;
    if (i >= entry.size() || entry[i] != '=') continue;
    i = entry.find('{', i);
    if (i == std::string_view::npos) return {};
    std::string value;
    int depth = 0;
    for (; i < entry.size(); ++i) {
      if (entry[i] == '{' && depth++ == 0) continue;
      if (entry[i] == '}' && --depth == 0) return value;
      value += entry[i];
    }
  }
  return {};
}

// "Jouppi" of "Jouppi, Norman P. and Young, Cliff"; a corporate author is its own surname.
std::string first_surname(const std::string& authors) {
  return authors.substr(0, std::min(authors.find(','), authors.find(" and ")));
}

// The first long word of a journal or conference.
std::string venue_word(std::string_view entry) {
  for (const char* field : {"booktitle", "journal"}) {
    const std::string venue = field_of(entry, field);
    // "International Symposium on Computer Architecture (ISCA)": the short name, if there is one.
    const std::size_t open = venue.find('(');
    if (open != std::string::npos) return venue.substr(open + 1, venue.find(')') - open - 1);
    if (!venue.empty()) return venue;
  }
  return {};
}

// Whether `word` stands in `text` at `at` and is no part of a longer word.
bool is_word_at(std::string_view text, std::size_t at, std::size_t length) {
  const bool left = at == 0 || !is_letter(text[at - 1]);
  const std::size_t end = at + length;
  return left && (end >= text.size() || !is_letter(text[end]));
}

// Accents of BibTeX as combining characters; other commands go.
std::string plain_of(std::string_view tex) {
  static const std::map<char, std::string_view> kAccents{
      {'\'', "\xCC\x81"}, {'`', "\xCC\x80"}, {'^', "\xCC\x82"}, {'"', "\xCC\x88"},
      {'~', "\xCC\x83"},  {'v', "\xCC\x8C"}, {'c', "\xCC\xA7"}, {'u', "\xCC\x86"}};
  std::string out;
  std::string_view accent;
  for (std::size_t i = 0; i < tex.size(); ++i) {
    const char c = tex[i];
    if (c == '\\' && i + 1 < tex.size()) {
      const auto found = kAccents.find(tex[i + 1]);
      const bool letter = is_letter(tex[i + 1]);
      if (found != kAccents.end() && (!letter || (i + 2 < tex.size() && !is_letter(tex[i + 2])))) {
        accent = found->second;
        ++i;
      } else if (letter) {
        while (i + 1 < tex.size() && is_letter(tex[i + 1])) ++i;
      }
      continue;
    }
    if (c == '{' || c == '}' || c == '$' || (c == ' ' && !accent.empty())) continue;
    if (c == '-' && i + 1 < tex.size() && tex[i + 1] == '-') continue;
    out += c;
    out += accent;
    accent = {};
  }
  return out;
}

}  // namespace

Bibliography::Bibliography(const std::filesystem::path& folder) {
  const std::string text = read_text_file(folder / "references.bib", kLargestFile);
  for (std::size_t at = text.find("\n@"); at != std::string::npos;) {
    const std::size_t next = text.find("\n@", at + 1);
    std::string entry = text.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    entry.erase(entry.find_last_of('}') + 1);
    const std::size_t open = entry.find('{');
    const std::string key = entry.substr(open + 1, entry.find(',') - open - 1);
    Entry made{entry, first_surname(plain_of(field_of(entry, "author"))), field_of(entry, "year"),
               venue_word(entry)};
    if (!entries_.emplace(key, std::move(made)).second) {
      fail_usage("{}: the key {} stands twice", (folder / "references.bib").string(), key);
    }
    at = next;
  }
  const std::filesystem::path names = folder / "source-names.csv";
  const std::string lines = read_text_file(names, kLargestFile);
  for (std::size_t begin = lines.find('\n') + 1; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    const std::string line = lines.substr(begin, end - begin);
    const std::size_t comma = line.rfind(',');
    if (comma == std::string::npos || entries_.count(line.substr(comma + 1)) == 0) {
      fail_usage("{}: '{}' is no name and key of references.bib", names.string(), line);
    }
    names_.emplace_back(line.substr(0, comma), line.substr(comma + 1));
    begin = end + 1;
  }
}

std::vector<std::string> Bibliography::keys_in(std::string_view source) const {
  std::set<std::string> keys;
  // Place of a surname and year -> keys that fit, to tell namesakes of one year apart by venue.
  std::map<std::size_t, std::vector<const std::pair<const std::string, Entry>*>> places;
  for (const auto& entry : entries_) {
    const std::string& surname = entry.second.surname;
    if (surname.empty() || entry.second.year.empty()) continue;
    for (std::size_t at = source.find(surname); at != std::string_view::npos;
         at = source.find(surname, at + 1)) {
      if (!is_word_at(source, at, surname.size())) continue;
      const std::string_view after = source.substr(at + surname.size(), kYearWithin);
      const std::size_t year = after.find(entry.second.year);
      // A semicolon begins another source.
      if (year == std::string_view::npos || year > after.find(';')) continue;
      places[at].push_back(&entry);
    }
  }
  for (const auto& place : places) {
    const std::string_view near = source.substr(place.first, kYearWithin);
    bool told = false;
    for (const auto* entry : place.second) {
      const bool fits =
          !entry->second.hint.empty() && near.find(entry->second.hint) != std::string_view::npos;
      if (!fits) continue;
      keys.insert(entry->first);
      told = true;
    }
    if (!told) keys.insert(place.second.front()->first);
  }
  for (const auto& name : names_) {
    if (source.find(name.first) != std::string_view::npos) keys.insert(name.second);
  }
  return {keys.begin(), keys.end()};
}

std::string Bibliography::reference(const std::string& key) const {
  const std::string& text = entry(key);
  const auto field = [&](const char* name) { return plain_of(field_of(text, name)); };
  std::string out = field("author") + ": " + field("title");
  for (const char* venue : {"booktitle", "journal", "howpublished"}) {
    const std::string name = field(venue);
    if (!name.empty()) out += ". " + name;
  }
  if (!field("volume").empty()) out += " " + field("volume");
  if (!field("pages").empty()) out += ", " + field("pages");
  out += ", " + field("year");
  if (!field("doi").empty()) out += ". doi:" + field("doi");
  if (!field("eprint").empty()) out += ". arXiv:" + field("eprint");
  return out;
}

const std::string& Bibliography::entry(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) fail_internal("no entry '{}' in the bibliography", key);
  return found->second.text;
}

std::vector<std::string> Citations::cite_source(std::string_view source) {
  std::vector<std::string> keys = bibliography_.keys_in(source);
  if (keys.empty()) {
    // A year tells a publication from a setting or an assumption of this project.
    const bool own = source.find("assumption") != std::string_view::npos ||
                     source.find("choice") != std::string_view::npos ||
                     source.find("setting") != std::string_view::npos;
    bool year = false;
    for (std::size_t i = 0; i + 4 <= source.size(); ++i) {
      const std::string_view four = source.substr(i, 4);
      const bool century = four.substr(0, 2) == "19" || four.substr(0, 2) == "20";
      const bool digits = std::isdigit(static_cast<unsigned char>(four[2])) != 0 &&
                          std::isdigit(static_cast<unsigned char>(four[3])) != 0;
      year = year || (century && digits);
    }
    if (own || !year) return {};
    const std::string key = "source-" + hash_hex(source).substr(0, 8);
    quoted_.emplace(key, source);
    return {key};
  }
  keys_.insert(keys.begin(), keys.end());
  return keys;
}

void Citations::cite_key(const std::string& key) {
  if (!bibliography_.has(key)) fail_usage("literature cites {}, which references.bib lacks", key);
  keys_.insert(key);
}

std::vector<std::string> Citations::references() const {
  std::vector<std::string> list;
  for (const std::string& key : keys_) list.push_back(bibliography_.reference(key));
  for (const auto& quoted : quoted_) list.push_back(quoted.second);
  return list;
}

std::string Citations::bib() const {
  std::string out = "% The sources cited by the tables of the same name, and no others.\n";
  for (const std::string& key : keys_) out += "\n" + bibliography_.entry(key) + "\n";
  for (const auto& quoted : quoted_) {
    out += "\n@misc{" + quoted.first + ",\n  title = {{" + escape_latex(quoted.second) + "}},\n}\n";
  }
  return out;
}

}  // namespace jb::results
