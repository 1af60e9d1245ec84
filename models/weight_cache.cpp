// Trained weights on disk. One file per key, little-endian:
//   8 bytes magic "JBWEIGHT", u32 format version, u32 layers L, 16 bytes key, (L + 1) x u64 widths,
//   u64 hash of the payload, payload: per layer weights (k x n, row by row), then biases; float32.
// The size of a sound file follows from the network alone and is checked before anything is read.

#include <fmt/core.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"
#include "models/content_hash.h"
#include "models/mlp.h"
#include "models/trainer.h"

namespace jb::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "JBWEIGHT";
constexpr std::uint32_t kFormatVersion = 1;

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8U * i))));
  }
}

template <class T>
T get(std::string_view bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8U * i);
  }
  return value;
}

/// Everything that decides the weights. The instruction set is part of it: sums of floats differ in
/// the last bits between instruction sets, and a warm cache must not change what a cold one gives.
std::string cache_key(const Mlp& network, const Dataset& data, const TrainOptions& options) {
  const std::string content =
      data.content_hash.empty() ? content_hash_of(data.train, data.test) : data.content_hash;
  return hash_hex(
      fmt::format("format={};trainer={};isa={};network={};data={};epochs={};batch={};"
                  "rate={};seed={}",
                  kFormatVersion, kTrainerVersion, dispatched_isa(), network.name, content,
                  options.epochs, options.batch, shortest(options.learning_rate), options.seed));
}

/// Header up to the payload's hash: the same bytes for every sound file of this key.
std::string header_of(const Mlp& network, const std::string& key) {
  std::string header(kMagic);
  put(header, kFormatVersion);
  put(header, static_cast<std::uint32_t>(network.weights.size()));
  header += key;
  for (const std::int64_t width : network.widths) put(header, static_cast<std::uint64_t>(width));
  return header;
}

std::size_t payload_bytes(const Mlp& network) {
  std::size_t values = 0;
  for (std::size_t l = 0; l < network.weights.size(); ++l) {
    values += static_cast<std::size_t>(network.weights[l].size()) + network.biases[l].size();
  }
  return values * sizeof(float);
}

/// Calls visit(float&) for each parameter in the order of the file.
template <class Network, class Visit>
void for_each_parameter(Network& network, Visit visit) {
  for (std::size_t l = 0; l < network.weights.size(); ++l) {
    auto* w = network.weights[l].data();
    for (std::int64_t i = 0; i < network.weights[l].size(); ++i) visit(w[i]);
    for (auto& b : network.biases[l]) visit(b);
  }
}

/// Fills `network` from the file; false, with the network as it was, when there is no sound file.
bool load(const fs::path& path, const std::string& key, Mlp& network) {
  const std::string header = header_of(network, key);
  const std::size_t payload_at = header.size() + sizeof(std::uint64_t);
  const std::size_t expected = payload_at + payload_bytes(network);
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) != expected || error) {
    return false;
  }
  std::string text;
  try {
    text = read_text_file(path, expected);
  } catch (const Error&) {
    return false;  // unreadable: as good as absent
  }
  if (text.size() != expected || text.compare(0, header.size(), header) != 0) return false;
  const std::string_view payload = std::string_view(text).substr(payload_at);
  if (get<std::uint64_t>(text, header.size()) != hash64(payload)) return false;
  Mlp loaded = network;
  std::size_t at = 0;
  bool finite = true;
  for_each_parameter(loaded, [&](float& value) {
    value = std::bit_cast<float>(get<std::uint32_t>(payload, at));
    finite = finite && std::isfinite(value);
    at += sizeof(float);
  });
  if (finite) network = std::move(loaded);
  return finite;
}

/// Stores the network when the folder lets it; a cache that cannot be written changes no result.
void store(const fs::path& path, const std::string& key, const Mlp& network) {
  std::string payload;
  payload.reserve(payload_bytes(network));
  for_each_parameter(
      network, [&](const float& value) { put(payload, std::bit_cast<std::uint32_t>(value)); });
  std::string text = header_of(network, key);
  put(text, hash64(payload));
  text += payload;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return;
  // Something other than a file under this name can be neither read nor replaced by renaming.
  if (fs::exists(path, error) && !fs::is_regular_file(path, error)) return;
  try {
    write_file_atomically(path, text);
  } catch (const Error&) {
    return;
  }
}

/// The folder given, else by the XDG base directory specification (which ignores relative paths).
std::optional<fs::path> cache_folder(const fs::path& given) {
  if (!given.empty()) return given;
  if (const char* xdg = std::getenv("XDG_CACHE_HOME");
      xdg != nullptr && fs::path(xdg).is_absolute()) {
    return fs::path(xdg) / "joulebench";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && fs::path(home).is_absolute()) {
    return fs::path(home) / ".cache" / "joulebench";
  }
  return std::nullopt;
}

}  // namespace

Mlp trained_mlp(const std::string& name, const Dataset& data, const TrainOptions& options,
                const fs::path& cache_dir) {
  Mlp network = build_mlp(name, options.seed);
  check_trainable({network.name, network.widths.front(), network.widths.back()}, data.train,
                  options);
  const std::optional<fs::path> folder = cache_folder(cache_dir);
  const std::string key = cache_key(network, data, options);
  const fs::path path =
      folder ? *folder / fmt::format("{}-{}.weights", network.name, key) : fs::path();
  if (folder && load(path, key, network)) return network;
  train(network, data.train, options);
  if (folder) store(path, key, network);
  return network;
}

}  // namespace jb::models
