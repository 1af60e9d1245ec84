// Models that must be refused: malformed, truncated, cyclic, oversized, hostile, unsupported. Each
// in one sentence that names the node or value and the reason.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "models/onnx/onnx.h"
#include "models/onnx/tensor_file.h"
#include "tests/support/onnx_model.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

namespace fs = std::filesystem;

OnnxModel good_model() {
  OnnxModel model;
  model.input("x", {2, 3}).floats("w", {3}, {1, 2, 3});
  model.node("Add", "sum", {"x", "w"}, {"y"});
  model.node("Relu", "rectify", {"y"}, {"z"});
  model.output("z");
  return model;
}

std::string refusal_of(const OnnxModel& model) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.onnx";
  model.save(path);
  return refusal([&] { static_cast<void>(models::load_onnx(path).bind(1)); });
}

std::string refusal_of_bytes(const std::string& bytes) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.onnx";
  std::ofstream(path, std::ios::binary) << bytes;
  return refusal([&] { models::load_onnx(path); });
}

struct BadModel {
  const char* name;
  std::function<void(OnnxModel&)> spoil;
  std::vector<std::string> words;  ///< of the refusal
};

void set_first_dim(OnnxModel& model, std::int64_t size) {
  model.graph()
      .mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(size);
}

const std::vector<BadModel>& bad_models() {
  using Model = OnnxModel;
  static const std::vector<BadModel> cases = {
      {"Cycle", [](Model& m) { m.graph().mutable_node(0)->set_input(1, "z"); }, {"sum", "cycle"}},
      {"NodeThatNeedsItself",
       [](Model& m) { m.graph().mutable_node(1)->set_input(0, "z"); },
       {"rectify", "cycle"}},
      {"UndefinedInput",
       [](Model& m) { m.graph().mutable_node(0)->set_input(1, "nothing"); },
       {"sum", "nothing", "given by no node"}},
      {"MissingInitialiser",
       [](Model& m) { m.graph().clear_initializer(); },
       {"sum", "'w'", "initialiser"}},
      {"UndefinedOutput",
       [](Model& m) { m.graph().mutable_output(0)->set_name("nothing"); },
       {"output 'nothing'"}},
      {"NoOutput", [](Model& m) { m.graph().clear_output(); }, {"no output"}},
      {"TwoNodesOfOneName",
       [](Model& m) { m.graph().mutable_node(1)->set_name("sum"); },
       {"two nodes", "sum"}},
      {"TwoValuesOfOneName",
       [](Model& m) { m.graph().mutable_node(1)->set_output(0, "y"); },
       {"rectify", "'y'", "another value"}},
      {"OutputNamedLikeAnInput",
       [](Model& m) { m.graph().mutable_node(0)->set_output(0, "x"); },
       {"sum", "'x'", "another value"}},
      {"TwoInitialisersOfOneName",
       [](Model& m) { m.floats("w", {1}, {0}); },
       {"'w'", "two values"}},
      {"InitialiserWithoutName",
       [](Model& m) { m.graph().mutable_initializer(0)->clear_name(); },
       {"no name"}},
      {"UnknownOperator",
       [](Model& m) { m.graph().mutable_node(1)->set_op_type("Hardmaxx"); },
       {"rectify", "Hardmaxx", "not supported"}},
      {"SubgraphOperator",
       [](Model& m) { m.graph().mutable_node(1)->set_op_type("Loop"); },
       {"rectify", "Loop", "not supported"}},
      {"OtherDomain",
       [](Model& m) { m.graph().mutable_node(1)->set_domain("com.microsoft"); },
       {"rectify", "com.microsoft"}},
      {"MachineLearningDomain",
       [](Model& m) { m.graph().mutable_node(1)->set_domain("ai.onnx.ml"); },
       {"rectify", "ai.onnx.ml"}},
      {"OpsetTooNew",
       [](Model& m) { m.proto.mutable_opset_import(0)->set_version(21); },
       {"opset 21", "1 to 20"}},
      {"NoOpset", [](Model& m) { m.proto.clear_opset_import(); }, {"opset 0"}},
      {"IrTooNew", [](Model& m) { m.proto.set_ir_version(99); }, {"IR version 99"}},
      {"NoIr", [](Model& m) { m.proto.clear_ir_version(); }, {"no ONNX model"}},
      {"OperatorNewerThanOpset",
       [](Model& m) { m.graph().mutable_node(1)->set_op_type("Gelu"); },
       {"rectify", "Gelu", "opset 20"}},
      {"UnknownAttribute",
       [](Model& m) { attribute(*m.graph().mutable_node(1), "colour", std::int64_t{1}); },
       {"rectify", "colour"}},
      {"AttributeOfWrongType",
       [](Model& m) {
         m.graph().mutable_node(1)->set_op_type("LeakyRelu");
         attribute(*m.graph().mutable_node(1), "alpha", "much");
       },
       {"rectify", "alpha", "STRING"}},
      {"AttributeTwice",
       [](Model& m) {
         m.graph().mutable_node(1)->set_op_type("LeakyRelu");
         attribute(*m.graph().mutable_node(1), "alpha", 0.1F);
         attribute(*m.graph().mutable_node(1), "alpha", 0.2F);
       },
       {"rectify", "alpha", "twice"}},
      {"AttributeThatIsNoNumber",
       [](Model& m) {
         m.graph().mutable_node(1)->set_op_type("LeakyRelu");
         attribute(*m.graph().mutable_node(1), "alpha", std::nanf(""));
       },
       {"rectify", "alpha", "NaN"}},
      {"OutputTwice",
       [](Model& m) { *m.graph().add_output() = m.graph().output(0); },
       {"output", "twice"}},
      {"TwoOpsets",
       [](Model& m) {
         auto* other = m.proto.add_opset_import();
         other->set_version(m.proto.opset_import(0).version() - 1);
       },
       {"two opsets"}},
      {"TooManyInputs",
       [](Model& m) { m.graph().mutable_node(1)->add_input("x"); },
       {"rectify", "2 inputs"}},
      {"TooFewInputs",
       [](Model& m) { m.graph().mutable_node(0)->mutable_input()->RemoveLast(); },
       {"sum", "1 inputs"}},
      {"RequiredInputAbsent",
       [](Model& m) { m.graph().mutable_node(0)->set_input(0, ""); },
       {"sum", "not optional"}},
      {"TooManyOutputs",
       [](Model& m) { m.graph().mutable_node(1)->add_output("more"); },
       {"rectify", "2 outputs"}},
      {"NegativeSize", [](Model& m) { set_first_dim(m, -2); }, {"input 'x'", "negative"}},
      {"SizesOverflow",
       [](Model& m) { set_first_dim(m, std::int64_t{1} << 62U); },
       {"input 'x'", "2^46"}},
      {"SizesDoNotFit",
       [](Model& m) {
         m.graph().mutable_initializer(0)->set_dims(0, 2);
         m.graph().mutable_initializer(0)->mutable_float_data()->RemoveLast();
       },
       {"sum"}},
      {"InitialiserTooShort",
       [](Model& m) { m.graph().mutable_initializer(0)->set_dims(0, 4); },
       {"initialiser 'w'", "4"}},
      {"InitialiserOfNegativeSize",
       [](Model& m) { m.graph().mutable_initializer(0)->set_dims(0, -3); },
       {"initialiser 'w'", "negative"}},
      {"InitialiserSizesOverflow",
       [](Model& m) {
         m.graph().mutable_initializer(0)->set_dims(0, std::int64_t{1} << 40U);
         m.graph().mutable_initializer(0)->add_dims(std::int64_t{1} << 40U);
       },
       {"initialiser 'w'", "2^46"}},
      {"ElementsInTwoPlaces",
       [](Model& m) { m.graph().mutable_initializer(0)->set_raw_data(std::string(12, '\0')); },
       {"twice"}},
      {"ElementsOfAnotherType",
       [](Model& m) {
         m.graph().mutable_initializer(0)->set_data_type(::onnx::TensorProto::INT32);
       },
       {"initialiser 'w'", "another type"}},
      {"RawDataOfWrongLength",
       [](Model& m) {
         m.graph().mutable_initializer(0)->clear_float_data();
         m.graph().mutable_initializer(0)->set_raw_data(std::string(11, '\0'));
       },
       {"initialiser 'w'", "11 bytes"}},
      {"TextElements",
       [](Model& m) {
         m.graph().mutable_initializer(0)->clear_float_data();
         m.graph().mutable_initializer(0)->set_data_type(::onnx::TensorProto::STRING);
       },
       {"initialiser 'w'", "STRING", "not supported"}},
      {"TypeOfNoNumber",
       [](Model& m) { m.graph().mutable_initializer(0)->set_data_type(1234); },
       {"initialiser 'w'", "1234"}},
      {"SparseInitialiser", [](Model& m) { m.graph().add_sparse_initializer(); }, {"sparse"}},
      {"SequenceInput",
       [](Model& m) { m.graph().mutable_input(0)->mutable_type()->mutable_sequence_type(); },
       {"input 'x'", "no tensor"}},
      {"OpenSizeInTheMiddle",
       [](Model& m) {
         m.graph()
             .mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(1)
             ->set_dim_param("length");
       },
       {"input 'x'", "length"}},
      {"NameWithControlCharacters",
       [](Model& m) { m.graph().mutable_node(1)->set_name("a\x1b[31m"); },
       {"node name", "printable"}},
      {"StrideOfZero",
       [](Model& m) {
         m.graph().mutable_node(1)->set_op_type("MaxPool");
         attribute(*m.graph().mutable_node(1), "kernel_shape", std::vector<std::int64_t>{1});
         attribute(*m.graph().mutable_node(1), "strides", std::vector<std::int64_t>{0});
       },
       {"rectify", "strides"}},
      {"PoolWithoutKernel",
       [](Model& m) { m.graph().mutable_node(1)->set_op_type("MaxPool"); },
       {"rectify", "kernel_shape"}},
      {"TrainingForm",
       [](Model& m) {
         m.floats("one", {1}, {1});
         ::onnx::NodeProto& node = *m.graph().mutable_node(1);
         node.set_op_type("BatchNormalization");
         for (int i = 0; i < 4; ++i) node.add_input("one");
         attribute(node, "training_mode", std::int64_t{1});
       },
       {"rectify", "training"}},
      {"HugeResult",
       [](Model& m) {
         m.integers("shape", {std::int64_t{1} << 30U, std::int64_t{1} << 30U});
         ::onnx::NodeProto& node = *m.graph().mutable_node(1);
         node.set_op_type("Expand");
         node.add_input("shape");
       },
       {"rectify"}},
  };
  return cases;
}

