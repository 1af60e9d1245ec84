// Every mistake: one sentence on stderr that says what is wrong, the right exit code, nothing
// written.

#include <gtest/gtest.h>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

struct Mistake {
  std::vector<std::string> arguments;
  const char* says;
  int exit_code = 2;
};

std::string text_of(const Mistake& mistake) {
  std::string text = "joulebench";
  for (const std::string& word : mistake.arguments) text += " " + word;
  return text;
}

void expect_refused(const std::vector<Mistake>& mistakes) {
  const TempFolder folder;
  CommandOptions options;
  options.folder = folder.path();
  for (const Mistake& mistake : mistakes) {
    const CommandResult result = joulebench(mistake.arguments, options);
    EXPECT_EQ(result.exit_code, mistake.exit_code) << text_of(mistake) << "\n" << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << text_of(mistake) << "\n" << result.err;
    EXPECT_EQ(result.err.rfind("joulebench: ", 0), 0U) << result.err;
    EXPECT_NE(result.err.find(mistake.says), std::string::npos) << text_of(mistake) << "\n"
                                                                << result.err;
    EXPECT_EQ(result.out, "") << text_of(mistake);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << text_of(mistake) << " wrote a file";
  }
}

TEST(BadInput, VerbsAndFlags) {
  expect_refused({
      {{}, "no verb given"},
      {{"rum"}, "did you mean 'run'"},
      {{"help"}, "see 'joulebench --help'"},
      {{"run", ""}, "SUITE: the value is empty"},
      {{"run", "--gemm", "2,2,2", "-o", ""}, "--output: the value is empty"},
      {{"explain", "--device", ""}, "--device: the value is empty"},
      {{"--verison"}, "did you mean '--version'"},
      {{"run", "--bakcend", "crossbar"}, "did you mean '--backend'"},
      {{"run", "--gemm=1,2,3", "--sede=1"}, "did you mean '--seed'"},
      {{"run", "--gemm"}, "--gemm needs a value"},
      {{"run", "--seed", "1", "--seed", "2"}, "--seed is given twice"},
      {{"run", "--mop", "conv*=crossbar"}, "unknown flag '--mop', did you mean '--map'"},
      {{"run", "--map", "conv*=crossbar"}, "--map goes with --network"},
      {{"list"}, "backends"},
      {{"list", "backend"}, "did you mean 'backends'"},
      {{"list", "backends", "devices"}, "unexpected argument 'devices'"},
      {{"list", "networks", "--backend", "crossbar"}, "--backend"},
      {{"multiply"}, "argument A is missing; see 'joulebench multiply --help'"},
      {{"multiply", "A.npy", "B.npy", "--gemm", "1,2,3"}, "unknown flag '--gemm'"},
      {{"compare", "only-one"}, "NEW"},
      {{"explain"}, "name a record"},
  });
}

TEST(BadInput, BackendsDevicesAndParameters) {
  expect_refused({
      {{"run", "--backend", "crosbar", "--gemm", "2,2,2"}, "did you mean 'crossbar'"},
      {{"run", "--backend", "crossbar,", "--gemm", "2,2,2"}, "empty value"},
      {{"run", "--backend", "", "--gemm", "2,2,2"}, "--backend"},
      {{"run", "--backend", "crossbar", "--device", "pcm-hermse", "--gemm", "2,2,2"},
       "did you mean 'pcm-hermes'"},
      {{"run", "--backend", "crossbar", "--device", "tpu-v1", "--gemm", "2,2,2"},
       "a device of systolic"},
      {{"run", "--device", "ideal", "--gemm", "2,2,2"}, "say which with --backend"},
      {{"run", "--device", "no-such-thing", "--gemm", "2,2,2"}, "unknown device"},
      {{"run", "--device", "missing.json", "--gemm", "2,2,2"}, "missing.json"},
      {{"run", "--backend", "photonic", "--set", "n_mca=5", "--gemm", "2,2,2"},
       "did you mean 'n_mac'"},
      {{"run", "--backend", "photonic", "--set", "n_mac=-5", "--gemm", "2,2,2"}, "n_mac"},
      {{"run", "--backend", "photonic", "--set", "n_mac=nan", "--gemm", "2,2,2"}, "n_mac"},
      {{"run", "--backend", "photonic", "--set", "n_mac", "--gemm", "2,2,2"}, "key=value"},
      {{"run", "--gemm", "2,2,2", "--backend", "photonic", "--set", "eta=1", "--set", "eta=0.5"},
       "--set eta is given twice"},
      {{"run", "--gemm", "2,2,2", "--backend", "photonic", "--set", "eta=1", "-a", "eta=0.5,1"},
       "--set eta=1 is given too"},
      {{"run", "--backend", "cross\x1b[31mbar\n", "--gemm", "2,2,2"}, "cross [31mbar "},
      {{"run", "--backend", "systolic", "--set", "dataflow=sideways", "--gemm", "2,2,2"},
       "dataflow"},
      {{"run", "--backend", "crossbar", "--precision", "u8s9", "--gemm", "2,2,2"},
       "did you mean 'u8s8'"},
      {{"run", "--backend", "crossbar", "--calibrate", "gcd", "--gemm", "2,2,2"}, "gdc"},
      {{"explain", "--device", "pcm-hermse"}, "did you mean 'pcm-hermes'"},
      {{"list", "devices", "--backend", "photnic"}, "did you mean 'photonic'"},
  });
}

