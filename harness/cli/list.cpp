// joulebench list: what is here, and why something is not.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/device_text.h"
#include "harness/cli/meter_text.h"
#include "harness/cli/output.h"
#include "harness/findings.h"
#include "harness/suite.h"
#include "models/dataset.h"
#include "models/networks/registry.h"
#include "models/onnx/onnx.h"

namespace jb::harness::cli {

namespace {

struct ListOptions {
  std::string what;
  std::string backend;
  bool json = false;
};

using Rows = std::vector<std::vector<std::string>>;

std::vector<const Backend*> chosen_backends(const ListOptions& options) {
  if (options.backend.empty()) return backends();
  return {&find_backend(options.backend)};
}

void print_json(const Json& json) { print(json.dump(2) + "\n"); }

void print_table(const std::vector<results::Column>& columns, const Rows& rows) {
  print(results::render_table(columns, rows, table_style("auto")));
}

// Long texts under a name, wrapped instead of cut.
void print_entry(const std::string& name, const std::string& text) {
  print(name + "\n" + wrap(text, terminal_width(), 4));
}

void list_backends(const ListOptions& options) {
  if (options.json) {
    Json all = Json::array();
    for (const Backend* backend : chosen_backends(options)) all.push_back(backend_json(*backend));
    return print_json(all);
  }
  for (const Backend* backend : chosen_backends(options)) {
    const BackendInfo& info = backend->info();
    const Support available = backend->available();
    std::string text = info.description;
    text += "\ndevices: " + join(preset_names(info.id)) + "; default " + info.default_device;
    if (!available.ok) text += "\nunavailable: " + available.reason;
    print_entry(fmt::format("{} ({}{})", info.id, info.kind, info.simulated ? ", simulated" : ""),
                text);
  }
}

void list_devices(const ListOptions& options) {
  Json all = Json::array();
  for (const Backend* backend : chosen_backends(options)) {
    for (const std::string& name : preset_names(backend->info().id)) {
      const DeviceSpec spec = load_device(*backend, name);
      if (options.json) {
        all.push_back(device_json(*backend, spec));
      } else {
        print_entry(
            backend->info().id + " " + name + (spec.theory_bound() ? " (theory bound)" : ""),
            spec.description());
      }
    }
  }
  if (options.json) print_json(all);
}

Json input_json(const models::InputSpec& input) {
  Json shape = Json::array();
  for (const std::int64_t size : input.dims) {
    shape.push_back(size == models::kBatch ? Json("batch") : Json(size));
  }
  return {{"name", input.name}, {"type", name_of(input.type)}, {"shape", shape}};
}

Json published_json(const models::PublishedCount& count) {
  Json json = {{"quantity", count.quantity},
               {"value", count.value},
               {"rounding_frac", count.tolerance},
               {"source", count.source}};
  if (!count.convention.empty()) json["convention"] = count.convention;
  if (count.beyond != 0) json["beyond_source"] = count.beyond;
  if (count.options.sequence > 0) json["sequence"] = count.options.sequence;
  if (count.options.table_rows > 0) json["table_rows"] = count.options.table_rows;
  return json;
}

Json network_json(const models::NetworkInfo& info, double macs, double parameters) {
  Json input = Json::array();
  for (const models::InputSpec& spec : models::network_inputs(info.name)) {
    input.push_back(input_json(spec));
  }
  Json published = Json::array();
  for (const models::PublishedCount& count : info.published) {
    published.push_back(published_json(count));
  }
  Json json = {{"name", info.name},           {"description", info.description},
               {"reference", info.reference}, {"macs", macs},
               {"parameters", parameters},    {"input", input},
               {"published", published}};
  if (info.default_sequence > 0) json["sequence"] = info.default_sequence;
  if (info.default_table_rows > 0) json["table_rows"] = info.default_table_rows;
  return json;
}

std::string input_text(const models::NetworkInfo& info) {
  std::vector<std::string> texts;
  for (const models::InputSpec& spec : models::network_inputs(info.name)) {
    Dims sample(spec.dims.begin() + 1, spec.dims.end());
    texts.push_back(fmt::format("{} {}", spec.name, to_string(sample)));
  }
  return join(texts);
}

/// Counts are those of one sample, at the default sequence length of networks over text.
void list_networks(const ListOptions& options) {
  Json all = Json::array();
  Rows rows;
  for (const std::string& name : models::network_names()) {
    const models::NetworkInfo info = models::network_info(name);
    const models::Graph graph = models::build_network(name);
    const double macs = graph.bind(1).macs();
    const double parameters = models::parameters_of(graph);
    if (options.json) all.push_back(network_json(info, macs, parameters));
    rows.push_back(
        {name, fmt::format("{:.0f}", macs), fmt::format("{:.0f}", parameters), input_text(info)});
  }
  if (options.json) return print_json(all);
  print_table({{"network"},
               {"MAC per sample", results::Align::right},
               {"parameters", results::Align::right},
               {"input of a sample"}},
              rows);
}

void list_suites(const ListOptions& options) {
  Json all = Json::array();
  for (const std::string& name : suite_names()) {
    const Suite suite = load_suite(name);
    all.push_back(
        {{"name", name}, {"description", suite.description}, {"points", suite.points.size()}});
    if (!options.json) {
      print_entry(fmt::format("{} ({} points)", name, suite.points.size()), suite.description);
    }
  }
  if (options.json) print_json(all);
}

/// Meters that are there are tested, which takes a few seconds.
void list_meters(const ListOptions& options) {
  const meter::Bench bench;
  if (options.json) return print_json(meters_json(&bench));
  for (const meter::MeterState& state : bench.states()) {
    print_entry(fmt::format("{} ({})", state.candidate.id, state.candidate.measures),
                meter_text(state));
  }
  std::set<std::string> variables;
  for (const meter::MeterState& state : bench.states()) variables.insert(state.candidate.variable);
  print(wrap(fmt::format("Environment variables that name other places: {}",
                         join(std::vector<std::string>(variables.begin(), variables.end()))),
             terminal_width()));
}

struct Format {
  const char* name;
  const char* use;
  const char* description;
};

constexpr Format kFormats[] = {
    {"table", "output", "aligned table of run, estimate and report, for terminals"},
    {"jsonl", "output, input", "records, one JSON object a line (schema joulebench/record/1)"},
    {"json", "output, input", "suites, device files, run.json, one record"},
    {"md", "output", "report: Markdown tables"},
    {"tex", "output", "report: LaTeX tables (booktabs, siunitx) and the .bib of what they cite"},
    {"csv", "output", "report: a quantity a line, or a record a line (RFC 4180)"},
    {"html", "output", "report: one file with figures and a filterable table, no network"},
    {"bmf", "output", "report: Bencher Metric Format"},
    {"gab", "output", "report: github-action-benchmark, smaller or bigger is better"},
    {"gbench", "output", "report: JSON as Google Benchmark writes it"},
    {"npy", "output, input",
     "matrices of multiply, float32 or float64, C or Fortran order; tensors of infer, any type"},
    {"onnx", "output, input", "networks: opsets 1 to 20, weights inside or beside the file"},
    {"pb", "output, input", "tensors of infer and conformance: one serialised ONNX TensorProto"},
    {"idx", "input", "image data sets (MNIST), gzipped or not"},
};

void list_formats(const ListOptions& options) {
  Json all = Json::array();
  const Support onnx = models::onnx_support();
  for (const Format& format : kFormats) {
    const bool needs_onnx =
        std::string_view(format.name) == "onnx" || std::string_view(format.name) == "pb";
    const Support support = needs_onnx ? onnx : Support::yes();
    all.push_back({{"name", format.name},
                   {"use", format.use},
                   {"description", format.description},
                   {"available", support.ok},
                   {"reason", support.reason}});
    if (!options.json) {
      std::string text = format.description;
      if (!support) text += "\nunavailable: " + support.reason;
      print_entry(fmt::format("{} ({})", format.name, format.use), text);
    }
  }
  if (options.json) print_json(all);
}

void list_shapes(const ListOptions& options) {
  Json all = Json::array();
  Rows rows;
  for (const std::string& name : shape_names()) {
    PointSpec point;
    apply_named_shape(point, name);
    const bool conv = point.op == Op::conv2d;
    const GemmShape shape = conv ? point.conv.gemm() : point.gemm;
    const double macs = conv ? point.conv.macs() : point.gemm.macs();
    const std::int64_t groups = conv ? point.conv.groups : 1;
    all.push_back({{"name", name},
                   {"op", conv ? "conv2d" : "gemm"},
                   {"m", shape.m},
                   {"n", shape.n},
                   {"k", shape.k},
                   {"groups", groups},
                   {"macs", macs}});
    rows.push_back({name, conv ? "conv2d" : "gemm",
                    fmt::format("{},{},{}", shape.m, shape.n, shape.k), fmt::format("{}", groups),
                    fmt::format("{}", macs)});
  }
  if (options.json) return print_json(all);
  print_table({{"shape"},
               {"op"},
               {"m,n,k (a group)", results::Align::right},
               {"groups", results::Align::right},
               {"MAC", results::Align::right}},
              rows);
}

struct Listing {
  const char* name;
  void (*show)(const ListOptions&);
};

constexpr Listing kListings[] = {
    {"backends", list_backends}, {"devices", list_devices}, {"networks", list_networks},
    {"suites", list_suites},     {"meters", list_meters},   {"formats", list_formats},
    {"shapes", list_shapes},
};

int list(const ListOptions& options) {
  std::vector<std::string> names;
  for (const Listing& listing : kListings) names.emplace_back(listing.name);
  if (options.what.empty()) fail_usage("list: say what to list (there are: {})", join(names));
  if (!options.backend.empty() && options.what != "devices" && options.what != "backends") {
    fail_usage("list {}: --backend goes with backends and devices", options.what);
  }
  for (const Listing& listing : kListings) {
    if (options.what != listing.name) continue;
    listing.show(options);
    return kDone;
  }
  fail_usage("list: unknown '{}'{} (there are: {})", options.what,
             did_you_mean(options.what, names), join(names));
}

}  // namespace

void add_list_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(app, "list", "what is here, and why something is not",
                            "joulebench list backends\n"
                            "joulebench list devices --backend photonic --json");
  const auto options = std::make_shared<ListOptions>();
  verb->add_option("WHAT", options->what,
                   "backends, devices, networks, suites, meters, formats or shapes");
  verb->add_option("--backend", options->backend, "only this backend")->type_name("ID");
  verb->add_flag("--json", options->json, "JSON with every field instead of text");
  verb->callback([options, &action] { action = [options] { return list(*options); }; });
}

}  // namespace jb::harness::cli
