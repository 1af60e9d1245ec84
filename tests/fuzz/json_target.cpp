#include <string_view>

#include "backends/backend.h"
#include "backends/core/json_file.h"
#include "harness/suite.h"
#include "results/record.h"
#include "tests/fuzz/input_file.h"

namespace jb::fuzz {

void read_json(Bytes bytes) {
  if (bytes.empty()) return;
  const Bytes file = bytes.subspan(1);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  switch (bytes[0] % 3) {
    case 0:
      return expect_answer([&] {
        static_cast<void>(results::record_from_json(parse_json(text, "record"), "record"));
      });
    case 1:
      return expect_answer(
          [&] { static_cast<void>(harness::suite_from_json(parse_json(text, "suite"), "suite")); });
    default: {
      // A device file says which backend it is for; one that is of no backend fits none.
      const std::filesystem::path path = input_file("device.json", file);
      for (const Backend* backend : backends()) {
        expect_answer([&] {
          const DeviceSpec spec = load_device(*backend, path.string());
          if (backend->available()) static_cast<void>(backend->open(spec, {}));
        });
      }
    }
  }
}

}  // namespace jb::fuzz