TEST(BadInput, SizesAndNumbers) {
  const auto gemm = [](const std::string& sizes) {
    return std::vector<std::string>{"run", "--backend", "photonic", "--gemm", sizes};
  };
  const auto with = [](const std::string& flag, const std::string& value) {
    return std::vector<std::string>{"run", "--backend", "photonic", "--gemm", "2,2,2", flag, value};
  };
  expect_refused({
      {gemm("0,2,2"), "--gemm"},
      {gemm("-1,2,2"), "--gemm"},
      {gemm("2,2"), "m,n,k"},
      {gemm("2,2,2,2"), "m,n,k"},
      {gemm("2,,2"), "empty value"},
      {gemm("a,b,c"), "not a whole number"},
      {gemm("1.5,2,2"), "not a whole number"},
      {gemm("99999999999999999999,2,2"), "not a whole number"},
      {gemm("9223372036854775807,9223372036854775807,2"), "--gemm"},
      {{"run", "--conv", "1,3,8,8,4"}, "--conv"},
      {{"run", "--conv", "1,3,2,2,4,5,5"}, "--conv"},
      {{"run", "--conv", "1,3,8,8,4,3,3,1,1,1,2"}, "--conv"},
      {{"run", "--shape", "alexnet-conv9"}, "did you mean 'alexnet-conv"},
      {with("--seed", "-1"), "--seed"},
      {with("--seed", "1.5"), "--seed"},
      {with("--seed", "18446744073709551616"), "--seed"},
      {with("--age", "nan"), "--age"},
      {with("--age", "-1"), "--age"},
      {with("--age", "inf"), "--age"},
      {with("--since-calibration", "-2"), "--since-calibration"},
      {with("--temperature", "-300"), "--temperature"},
      {with("--instances", "0"), "--instances"},
      {with("--instances", "99999999999"), "--instances"},
      {with("--threads", "0"), "--threads"},
      {with("--threads", "-2"), "--threads"},
      {with("--dist", "gaussian"), "distribution"},
      {with("--dist", "sparse:1.5"), "sparse"},
      {with("--dynamic", "nowhere"), "--dynamic"},
      {with("--progress", "loud"), "--progress"},
      {with("--color", "blue"), "--color"},
  });
}

TEST(BadInput, AxesAndSelections) {
  const auto axis = [](const std::string& text) {
    return std::vector<std::string>{"run", "--backend", "photonic", "--gemm", "2,2,2", "-a", text};
  };
  expect_refused({
      {axis("m"), "name=values"},
      {axis("=1,2"), "name=values"},
      {axis("m=1,,2"), "empty value"},
      {axis("m=4:2:1"), "ends below its start"},
      {axis("m=1:4:0"), "step"},
      {axis("m=1:1000000000:1"), "more than"},
      {axis("m[pow2]=1:99:1"), "exponents"},
      {axis("m[log]=0:10:3"), "above zero"},
      {axis("m[cube]=1:2:3"), "unknown kind"},
      {axis("n_mca=1,2"), "did you mean 'n_mac'"},
      {axis("backend=crossbar"), "given"},
      {{"run", "--gemm", "2,2,2", "-a", "m=1,2", "--zip", "m,n"}, "no axis 'n'"},
      {{"run", "--gemm", "2,2,2", "-a", "m=1,2", "-a", "n=1,2,3", "--zip", "m,n"}, "equally long"},
      {{"run", "--gemm", "2,2,2", "--filter", "("}, "regular expression"},
      {{"run", "--gemm", "2,2,2", "--filter", "nothing-like-it"}, "matches none"},
      {{"run", "--gemm", "2,2,2", "--shape", "gemm-1024"}, "different workloads"},
      {{"run", "--gemm", "2,2,2", "--batch", "5"}, "--batch goes with --network"},
      {{"run", "--gemm", "2,2,2", "--map", "*=crossbar"}, "--map goes with --network"},
      {{"run", "--gemm", "2,2,2", "--dynamic", "digital"}, "--dynamic digital goes with --network"},
      {{"run", "--gemm", "2,2,2", "--onnx", "m.onnx"}, "different workloads"},
      {{"run", "--onnx", "missing.onnx"}, "missing.onnx"},
      {{"run", "--gemm", "2,2,2", "--dataset", "mnist"}, "--dataset goes with --network"},
      {{"run", "--gemm", "2,2,2", "-a", "batch=1,2"}, "--batch goes with --network"},
      {{"run", "--network", "mlp-784-100-10", "--dist", "uniform"}, "--dist goes with --gemm"},
  });
}

