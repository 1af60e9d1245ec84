#pragma once
// .npy files made byte by byte, independent of the program's own writer (numpy.lib.format, 1.0).

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace jb::test {

/// Bytes of a rows x cols matrix of T (float or double); `values` row by row, stored in Fortran
/// order when asked for.
template <class T>
std::string npy_bytes(std::size_t rows, std::size_t cols, const std::vector<T>& values,
                      bool fortran = false) {
  std::string header = std::string("{'descr': '<f") + std::to_string(sizeof(T)) +
                       "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" +
                       std::to_string(rows) + ", " + std::to_string(cols) + "), }";
  // Magic (6), version (2), length (2), header and its newline fill a multiple of 64 bytes.
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xFFU);
  bytes += static_cast<char>(header.size() >> 8U);
  bytes += header;
  for (std::size_t i = 0; i < rows * cols; ++i) {
    const std::size_t at = fortran ? (i % rows) * cols + i / rows : i;
    char raw[sizeof(T)];
    std::memcpy(raw, &values.at(at), sizeof(T));
    bytes.append(raw, sizeof(T));
  }
  return bytes;
}

/// Values of a C-order version 1.0 file of T, row by row; throws when the header says otherwise.
template <class T>
std::vector<T> npy_values(const std::string& bytes, std::size_t rows, std::size_t cols) {
  const std::size_t length =
      static_cast<unsigned char>(bytes.at(8)) + 256U * static_cast<unsigned char>(bytes.at(9));
  const std::string header = bytes.substr(10, length);
  const auto expect = [&header](const std::string& part) {
    if (header.find(part) == std::string::npos) {
      throw std::runtime_error("no " + part + " in " + header);
    }
  };
  expect("'<f" + std::to_string(sizeof(T)) + "'");
  expect("'fortran_order': False");
  expect("(" + std::to_string(rows) + ", " + std::to_string(cols) + ")");
  std::vector<T> values(rows * cols);
  if (bytes.size() != 10 + length + rows * cols * sizeof(T)) throw std::runtime_error("wrong size");
  std::memcpy(values.data(), bytes.data() + 10 + length, rows * cols * sizeof(T));
  return values;
}

}  // namespace jb::test
