#include "backends/onednn/network/step.h"

#include <algorithm>
#include <utility>

#include "backends/host/kernels.h"

namespace jb::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

// oneDNN's handles have no const; sources are only read through them.
void* handle_of(const void* data) { return const_cast<void*>(data); }

/// The value's elements in the layout of `feed`; `keep` owns memory made for that.
dnnl::memory feed_memory(Run& run, const Feed& feed, std::shared_ptr<const void>& keep) {
  Live& live = run.value(feed.value);
  if (!feed.reorder) {
    const void* data = live.data;
    if (data == nullptr) {
      keep = std::make_shared<Tensor>(plain_tensor(run, feed.value, feed.from));
      data = live.data;
    }
    return {feed.seen_as, run.engine, handle_of(data)};
  }
  if (live.data == nullptr) (void)plain_tensor(run, feed.value, feed.from);
  const std::shared_ptr<void> made = run.pool.take(feed.to.get_size());
  dnnl::memory from(feed.from, run.engine, handle_of(live.data));
  dnnl::memory to(feed.to, run.engine, made.get());
  dnnl::reorder(feed.reorder).execute(run.stream, from, to);
  keep = made;
  return {feed.seen_as, run.engine, made.get()};
}

}  // namespace

dnnl::memory::desc plain_layout(const Dims& dims, dnnl::memory::data_type type) {
  dnnl::memory::dims strides(dims.size());
  dnnl::memory::dim stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<std::int64_t>(1, dims[i]);
  }
  if (dims.empty()) return {{1}, type, dnnl::memory::dims{1}};
  return {dims, type, strides};
}

HeldOperand::HeldOperand(std::function<dnnl::memory()> make, bool keep) : make_(std::move(make)) {
  if (keep) {
    kept_ = make_();
    make_ = nullptr;
  }
}

Tensor plain_tensor(Run& run, int index, const dnnl::memory::desc& layout) {
  Live& live = run.value(index);
  if (live.plain.raw() != nullptr) return live.plain;
  const ValueView& value = run.graph.value(index);
  if (value.is_constant) {
    live.plain = run.constant(index);
    live.data = live.plain.raw();
    return live.plain;
  }
  const auto plain = value.type == DataType::f32 && value.dims.size() <= DNNL_MAX_NDIMS
                         ? plain_layout(value.dims)
                         : layout;
  if (plain == layout) {
    live.plain = Tensor::alias(value.type, value.dims, live.data, live.owner);
    return live.plain;
  }
  const std::shared_ptr<void> made = run.pool.take(plain.get_size());
  dnnl::memory from(layout, run.engine, handle_of(live.data));
  dnnl::memory to(plain, run.engine, made.get());
  dnnl::reorder(from, to).execute(run.stream, from, to);
  run.stream.wait();
  live.plain = Tensor::alias(value.type, value.dims, made.get(), made);
  return live.plain;
}

PrimitiveStep::PrimitiveStep(int node, std::vector<int> outputs, dnnl::primitive primitive,
                             const dnnl::memory::desc& result, std::string implementation)
    : Step(node, std::move(outputs)),
      primitive_(std::move(primitive)),
      result_(result),
      implementation_(std::move(implementation)) {}

std::vector<int> PrimitiveStep::reads() const {
  std::vector<int> values;
  for (const Given& given : given_) values.push_back(given.feed.value);
  if (residual_.value != kAbsent) values.push_back(residual_.value);
  return values;
}

std::shared_ptr<const void> PrimitiveStep::result_memory(Run& run) {
  if (residual_.value == kAbsent) return run.pool.take(result_.get_size());
  Live& live = run.value(residual_.value);
  const bool ended = std::find(ended_.begin(), ended_.end(), residual_.value) != ended_.end();
  const bool is_source = std::any_of(given_.begin(), given_.end(), [&](const Given& given) {
    return given.feed.value == residual_.value;
  });
  if (ended && !is_source && !residual_.reorder && live.pooled && live.plain.raw() == nullptr &&
      live.owner.use_count() == 1) {
    return live.owner;
  }
  if (residual_.reorder) {
    std::shared_ptr<const void> keep;
    (void)feed_memory(run, residual_, keep);
    return keep;
  }
  std::shared_ptr<const void> unused;
  dnnl::memory from = feed_memory(run, residual_, unused);
  const std::shared_ptr<void> made = run.pool.take(result_.get_size());
  dnnl::memory to(result_, run.engine, made.get());
  dnnl::reorder(from, to).execute(run.stream, from, to);
  return made;
}

void PrimitiveStep::execute(Run& run) {
  std::vector<std::shared_ptr<const void>> kept(given_.size());
  std::vector<dnnl::memory> memories;
  std::vector<dnnl_exec_arg_t> arguments;
  memories.reserve(given_.size() + held_.size() + 1);
  const auto pass = [&](int argument, dnnl::memory memory) {
    memories.push_back(std::move(memory));
    arguments.push_back({argument, memories.back().get()});
  };
  for (std::size_t i = 0; i < given_.size(); ++i) {
    pass(given_[i].argument, feed_memory(run, given_[i].feed, kept[i]));
  }
  for (const Held& held : held_) pass(held.argument, held.operand->get());
  const std::shared_ptr<const void> result = result_memory(run);
  pass(DNNL_ARG_DST, {result_, run.engine, handle_of(result.get())});
  // The C interface takes the arguments as an array; the C++ one would build a map per call.
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), run.stream.get(), static_cast<int>(arguments.size()),
                             arguments.data()),
      "could not execute");
  run.stream.wait();
  Live& live = run.value(outputs()[0]);
  live.clear();
  live.data = result.get();
  live.owner = result;
  live.pooled = true;
}

HostStep::HostStep(const NodeView& node, int index, std::vector<dnnl::memory::desc> layouts,
                   MakeRunner make_runner)
    : Step(index, node.outputs),
      view_(node),
      layouts_(std::move(layouts)),
      make_runner_(std::move(make_runner)) {}

std::vector<int> HostStep::reads() const {
  std::vector<int> values;
  for (const int input : view_.inputs) {
    if (input != kAbsent) values.push_back(input);
  }
  return values;
}

void HostStep::execute(Run& run) {
  const auto runner = make_runner_ ? make_runner_() : nullptr;
  std::vector<Tensor> tensors(view_.inputs.size());
  std::vector<const Tensor*> inputs;
  for (std::size_t i = 0; i < view_.inputs.size(); ++i) {
    if (view_.inputs[i] == kAbsent) {
      inputs.push_back(nullptr);
      continue;
    }
    if (runner != nullptr && runner->holds(i)) {
      inputs.push_back(nullptr);
      continue;
    }
    tensors[i] = plain_tensor(run, view_.inputs[i], layouts_[i]);
    inputs.push_back(&tensors[i]);
  }
  Execution ignored;  // the program counts
  PeripheryWork work;
  std::vector<Tensor> results = runner != nullptr ? runner->run(inputs, run.draw, ignored, work)
                                                  : host::run_kernel(view_, inputs);
  for (std::size_t o = 0; o < outputs().size(); ++o) {
    if (outputs()[o] == kAbsent) continue;
    Live& live = run.value(outputs()[o]);
    live.clear();
    live.plain = std::move(results.at(o));
    live.data = live.plain.raw();
  }
}

}  // namespace jb::onednn