class HostileModel : public ::testing::TestWithParam<BadModel> {};

TEST_P(HostileModel, IsRefusedInOneSentence) {
  OnnxModel model = good_model();
  GetParam().spoil(model);
  const std::string text = refusal_of(model);
  for (const std::string& word : GetParam().words) {
    EXPECT_NE(text.find(word), std::string::npos) << text << "\nlacks: " << word;
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostileModel, ::testing::ValuesIn(bad_models()),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(OnnxHostile, TheModelThatIsSpoiltIsGood) {
  const TempFolder folder;
  good_model().save(folder.path() / "model.onnx");
  EXPECT_EQ(models::load_onnx(folder.path() / "model.onnx").nodes().size(), 2U);
}

TEST(OnnxHostile, FilesThatAreNoModel) {
  EXPECT_NE(refusal_of_bytes("").find("empty"), std::string::npos);
  EXPECT_NE(refusal_of_bytes("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
                .find("git-LFS pointer"),
            std::string::npos);
  refusal_of_bytes("this is no protobuf message at all, not even nearly");
  refusal_of_bytes(std::string(4096, '\xff'));
  refusal_of_bytes(std::string(4096, '\0'));
  EXPECT_NE(refusal([] { models::load_onnx("/no/such/file.onnx"); }).find("no readable file"),
            std::string::npos);
  EXPECT_NE(refusal([] { models::load_onnx("/tmp"); }).find("no readable file"), std::string::npos);
}

TEST(OnnxHostile, EveryTruncationIsRefusedOrStillAWholeModel) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.onnx";
  const std::string bytes = good_model().proto.SerializeAsString();
  int refused = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    try {
      models::load_onnx(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
      ++refused;
    }
  }
  // Only cuts between fields of the model itself leave a message, and one without its opset.
  EXPECT_GE(refused, static_cast<int>(bytes.size()) - 2);
}

TEST(OnnxHostile, EveryChangedByteIsRefusedOrAccepted) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.onnx";
  const std::string bytes = good_model().proto.SerializeAsString();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char with : {'\0', '\x7f', '\xff'}) {
      std::string changed = bytes;
      changed[i] = with;
      std::ofstream(path, std::ios::binary) << changed;
      try {
        static_cast<void>(models::load_onnx(path).bind(1));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::usage) << "byte " << i << ": " << error.what();
      }
    }
  }
}

