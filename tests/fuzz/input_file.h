#pragma once
// Bytes as a file for readers that take a path.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "backends/core/error.h"
#include "tests/fuzz/targets.h"

namespace jb::fuzz {

/// A file of that name in a folder of this process, overwritten by each input.
inline std::filesystem::path input_file(const std::string& name, Bytes bytes) {
  static const std::filesystem::path folder = [] {
    std::filesystem::path made =
        std::filesystem::temp_directory_path() / ("jb-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    return made;
  }();
  const std::filesystem::path path = folder / name;
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

/// Calls a reader; a usage error is an answer, every other exception leaves.
template <class Read>
void expect_answer(Read read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
  }
}

}  // namespace jb::fuzz
