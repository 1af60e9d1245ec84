#include "models/onnx/messages.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

#include "backends/core/error.h"

namespace jb::models::onnx_io {
namespace {

namespace fs = std::filesystem;
using google::protobuf::internal::WireFormatLite;

// Numbers of the fields that are looked into (onnx.proto).
constexpr int kModelGraph = 7;
constexpr int kGraphNode = 1;
constexpr int kGraphInitializer = 5;
constexpr int kNodeAttribute = 5;
constexpr int kAttributeTensor = 5;
constexpr int kTensorFloats = 4;
constexpr int kTensorRaw = 9;
constexpr int kTensorDoubles = 10;

/// Appends a field with bytes to a message in the making.
void append_field(std::string& message, int field, const std::string& bytes) {
  google::protobuf::io::StringOutputStream stream(&message);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  out.WriteVarint32(static_cast<std::uint32_t>(bytes.size()));
  out.WriteString(bytes);
}

/// Walks through a file of nested messages. Each function below reads one message of `length` bytes
/// and gives it back as text without what it took out.
class Walk {
 public:
  explicit Walk(const fs::path& path) : name_(path.string()) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      fail_usage("'{}' is no readable file: give the path of an ONNX file", name_);
    }
    const std::uintmax_t size = fs::file_size(path, error);
    if (error) fail_usage("cannot read '{}': {}", name_, error.message());
    if (size == 0) fail_usage("'{}' is empty", name_);
    if (size > static_cast<std::uintmax_t>(std::numeric_limits<int>::max())) {
      fail_usage(
          "'{}' has {} bytes and protobuf takes less than 2 GB: store its initialisers as external "
          "data",
          name_, size);
    }
    size_ = static_cast<std::uint32_t>(size);
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_usage("cannot open '{}': check its permissions", name_);
    file_ = std::make_unique<google::protobuf::io::FileInputStream>(descriptor, kBuffer);
    file_->SetCloseOnDelete(true);
    refuse_pointer_file();
    in_ = std::make_unique<google::protobuf::io::CodedInputStream>(file_.get());
    in_->SetTotalBytesLimit(std::numeric_limits<int>::max());
  }

  ModelMessage model() {
    ModelMessage result;
    bool graph = false;
    const std::string rest = each_field(size_, [&](int field, std::string& kept) {
      if (field != kModelGraph) return false;
      if (std::exchange(graph, true)) malformed("it holds two graphs");
      append_field(kept, field, graph_message(length(), result));
      return true;
    });
    parse(result.proto, rest, "model");
    if (!graph) fail_usage("'{}' is no ONNX model: it holds no graph", name_);
    return result;
  }

  TensorMessage tensor() {
    TensorMessage result;
    parse(result.proto, tensor_message(size_, result.payload), "tensor");
    return result;
  }

 private:
  static constexpr int kBuffer = 1 << 16;  // bytes read at once

  [[noreturn]] void malformed(std::string_view why) const {
    fail_usage("'{}' is malformed or truncated near byte {}: {}", name_, in_->CurrentPosition(),
               why);
  }

  /// Repositories keep large files elsewhere and leave a few lines of text in their place.
  void refuse_pointer_file() {
    constexpr std::string_view kPointer = "version https://git-lfs";
    const void* data = nullptr;
    int bytes = 0;
    if (!file_->Next(&data, &bytes)) fail_usage("cannot read '{}'", name_);
    const std::string_view start(static_cast<const char*>(data), static_cast<std::size_t>(bytes));
    if (start.substr(0, kPointer.size()) == kPointer) {
      fail_usage("'{}' is a git-LFS pointer instead of the file: fetch it with 'git lfs pull'",
                 name_);
    }
    file_->BackUp(bytes);
  }

  /// The length that stands before nested bytes, not longer than what is left of the message.
  std::uint32_t length() {
    std::uint32_t value = 0;
    if (!in_->ReadVarint32(&value) || value > static_cast<std::uint32_t>(in_->BytesUntilLimit())) {
      malformed("a length points beyond the end");
    }
    return value;
  }

  /// Hands each field with nested bytes to `take`, which says whether it read it; all others are
  /// copied.
  template <class Take>
  std::string each_field(std::uint32_t bytes, Take take) {
    std::string kept;
    const auto outer = in_->PushLimit(static_cast<int>(bytes));
    while (const std::uint32_t tag = in_->ReadTag()) {
      const bool nested =
          WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
      if (nested && take(WireFormatLite::GetTagFieldNumber(tag), kept)) continue;
      google::protobuf::io::StringOutputStream stream(&kept);
      google::protobuf::io::CodedOutputStream out(&stream);
      if (!WireFormatLite::SkipField(in_.get(), tag, &out)) malformed("a field cannot be read");
    }
    if (!in_->ConsumedEntireMessage() || in_->BytesUntilLimit() != 0) {
      malformed("a message ends inside a field");
    }
    in_->PopLimit(outer);
    return kept;
  }

  std::string graph_message(std::uint32_t bytes, ModelMessage& model) {
    return each_field(bytes, [&](int field, std::string& /*kept*/) {
      if (field == kGraphInitializer) {
        TensorMessage& tensor = model.initializers.emplace_back();
        parse(tensor.proto, tensor_message(length(), tensor.payload), "initialiser");
        return true;
      }
      if (field == kGraphNode) {
        NodeMessage& node = model.nodes.emplace_back();
        parse(node.proto, node_message(length(), node), "node");
        return true;
      }
      return false;
    });
  }

  std::string node_message(std::uint32_t bytes, NodeMessage& node) {
    return each_field(bytes, [&](int field, std::string& kept) {
      if (field != kNodeAttribute) return false;
      Payload& payload = node.payloads.emplace_back();
      append_field(kept, field, attribute_message(length(), payload));
      return true;
    });
  }

  std::string attribute_message(std::uint32_t bytes, Payload& payload) {
    return each_field(bytes, [&](int field, std::string& kept) {
      if (field != kAttributeTensor) return false;
      append_field(kept, field, tensor_message(length(), payload));
      return true;
    });
  }

  std::string tensor_message(std::uint32_t bytes, Payload& payload) {
    return each_field(bytes, [&](int field, std::string& /*kept*/) {
      if (field != kTensorFloats && field != kTensorRaw && field != kTensorDoubles) return false;
      if (payload.field != 0) malformed("a tensor has its elements twice");
      payload.field = field;
      payload.bytes = Tensor(DataType::u8, {static_cast<std::int64_t>(length())});
      if (!in_->ReadRaw(payload.bytes.mutable_raw(), static_cast<int>(payload.bytes.size()))) {
        malformed("the elements of a tensor are cut off");
      }
      return true;
    });
  }

  template <class Message>
  void parse(Message& message, const std::string& text, std::string_view what) const {
    if (!message.ParseFromString(text)) {
      malformed(fmt::format("the {} before it is no valid message", what));
    }
  }

  std::string name_;
  std::uint32_t size_ = 0;
  std::unique_ptr<google::protobuf::io::FileInputStream> file_;
  std::unique_ptr<google::protobuf::io::CodedInputStream> in_;
};

}  // namespace

ModelMessage read_model_message(const fs::path& path) { return Walk(path).model(); }

TensorMessage read_tensor_message(const fs::path& path) { return Walk(path).tensor(); }

std::string shown(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string text(name.substr(0, kMost));
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '?';
  }
  return name.size() > kMost ? text + "..." : text;
}

}  // namespace jb::models::onnx_io