// A length of 2 GB in a file of 20 bytes must not become an allocation of 2 GB.
TEST(OnnxHostile, LyingLengthsAllocateNothing) {
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  const std::string huge = "\xff\xff\xff\xff\x07";  // 2^31 - 1
  refusal_of_bytes("\x08\x08\x3a" + huge + "\x2a" + huge + "\x4a" + huge);
  refusal_of_bytes("\x08\x08\x3a\x0c\x2a\x0a\x08\x01\x10\x01\x4a" + huge);
  refusal_of_bytes("\x08\x08\x12" + huge);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024);  // kB
}

TEST(OnnxHostile, FileBeyondProtobufsLimitIsRefusedUnread) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.onnx";
  std::ofstream(path) << "x";
  fs::resize_file(path, std::uintmax_t{1} << 31U);  // sparse: takes no room
  const std::string text = refusal([&] { models::load_onnx(path); });
  EXPECT_NE(text.find("2 GB"), std::string::npos) << text;
}

// ---- external data

struct ExternalCase {
  const char* name;
  std::vector<std::pair<std::string, std::string>> entries;
  const char* word;  ///< of the refusal
};

class ExternalData : public ::testing::TestWithParam<ExternalCase> {};

OnnxModel external_model(const std::vector<std::pair<std::string, std::string>>& entries) {
  OnnxModel model = good_model();
  ::onnx::TensorProto& tensor = *model.graph().mutable_initializer(0);
  tensor.clear_float_data();
  tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : entries) {
    ::onnx::StringStringEntryProto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  return model;
}

