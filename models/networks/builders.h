#pragma once
// The builders behind the registry, one file each.

#include <cstdint>
#include <string>
#include <string_view>

#include "models/networks/registry.h"

namespace jb::models {

/// Names of constants that training does not move ("fixed.mask") begin with this.
constexpr std::string_view kFixedPrefix = "fixed.";

constexpr std::int64_t kLongestSequence = std::int64_t{1} << 16U;
/// Rows of the largest table of MLPerf's DLRM, rounded up.
constexpr std::int64_t kMostTableRows = 40000000;

bool is_mlp_name(const std::string& name);
NetworkInfo mlp_info(const std::string& name);
NetworkInfo lenet5_info();
NetworkInfo alexnet_info();
NetworkInfo vgg16_info();
NetworkInfo resnet18_info();
NetworkInfo resnet50_info();
NetworkInfo mobilenet_v2_info();
NetworkInfo transformer_base_info();
NetworkInfo transformer_big_info();
NetworkInfo elmo_info();
NetworkInfo bert_base_info();
NetworkInfo gpt2_info();
NetworkInfo gpt2_xl_info();
NetworkInfo dlrm_info();

}  // namespace jb::models
