#pragma once
// Which publications the sources of numbers name, and a .bib of exactly these.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace jb::results {

/// Entries of a BibTeX file, found by key, or by how a preset's source names them: "Jouppi et al.,
/// ISCA 2017", "M. Horowitz, ISSCC 2014", "Stillmaker & Baas, Integration 58 (2017)", or the name
/// of a published tool or machine that a line of source-names.csv leads to.
class Bibliography {
 public:
  Bibliography() = default;
  /// `folder` holds references.bib and source-names.csv.
  explicit Bibliography(const std::filesystem::path& folder);

  [[nodiscard]] bool has(const std::string& key) const { return entries_.count(key) != 0; }
  /// Keys of the entries that `source` names, sorted, each once.
  [[nodiscard]] std::vector<std::string> keys_in(std::string_view source) const;
  /// "Jouppi, Norman P. and others: In-Datacenter ... ISCA, 2017. doi:..." as plain text.
  [[nodiscard]] std::string reference(const std::string& key) const;
  /// The entry as it stands in the file.
  [[nodiscard]] const std::string& entry(const std::string& key) const;

 private:
  struct Entry {
    std::string text, surname, year, hint;  // hint: a word of the venue, for namesakes
  };
  std::map<std::string, Entry> entries_;
  std::vector<std::pair<std::string, std::string>> names_;  // name in a source, key
};

/// Collects citations of a document; what no entry of the bibliography covers gets one of its own
/// that quotes the source.
class Citations {
 public:
  explicit Citations(const Bibliography& bibliography) : bibliography_(bibliography) {}
  /// Keys to cite for a ledger's source; none for assumptions and settings, which cite nobody.
  std::vector<std::string> cite_source(std::string_view source);
  /// Cites a key; it must be one of the bibliography.
  void cite_key(const std::string& key);
  /// The .bib file of exactly what was cited, by key.
  [[nodiscard]] std::string bib() const;
  /// The same as sentences.
  [[nodiscard]] std::vector<std::string> references() const;
  [[nodiscard]] bool empty() const noexcept { return keys_.empty() && quoted_.empty(); }

 private:
  const Bibliography& bibliography_;
  std::set<std::string> keys_;
  std::map<std::string, std::string> quoted_;  // key made here, source
};

}  // namespace jb::results
