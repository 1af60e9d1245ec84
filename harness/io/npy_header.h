#pragma once
// What all readers and writers of .npy files share: the header (numpy.lib.format, versions 1.0, 2.0
// and 3.0) and the payload's place.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace jb::harness {

/// The dictionary in the header, a literal of Python:
///   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct NpyHeader {
  std::string descr;  ///< as written, without quotes
  bool fortran_order = false;
  std::vector<std::int64_t> shape;  ///< no negative sizes
};

/// An open .npy file up to its payload.
struct NpyFile {
  std::string name;
  std::ifstream stream;
  std::uint64_t file_bytes = 0;
  std::uint64_t header_bytes = 0;
  NpyHeader header;
};

/// Opens a file and reads its header. Usage error naming file and defect.
NpyFile open_npy(const std::filesystem::path& path);

/// Reads `bytes` bytes of the payload; usage error when the file ends before.
void read_exactly(NpyFile& file, char* out, std::size_t bytes, std::string_view what);

/// Magic, version 1.0 and the dictionary, padded so that the payload is aligned.
std::string npy_header(std::string_view descr, const std::vector<std::int64_t>& shape);

}  // namespace jb::harness
