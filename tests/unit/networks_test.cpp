// Networks of the literature: counts of their graphs against the literature's, weights on demand.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "backends/core/error.h"
#include "models/networks/registry.h"
#include "tests/support/network_counts.h"

namespace jb::test {
namespace {

using namespace models;

double macs_of(const std::string& name, const NetworkOptions& options = {}) {
  return build_network(name, options).bind(1).macs();
}

TEST(Networks, EveryNameOfTheListIsThere) {
  const std::vector<std::string> names = network_names();
  const std::set<std::string> have(names.begin(), names.end());
  for (const NetworkCounts& counts : kNetworkCounts) {
    EXPECT_EQ(have.count(counts.name), 1U) << counts.name;
  }
}

TEST(Networks, CountsEqualThoseWorkedOutByHand) {
  for (const NetworkCounts& counts : kNetworkCounts) {
    const Graph graph = build_network(counts.name);
    EXPECT_EQ(graph.bind(1).macs(), counts.macs) << counts.name;
    if (counts.parameters > 0) {
      EXPECT_EQ(parameters_of(graph), counts.parameters) << counts.name;
    }
  }
}

TEST(Networks, CountsEqualThePublishedOnes) {
  for (const std::string& name : network_names()) {
    const NetworkInfo info = network_info(name);
    EXPECT_FALSE(info.published.empty()) << name;
    std::set<std::string> quantities;
    for (const PublishedCount& count : info.published) {
      const Graph graph = build_network(name, count.options);
      const double ours = count.quantity == "macs" ? graph.bind(1).macs() : parameters_of(graph);
      EXPECT_NEAR(ours - count.beyond, count.value, count.tolerance * count.value)
          << name << " " << count.quantity << " of " << count.source;
      EXPECT_FALSE(count.source.empty()) << name;
      // A source that counts otherwise says what it counts.
      if (count.beyond != 0) {
        EXPECT_FALSE(count.convention.empty()) << name;
      }
      quantities.insert(count.quantity);
    }
    EXPECT_EQ(quantities, (std::set<std::string>{"macs", "parameters"})) << name;
  }
}

TEST(Networks, MacsGrowWithTheBatchAlone) {
  for (const std::string& name : network_names()) {
    const Graph graph = build_network(name);
    EXPECT_EQ(graph.bind(6).macs(), 6 * graph.bind(1).macs()) << name;
  }
}

TEST(Networks, SequenceLengthIsAnOption) {
  NetworkOptions options;
  options.sequence = 32;
  // 12 (12 n d^2 + 2 n^2 d) and the pooler.
  EXPECT_EQ(macs_of("bert-base", options),
            12.0 * (12 * 32 * 768.0 * 768 + 2 * 32 * 32 * 768.0) + 768.0 * 768);
  options.sequence = 513;
  EXPECT_THROW(build_network("bert-base", options), Error);
  options.sequence = -1;
  EXPECT_THROW(build_network("gpt2", options), Error);
  options.sequence = 8;
  EXPECT_THROW(build_network("resnet18", options), Error);
  NetworkOptions tables;
  tables.table_rows = 50;
  EXPECT_THROW(build_network("gpt2", tables), Error);
  EXPECT_LT(parameters_of(build_network("dlrm", tables)), parameters_of(build_network("dlrm")));
}

TEST(Networks, UnknownNamesAreRefusedWithTheNearest) {
  try {
    build_network("resnet-50");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("resnet50"), std::string::npos) << e.what();
  }
  EXPECT_THROW(build_network(""), Error);
  EXPECT_THROW(build_network("mlp-"), Error);
  EXPECT_THROW(network_inputs("resnet51"), Error);
}

TEST(Networks, WeightsAreDrawnAlikeEachTimeAndOtherwiseWithAnotherSeed) {
  NetworkOptions other;
  other.seed = 2;
  const Graph one = build_network("resnet18");
  const Graph two = build_network("resnet18", other);
  int compared = 0;
  for (std::size_t i = 0; i < one.values().size(); ++i) {
    const ValueView& value = one.values()[i];
    if (!value.is_constant || value.name != "conv3_1_a.weight") continue;
    const Tensor first = value.constant.value();
    const Tensor again = value.constant.value();
    const Tensor different = two.values()[i].constant.value();
    ASSERT_EQ(first.dims(), (Dims{128, 64, 3, 3}));
    double squares = 0;
    std::size_t same = 0;
    for (std::size_t e = 0; e < first.as<float>().size(); ++e) {
      ASSERT_EQ(first.as<float>()[e], again.as<float>()[e]);
      same += first.as<float>()[e] == different.as<float>()[e] ? 1U : 0U;
      squares += static_cast<double>(first.as<float>()[e]) * first.as<float>()[e];
    }
    // Variance 2 / (64 x 9); its estimate from 73,728 normals has a relative deviation of 0.5 %.
    EXPECT_NEAR(squares / static_cast<double>(first.size()) * 288, 1, 0.03);
    EXPECT_LT(same, 10U);
    ++compared;
  }
  EXPECT_EQ(compared, 1);
}

TEST(Networks, DrawnInputsBelongToSamples) {
  const std::vector<InputSpec> specs = network_inputs("dlrm");
  const std::vector<Tensor> all = draw_inputs(specs, 5, 0, 7);
  const std::vector<Tensor> tail = draw_inputs(specs, 2, 3, 7);
  ASSERT_EQ(all.size(), 2U);
  for (std::size_t i = 0; i < 13; ++i) {
    EXPECT_EQ(all[0].as<float>()[3 * 13 + i], tail[0].as<float>()[i]);
  }
  for (std::size_t i = 0; i < all[1].as<std::int64_t>().size(); ++i) {
    EXPECT_GE(all[1].as<std::int64_t>()[i], 0);
    EXPECT_LT(all[1].as<std::int64_t>()[i], specs[1].limits[i % 26]);
  }
  for (std::size_t i = 0; i < 26; ++i) {
    EXPECT_EQ(all[1].as<std::int64_t>()[3 * 26 + i], tail[1].as<std::int64_t>()[i]);
  }
}

}  // namespace
}  // namespace jb::test
