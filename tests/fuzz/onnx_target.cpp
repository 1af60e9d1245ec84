#include "models/onnx/onnx.h"
#include "tests/fuzz/input_file.h"

namespace jb::fuzz {

void read_onnx(Bytes bytes) {
  const std::filesystem::path path = input_file("model.onnx", bytes);
  expect_answer([&] { static_cast<void>(models::load_onnx(path).bind(1)); });
}

}  // namespace jb::fuzz