TEST(BadInput, FilesAndFolders) {
  expect_refused({
      {{"run", "missing.json"}, "missing.json"},
      {{"run", "defualt"}, "did you mean 'default'"},
      {{"run", "default", "--gemm", "2,2,2"}, "a suite names its own workloads"},
      {{"run", "--backend", "photonic", "--gemm", "2,2,2", "-o", "/proc/no-such-folder/out"},
       "/proc/no-such-folder"},
      {{"run", "--network", "mlp-784-100-1"}, "mlp-784-100-10"},
      {{"run", "--network", "lenet"}, "unknown network"},
      {{"run", "--network", "mlp-784-100-10", "--map", "fc1"}, "'fc1' is not PATTERN=BACKEND"},
      {{"run", "--network", "mlp-784-100-10", "--map", "*=crosbar"}, "did you mean 'crossbar'"},
      {{"run", "--network", "mlp-784-100-10", "--map", "*=crossbar:pcm"}, "unknown device 'pcm'"},
      {{"run", "--network", "mlp-784-100-10", "--map", "fc1=crossbar"}, "leaves node 'fc2'"},
      {{"run", "--network", "mlp-784-100-10", "--map", "conv*=crossbar,*=photonic"},
       "'conv*' matches no linear node"},
      {{"run", "--network", "mlp-784-100-10", "--map", "*=crossbar", "--backend", "photonic"},
       "no node left"},
      {{"run", "--network", "mlp-784-100-10", "--map", "fc1=crossbar,fc1=photonic"}, "given twice"},
      {{"run", "--network", "mlp-784-100-10", "--map", "*=crossbar", "--set", "n_mac=3"},
       "no machine of --map"},
      {{"run", "--network", "mlp-784-100-10", "--dataset", "minst"}, "did you mean 'mnist'"},
      {{"run", "--network", "mlp-784-100-10", "--dataset", "mnist"}, "mnist"},
      {{"run", "--network", "mlp-784-100-10", "--dataset", "mnist", "--data", "missing"},
       "missing"},
      {{"run", "--network", "mlp-784-100-10", "--data", "missing"}, "--dataset"},
      {{"multiply", "missing.npy", "missing.npy"}, "missing.npy"},
      {{"compare", "missing", "missing"}, "missing"},
      {{"compare", "missing", "missing", "--gate", "modle"}, "did you mean 'model'"},
      {{"validate", "missing"}, "missing"},
      {{"explain", "missing"}, "missing"},
      {{"estimate", "--gemm", "2,2,2", "--stats", "missing"}, "missing"},
  });
}

TEST(BadInput, MalformedFilesNameTheFile) {
  const TempFolder folder;
  CommandOptions options;
  options.folder = folder.path();
  write_file((folder.path() / "bad.json").string(), "{\"schema\": ");
  write_file((folder.path() / "twice.json").string(), "{\"a\": 1, \"a\": 2}");
  write_file((folder.path() / "other.json").string(), "{\"schema\": \"something/else/1\"}");
  write_file((folder.path() / "records.jsonl").string(),
             "{\"schema\": \"joulebench/record/1\"}\n[]\n");
  write_file((folder.path() / "nul.json").string(), std::string("{}\0{}", 5));
  write_file((folder.path() / "huge.json").string(), "{\"n\": 1e999}");
  const auto suite = [](const std::string& name, const std::string& target) {
    return R"({"schema": "joulebench/suite/1", "name": ")" + name +
           R"(", "points": [{"op": "gemm", "gemm": [[2, 2, 2]], "targets": [{)" + target + "}]}]}";
  };
  write_file((folder.path() / "backend.json").string(), suite("x", R"("backend": "refrence")"));
  write_file((folder.path() / "age.json").string(),
             suite("x", R"("backend": "crossbar", "age_s": -1)"));
  write_file((folder.path() / "escape.json").string(),
             suite("\\u001b[31m", R"("backend": "reference")"));
  const std::vector<Mistake> mistakes = {
      {{"run", "bad.json"}, "bad.json"},
      {{"run", "twice.json"}, "twice.json"},
      {{"run", "other.json"}, "other.json"},
      {{"run", "nul.json"}, "NUL byte"},
      {{"run", "huge.json"}, "not valid JSON: number overflow"},
      {{"run", "backend.json"}, "targets[0]: unknown backend 'refrence', did you mean 'reference'"},
      {{"run", "age.json"}, "age.json, points[0], targets[0]: --age must lie between"},
      {{"run", "escape.json"}, "'name' must not hold control characters"},
      {{"run", "--backend", "crossbar", "--device", "bad.json", "--gemm", "2,2,2"}, "bad.json"},
      {{"run", "--device", "other.json", "--gemm", "2,2,2"}, "other.json"},
      {{"explain", "records.jsonl"}, "records.jsonl"},
      {{"validate", "records.jsonl"}, "records.jsonl"},
      {{"compare", "records.jsonl", "records.jsonl"}, "records.jsonl"},
  };
  for (const Mistake& mistake : mistakes) {
    const CommandResult result = joulebench(mistake.arguments, options);
    EXPECT_EQ(result.exit_code, 2) << text_of(mistake) << result.err;
    EXPECT_NE(result.err.find(mistake.says), std::string::npos) << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace jb::test
