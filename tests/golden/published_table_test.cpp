// The published table is what its records say: every rendered file of results/published is made
// again from the records beside it, and README shows the same table.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = JOULEBENCH_SOURCE_DIR;
const fs::path kPublished = kSource / "results" / "published" / "energy-per-op";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// Each line of tables.txt is a file and the arguments of `joulebench report` that ci/publish.sh
// made it with; a .tex brings its .bib.
TEST(PublishedTable, FilesAreMadeOfTheRecords) {
  std::ifstream tables(kPublished / "tables.txt");
  ASSERT_TRUE(tables.good());
  const TempFolder scratch;
  std::size_t made = 0;
  for (std::string line; std::getline(tables, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string file;
    words >> file;
    std::vector<std::string> command{"report"};
    for (std::string word; words >> word;) command.push_back(word);
    command.insert(command.end(), {"-o", (scratch.path() / file).string()});
    CommandOptions options;
    options.folder = kPublished;
    const CommandResult result = joulebench(command, options);
    ASSERT_EQ(result.exit_code, 0) << line << result.err;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(scratch.path())) {
    const std::string file = entry.path().filename();
    EXPECT_TRUE(read(entry.path()) == read(kPublished / file))
        << file << " is not what its records say; run ci/publish.sh --tables";
    ++made;
  }
  EXPECT_GE(made, 5U);
}

TEST(PublishedTable, ReadmeShowsIt) {
  const std::string readme = read(kSource / "README.md");
  const std::string marker = "<!-- published table -->\n";
  const std::size_t begin = readme.find(marker);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = readme.find(marker, begin + 1);
  ASSERT_NE(end, std::string::npos);
  EXPECT_TRUE(readme.substr(begin, end - begin).find(read(kPublished / "summary.md")) !=
              std::string::npos)
      << "README's table is not summary.md; run ci/publish.sh --tables";
}

}  // namespace
}  // namespace jb::test
