#include "harness/io/npy.h"
#include "harness/io/tensor_io.h"
#include "tests/fuzz/input_file.h"

namespace jb::fuzz {

void read_npy(Bytes bytes) {
  if (bytes.empty()) return;
  const Bytes file = bytes.subspan(1);
  switch (bytes[0] % 3) {
    case 0: {
      const std::filesystem::path path = input_file("matrix.npy", file);
      return expect_answer([&] { static_cast<void>(harness::read_npy(path)); });
    }
    case 1: {
      const std::filesystem::path path = input_file("tensor.npy", file);
      return expect_answer([&] { static_cast<void>(harness::read_tensor(path)); });
    }
    default: {
      const std::filesystem::path path = input_file("tensor.pb", file);
      return expect_answer([&] { static_cast<void>(harness::read_tensor(path)); });
    }
  }
}

}  // namespace jb::fuzz
