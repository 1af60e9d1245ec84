// Does the cache give back what was trained, and survive everything that can lie in its place?

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/random.h"
#include "backends/core/text.h"
#include "models/mlp.h"
#include "tests/support/temp_folder.h"

namespace jb::models {
namespace {

namespace fs = std::filesystem;
using test::bytes_of_file;
using test::TempFolder;

constexpr const char* kName = "mlp-12-6-3";
// magic, version, layers, key, three widths: see the head of weight_cache.cpp.
constexpr std::size_t kHashAt = 8 + 4 + 4 + 16 + 3 * 8;
constexpr std::size_t kPayloadAt = kHashAt + 8;
constexpr std::size_t kPayloadBytes = (12 * 6 + 6 + 6 * 3 + 3) * 4;

Dataset small_data() {
  Dataset data;
  data.name = "small";
  const RandomStream stream(5, 0, tag_of("test.data"), 0);
  data.train.height = 3;
  data.train.width = 4;
  data.train.images = Matrix<float>(50, 12);
  for (std::int64_t i = 0; i < 50; ++i) {
    for (std::int64_t j = 0; j < 12; ++j) data.train.images(i, j) = stream.uniform(i, j, 0);
    data.train.labels.push_back(static_cast<std::uint8_t>(i % 3));
  }
  data.test = data.train;
  data.content_hash = "0123456789abcdef";
  return data;
}

std::vector<float> parameters_of(const Mlp& network) {
  std::vector<float> all;
  for (std::size_t l = 0; l < network.weights.size(); ++l) {
    const Matrix<float>& w = network.weights[l];
    all.insert(all.end(), w.data(), w.data() + w.size());
    all.insert(all.end(), network.biases[l].begin(), network.biases[l].end());
  }
  return all;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

/// Sets the stored hash right, as someone who knows the format would.
void mend_hash(std::string& file) {
  const std::uint64_t hash = hash64(std::string_view(file).substr(kPayloadAt));
  for (std::size_t i = 0; i < 8; ++i) {
    file[kHashAt + i] = static_cast<char>(static_cast<unsigned char>(hash >> (8 * i)));
  }
}

TEST(WeightCache, StoresOnceAndReadsBack) {
  const TempFolder folder;
  const fs::path cache = folder.path() / "a" / "b";  // made when missing
  const Mlp trained = trained_mlp(kName, small_data(), {}, cache);
  ASSERT_EQ(files_in(cache).size(), 1U);  // no temporary file is left
  const fs::path file = files_in(cache).front();
  std::string bytes = bytes_of_file(file);
  ASSERT_EQ(bytes.size(), kPayloadAt + kPayloadBytes);
  EXPECT_EQ(parameters_of(trained_mlp(kName, small_data(), {}, cache)), parameters_of(trained));
  EXPECT_EQ(bytes_of_file(file), bytes);

  // Weights that no training gives, in a sound file, are what is read: the cache is really used.
  const float marker = 42.0F;
  std::memcpy(bytes.data() + kPayloadAt, &marker, sizeof marker);
  mend_hash(bytes);
  folder.write((fs::path("a") / "b" / file.filename()).string(), bytes);
  EXPECT_EQ(trained_mlp(kName, small_data(), {}, cache).weights[0](0, 0), 42.0F);
}

TEST(WeightCache, OtherOptionsDataOrNetworksAreOtherEntries) {
  const TempFolder folder;
  std::size_t expected = 0;
  const auto adds_entry = [&](const std::string& name, const Dataset& data,
                              const TrainOptions& options) {
    trained_mlp(name, data, options, folder.path());
    return files_in(folder.path()).size() == ++expected;
  };
  TrainOptions options;
  options.epochs = 2;
  EXPECT_TRUE(adds_entry(kName, small_data(), options));
  options.seed = 2;
  EXPECT_TRUE(adds_entry(kName, small_data(), options));
  options.batch = 16;
  EXPECT_TRUE(adds_entry(kName, small_data(), options));
  options.learning_rate = 2e-3;
  EXPECT_TRUE(adds_entry(kName, small_data(), options));
  options.epochs = 3;
  EXPECT_TRUE(adds_entry(kName, small_data(), options));
  EXPECT_TRUE(adds_entry("mlp-12-7-3", small_data(), options));
  Dataset other = small_data();
  other.content_hash = "fedcba9876543210";
  EXPECT_TRUE(adds_entry(kName, other, options));
  other.content_hash.clear();  // then it is computed
  EXPECT_TRUE(adds_entry(kName, other, options));
}

TEST(WeightCache, BrokenFilesAreTrainedAgainAndReplaced) {
  const TempFolder folder;
  const std::vector<float> trained =
      parameters_of(trained_mlp(kName, small_data(), {}, folder.path()));
  const fs::path file = files_in(folder.path()).front();
  const std::string sound = bytes_of_file(file);
  std::vector<std::string> broken = {"", "JBWEIGHT", sound.substr(0, sound.size() - 1), sound + "x",
                                     std::string(sound.size(), '\0')};
  // One bit in every field: magic, version, layers, key, widths, hash, first and last weight.
  for (const std::size_t at : {std::size_t{0}, std::size_t{8}, std::size_t{12}, std::size_t{20},
                               std::size_t{32}, kHashAt, kPayloadAt, sound.size() - 1}) {
    broken.push_back(sound);
    broken.back()[at] = static_cast<char>(broken.back()[at] ^ 1);
  }
  broken.push_back(sound);  // NaN, with the right hash
  for (std::size_t i = 0; i < 4; ++i) broken.back()[kPayloadAt + i] = '\xff';
  mend_hash(broken.back());
  for (std::size_t i = 0; i < broken.size(); ++i) {
    folder.write(file.filename().string(), broken[i]);
    EXPECT_EQ(parameters_of(trained_mlp(kName, small_data(), {}, folder.path())), trained) << i;
    EXPECT_EQ(bytes_of_file(file), sound) << i;
  }
}

TEST(WeightCache, WorksWhereNothingCanBeWritten) {
  const TempFolder folder;
  const fs::path in_the_way = folder.write("file", "not a folder");
  const std::vector<float> trained =
      parameters_of(trained_mlp(kName, small_data(), {}, folder.path()));
  EXPECT_EQ(parameters_of(trained_mlp(kName, small_data(), {}, in_the_way / "cache")), trained);
  EXPECT_EQ(bytes_of_file(in_the_way), "not a folder");
  // A folder under the very name of the entry.
  const fs::path other = folder.path() / "other";
  trained_mlp(kName, small_data(), {}, other);
  const fs::path entry = files_in(other).front();
  fs::remove(entry);
  fs::create_directories(entry / "inside");
  EXPECT_EQ(parameters_of(trained_mlp(kName, small_data(), {}, other)), trained);
  EXPECT_EQ(files_in(other).size(), 1U);
}

/// Sets or unsets a variable and puts it back.
class Environment {
 public:
  Environment(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~Environment() { set(old_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::optional<std::string>& value) {
    if (value) {
      setenv(name_, value->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> old_;
};

TEST(WeightCache, DefaultFolderFollowsXdg) {
  const TempFolder folder;
  const std::string home = (folder.path() / "home").string();
  const std::string xdg = (folder.path() / "xdg").string();
  const Environment home_set("HOME", home);
  {
    const Environment set("XDG_CACHE_HOME", xdg);
    trained_mlp(kName, small_data(), {}, "");
    EXPECT_EQ(files_in(fs::path(xdg) / "joulebench").size(), 1U);
    EXPECT_FALSE(fs::exists(home));
  }
  const Environment unset("XDG_CACHE_HOME", std::nullopt);
  trained_mlp(kName, small_data(), {}, "");
  EXPECT_EQ(files_in(fs::path(home) / ".cache" / "joulebench").size(), 1U);
  const Environment homeless("HOME", std::nullopt);
  EXPECT_EQ(trained_mlp(kName, small_data(), {}, "").widths, (std::vector<std::int64_t>{12, 6, 3}));
}

}  // namespace
}  // namespace jb::models