void put_weights(const fs::path& path) {
  const float values[4] = {9, 1, 2, 3};
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values), sizeof(values));
}

TEST_P(ExternalData, IsRefused) {
  const TempFolder folder;
  fs::create_directories(folder.path() / "model" / "deeper");
  put_weights(folder.path() / "outside.bin");
  put_weights(folder.path() / "model" / "inside.bin");
  fs::create_symlink(folder.path() / "outside.bin", folder.path() / "model" / "link.bin");
  fs::create_directory_symlink(folder.path(), folder.path() / "model" / "up");
  external_model(GetParam().entries).save(folder.path() / "model" / "model.onnx");
  const std::string text =
      refusal([&] { models::load_onnx(folder.path() / "model" / "model.onnx"); });
  EXPECT_NE(text.find("initialiser 'w'"), std::string::npos) << text;
  EXPECT_NE(text.find(GetParam().word), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    All, ExternalData,
    ::testing::Values(
        ExternalCase{"Absolute", {{"location", "/etc/hostname"}}, "inside the model's folder"},
        ExternalCase{"Climbs", {{"location", "../outside.bin"}}, "inside the model's folder"},
        ExternalCase{"ClimbsFromBelow",
                     {{"location", "deeper/../../outside.bin"}},
                     "inside the model's folder"},
        ExternalCase{"LinkOut", {{"location", "link.bin"}}, "out of the model's folder"},
        ExternalCase{"LinkedFolderOut", {{"location", "up/outside.bin"}}, "out of the model's"},
        ExternalCase{"Missing", {{"location", "nothing.bin"}}, "not there"},
        ExternalCase{"Folder", {{"location", "deeper"}}, "not there"},
        ExternalCase{"NoLocation", {{"offset", "0"}}, "a path"},
        ExternalCase{"OffsetBeyond", {{"location", "inside.bin"}, {"offset", "100"}}, "cut off"},
        ExternalCase{"LengthBeyond", {{"location", "inside.bin"}, {"length", "100"}}, "cut off"},
        ExternalCase{
            "SumOverflows",
            {{"location", "inside.bin"}, {"offset", "12"}, {"length", "9223372036854775807"}},
            "cut off"},
        ExternalCase{"NegativeOffset", {{"location", "inside.bin"}, {"offset", "-4"}}, "no size"},
        ExternalCase{"OffsetOfWords", {{"location", "inside.bin"}, {"offset", "four"}}, "no size"},
        ExternalCase{
            "LengthOfOtherSizes", {{"location", "inside.bin"}, {"length", "8"}}, "8 bytes"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(OnnxExternalData, InsideTheFolderIsRead) {
  const TempFolder folder;
  put_weights(folder.path() / "inside.bin");
  external_model({{"location", "inside.bin"}, {"offset", "4"}, {"length", "12"}})
      .save(folder.path() / "model.onnx");
  const models::Graph graph = models::load_onnx(folder.path() / "model.onnx");
  const Tensor weights = graph.values().at(0).constant.value();
  EXPECT_EQ(std::vector<float>(weights.as<float>().begin(), weights.as<float>().end()),
            (std::vector<float>{1, 2, 3}));
}

// Large external data are read when asked for; a file that shrank meanwhile is refused, not read.
TEST(OnnxExternalData, FileThatShrinksAfterwardsIsRefused) {
  const TempFolder folder;
  constexpr std::int64_t kElements = 1 << 16;
  std::ofstream(folder.path() / "large.bin", std::ios::binary)
      << std::string(kElements * sizeof(float), '\0');
  OnnxModel model = external_model({{"location", "large.bin"}});
  model.graph().mutable_initializer(0)->set_dims(0, kElements);
  model.save(folder.path() / "model.onnx");
  const models::Graph graph = models::load_onnx(folder.path() / "model.onnx");
  const ValueView& weights = graph.values().at(0);
  EXPECT_TRUE(weights.constant.made_on_demand());
  EXPECT_EQ(weights.constant.value().size(), kElements);
  fs::resize_file(folder.path() / "large.bin", 100);
  const std::string text = refusal([&] { static_cast<void>(weights.constant.value()); });
  EXPECT_NE(text.find("cannot be read"), std::string::npos) << text;
}

TEST(OnnxTensorFile, HostileTensorsAreRefused) {
  const TempFolder folder;
  const fs::path path = folder.path() / "t.pb";
  std::ofstream(path, std::ios::binary) << "no tensor";
  refusal([&] { models::read_tensor_proto(path); });
  ::onnx::TensorProto proto;
  proto.set_data_type(::onnx::TensorProto::BOOL);
  proto.add_dims(2);
  proto.set_raw_data(std::string("\x01\x02", 2));
  std::ofstream(path, std::ios::binary) << proto.SerializeAsString();
  EXPECT_NE(refusal([&] { models::read_tensor_proto(path); }).find("bool"), std::string::npos);
  proto.clear_raw_data();
  proto.set_data_type(::onnx::TensorProto::UINT8);
  proto.add_int32_data(1);
  proto.add_int32_data(256);
  std::ofstream(path, std::ios::binary) << proto.SerializeAsString();
  EXPECT_NE(refusal([&] { models::read_tensor_proto(path); }).find("256"), std::string::npos);
}

}  // namespace
}  // namespace jb::test
