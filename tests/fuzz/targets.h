#pragma once
// Readers of files from outside, each as a function of bytes. Whatever the bytes are, it returns: a
// refusal as a usage error is what most of them get. Anything else (another error, a crash, a hang,
// a large allocation) is a defect. libFuzzer calls them (libfuzzer_entry.cpp), and so does the test
// that replays the corpora (tests/unit/fuzz_corpus_test.cpp).

#include <cstddef>
#include <cstdint>
#include <span>

namespace jb::fuzz {

using Bytes = std::span<const std::uint8_t>;

void read_onnx(Bytes bytes);  ///< a model, bound to a batch of 1
void read_npy(Bytes bytes);   ///< first byte: matrix, tensor or TensorProto; then the file
void read_idx(Bytes bytes);   ///< two bytes with the length of the images; images; labels
void read_json(Bytes bytes);  ///< first byte: record, suite or device file; then the text

}  // namespace jb::fuzz
