// Does a journal survive interruption, and is everything else malformed refused?

#include "results/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "backends/core/error.h"
#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

namespace fs = std::filesystem;

class Journal : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("joulebench-journal-" + std::to_string(::getpid()) + "-" + info->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    file_ = folder_ / "records.jsonl";
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Record record_with_seed(int seed) {
    Record record = test::sample_record();
    record.point["seed"] = seed;
    test::set_ids(record);
    return record;
  }
  std::vector<int> seeds_read() const {
    std::vector<int> seeds;
    read_journal(file_, [&](Record&& r) { seeds.push_back(r.point["seed"].get<int>()); });
    return seeds;
  }
  std::string text() const {
    std::ifstream in(file_, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  void put(const std::string& bytes, std::ios::openmode mode = std::ios::trunc) const {
    std::ofstream out(file_, std::ios::binary | std::ios::out | mode);
    out << bytes;
  }
  template <class Act>
  static std::string refused(Act act) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(Journal, AppendsOneLineARecordAndReadsThemInOrder) {
  {
    JournalWriter writer(file_);
    writer.append(record_with_seed(1));
    writer.append(record_with_seed(2));
  }
  {
    JournalWriter writer(file_);
    writer.append(record_with_seed(3));
  }
  const std::string bytes = text();
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\n'), 3);
  EXPECT_EQ(bytes.back(), '\n');
  EXPECT_EQ(seeds_read(), (std::vector<int>{1, 2, 3}));
}

TEST_F(Journal, CutAnywhereItLosesOnlyTheLastRecord) {
  {
    JournalWriter writer(file_);
    writer.append(record_with_seed(1));
    writer.append(record_with_seed(2));
  }
  const std::string whole = text();
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t cut = first; cut <= whole.size(); cut += 97) {
    put(whole.substr(0, cut));
    EXPECT_EQ(seeds_read(), (std::vector<int>{1})) << cut;
    {
      JournalWriter writer(file_);
      writer.append(record_with_seed(5));
    }
    EXPECT_EQ(seeds_read(), (std::vector<int>{1, 5})) << cut;
  }
}

TEST_F(Journal, LastLineThatLacksOnlyItsNewlineIsARecord) {
  {
    JournalWriter writer(file_);
    writer.append(record_with_seed(1));
  }
  std::string whole = text();
  whole.pop_back();
  put(whole);
  EXPECT_EQ(seeds_read(), (std::vector<int>{1}));
  JournalWriter(file_).append(record_with_seed(2));
  EXPECT_EQ(seeds_read(), (std::vector<int>{1, 2}));
}

TEST_F(Journal, TornLineIsReportedToTheReader) {
  JournalWriter(file_).append(record_with_seed(1));
  std::size_t count = 0;
  EXPECT_FALSE(read_journal(file_, [&](Record&&) { ++count; }));
  put("{\"schema\": \"joule", std::ios::app);
  EXPECT_TRUE(read_journal(file_, [&](Record&&) { ++count; }));
  EXPECT_EQ(count, 2U);
}

TEST_F(Journal, TornLineLongerThanOneBlockIsCutOff) {
  JournalWriter(file_).append(record_with_seed(1));
  put("{\"reason\": \"" + std::string(200000, 'x'), std::ios::app);
  JournalWriter(file_).append(record_with_seed(2));
  EXPECT_EQ(seeds_read(), (std::vector<int>{1, 2}));
}

TEST_F(Journal, MalformedLineInTheMiddleIsNamed) {
  JournalWriter(file_).append(record_with_seed(1));
  const std::string line = text();
  put(line + "\n{\"schema\": \n" + line);  // the blank line counts
  const std::string message = refused([&] { seeds_read(); });
  EXPECT_NE(message.find("records.jsonl:3"), std::string::npos) << message;
}

TEST_F(Journal, WholeJsonThatIsNoRecordIsRefusedEvenAtTheEnd) {
  JournalWriter(file_).append(record_with_seed(1));
  put("{\"schema\": \"joulebench/record/2\"}\n", std::ios::app);
  const std::string message = refused([&] { seeds_read(); });
  EXPECT_NE(message.find("records.jsonl:2"), std::string::npos) << message;
  EXPECT_NE(message.find("joulebench/record/2"), std::string::npos) << message;
}

TEST_F(Journal, OverlongLineIsRefusedBeforeItIsHeld) {
  put(std::string((16U << 20U) + 10, 'x'));
  EXPECT_NE(refused([&] { seeds_read(); }).find("longer than"), std::string::npos);
}

TEST_F(Journal, TwoWritersOfOneFileAreRefused) {
  const JournalWriter first(file_);
  EXPECT_NE(refused([&] { JournalWriter second(file_); }).find("another run"), std::string::npos);
}

TEST_F(Journal, UnwritablePlaceIsNamed) {
  const std::string message = refused([&] { JournalWriter(folder_ / "no" / "records.jsonl"); });
  EXPECT_NE(message.find("-o"), std::string::npos) << message;
}

TEST_F(Journal, FullDiskIsAnErrorAndNotSilence) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  JournalWriter writer("/dev/full");
  EXPECT_NE(refused([&] { writer.append(record_with_seed(1)); }).find("cannot write"),
            std::string::npos);
}

TEST_F(Journal, NonFiniteRecordLeavesTheFileAsItWas) {
  JournalWriter writer(file_);
  writer.append(record_with_seed(1));
  const std::string before = text();
  Record bad = record_with_seed(2);
  bad.work.macs = HUGE_VAL;
  EXPECT_THROW(writer.append(bad), Error);
  EXPECT_EQ(text(), before);
}

TEST_F(Journal, LoadsFileRunFolderAndFolderOfRuns) {
  for (const char* run : {"b", "a"}) {
    fs::create_directories(folder_ / run);
    JournalWriter writer(folder_ / run / "records.jsonl");
    writer.append(record_with_seed(run[0]));
  }
  fs::create_directories(folder_ / "notes");
  const auto seeds = [](const std::vector<Record>& records) {
    std::vector<int> list;
    for (const Record& r : records) list.push_back(r.point["seed"].get<int>());
    return list;
  };
  EXPECT_EQ(seeds(load_results(folder_)), (std::vector<int>{'a', 'b'}));
  EXPECT_EQ(seeds(load_results(folder_ / "b")), (std::vector<int>{'b'}));
  EXPECT_EQ(seeds(load_results(folder_ / "b" / "records.jsonl")), (std::vector<int>{'b'}));
  const fs::path single = folder_ / "one.json";
  std::ofstream(single) << to_json(record_with_seed(9)).dump(2);
  EXPECT_EQ(seeds(load_results(single)), (std::vector<int>{9}));
}

TEST_F(Journal, LoadingNothingIsRefused) {
  EXPECT_NE(refused([&] { load_results(folder_ / "nowhere"); }).find("no results"),
            std::string::npos);
  EXPECT_NE(refused([&] { load_results(folder_); }).find("records.jsonl"), std::string::npos);
  put("");
  EXPECT_NE(refused([&] { load_results(folder_); }).find("holds no record"), std::string::npos);
}

}  // namespace
}  // namespace jb::results
