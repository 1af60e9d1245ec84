#include <algorithm>

#include "models/dataset.h"
#include "tests/fuzz/input_file.h"

namespace jb::fuzz {

void read_idx(Bytes bytes) {
  if (bytes.size() < 2) return;
  const std::size_t length = bytes[0] + 256U * bytes[1];
  const Bytes rest = bytes.subspan(2);
  const std::size_t cut = std::min(length, rest.size());
  const std::filesystem::path images = input_file("images", rest.first(cut));
  const std::filesystem::path labels = input_file("labels", rest.subspan(cut));
  expect_answer([&] { static_cast<void>(models::read_idx_pair(images, labels)); });
}

}  // namespace jb::fuzz
