// Is every gradient of a convolutional network on a device the gradient, and does the network that
// comes out give what the trainer saw?

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/error.h"
#include "backends/core/random.h"
#include "harness/float_network.h"
#include "models/training/backend_trainer.h"
#include "models/training/trainable.h"

namespace jb::models {
namespace {

std::unique_ptr<Device> open(const std::string& id, const std::string& preset) {
  const Backend& backend = find_backend(id);
  return backend.open(load_device(backend, preset), DeviceInstance{1, 0, {}});
}

Matrix<float> normals(std::int64_t rows, std::int64_t cols, const char* what) {
  Matrix<float> out(rows, cols);
  const RandomStream stream(5, 0, tag_of(what), 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals({&out(i, 0), static_cast<std::size_t>(cols)}, i, 0, 0);
  }
  return out;
}

double dot(const Matrix<float>& a, const Matrix<float>& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
  }
  return sum;
}

ConvShape odd_shape() {
  ConvShape shape;
  shape.in_channels = 3;
  shape.height = 9;
  shape.width = 8;
  shape.out_channels = 4;
  shape.kernel_h = 3;
  shape.kernel_w = 2;
  shape.stride = 2;
  shape.pad = 1;
  shape.dilation = 2;
  return shape;
}

// <lower(x), r> = <x, raise(r)> and so on: sums of at most 1,000 products of order 1 in float, good
// to 1e-4 of their size.
TEST(ConvStage, GradientsAreAdjoints) {
  for (const bool average : {true, false}) {
    // Windows of pooling that overlap, and columns that none of them reaches.
    const ConvStage stage(odd_shape(), {average, 2, 1});
    const std::int64_t samples = 3;
    const std::int64_t rows = samples * stage.positions();
    const std::int64_t k = stage.shape().gemm().k;
    const Matrix<float> x = normals(samples, stage.input_size(), "x");
    Matrix<float> lowered(rows, k);
    stage.lower(x.view(), lowered.view());
    const Matrix<float> r = normals(rows, k, "r");
    Matrix<float> raised(samples, stage.input_size());
    stage.raise(r.view(), raised.view());
    EXPECT_NEAR(dot(lowered, r), dot(x, raised), 1e-3);
    EXPECT_GT(std::abs(dot(lowered, r)), 1e-2);

    const Matrix<float> maps = normals(samples, stage.map_size(), "maps");
    Matrix<float> by_position(rows, stage.shape().out_channels);
    stage.to_rows(maps.view(), by_position.view());
    EXPECT_EQ(by_position(1, 2), maps(0, 2 * stage.positions() + 1));
    Matrix<float> back(samples, stage.map_size());
    stage.to_maps(by_position.view(), back.view());
    EXPECT_EQ(dot(back, back), dot(maps, maps));

    Matrix<float> pooled(samples, stage.output_size());
    stage.pool(maps.view(), pooled.view());
    const Matrix<float> p = normals(samples, stage.output_size(), "p");
    Matrix<float> gradient(samples, stage.map_size());
    stage.unpool(p.view(), maps.view(), gradient.view());
    // Pooling is linear in its maps (the largest: as long as it stays where it is).
    EXPECT_NEAR(dot(pooled, p), dot(maps, gradient), 1e-4);
  }
}

LabelledImages digits(std::int64_t count) {
  static const Dataset data = synthetic_digits();
  LabelledImages some;
  some.height = data.train.height;
  some.width = data.train.width;
  some.images = copy_as<float>(
      ConstMatrixRef(data.train.images.view().block(0, 0, count, data.train.images.cols())));
  some.labels.assign(data.train.labels.begin(), data.train.labels.begin() + count);
  return some;
}

std::vector<std::int64_t> first_samples(std::int64_t count) {
  std::vector<std::int64_t> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), std::int64_t{0});
  return samples;
}

/// Logits in float64 by the graph, which knows nothing of the trainer's stages.
std::vector<double> logits_f64(const TrainableNetwork& network, const LabelledImages& data) {
  const std::int64_t count = data.images.rows();
  Tensor input(DataType::f32, {count, 1, 28, 28});
  std::copy_n(data.images.data(), data.images.size(), input.as_mutable<float>().begin());
  const Tensor logits = harness::run_in_float64(network.graph().bind(count), {input}).at(0);
  return {logits.as<double>().begin(), logits.as<double>().end()};
}

double loss_f64(const TrainableNetwork& network, const LabelledImages& data) {
  const std::vector<double> logits = logits_f64(network, data);
  double total = 0;
  for (std::size_t s = 0; s < data.labels.size(); ++s) {
    double sum = 0;
    for (std::size_t c = 0; c < 10; ++c) sum += std::exp(logits[s * 10 + c]);
    total += std::log(sum) - logits[s * 10 + data.labels[s]];
  }
  return total / static_cast<double>(data.labels.size());
}

// Plain SGD with rate 1 moves a parameter by minus its gradient, which central differences of the
// float64 loss give too, with an error of h^2 = 1e-6 times the third derivative, and where a ReLU
// changes its mind within h, of h times its slope's change; a float weight of order 0.1 holds the
// change to 1e-8.
TEST(ConvTraining, StepIsTheGradientByFiniteDifferences) {
  const LabelledImages data = digits(6);
  const TrainableNetwork start("lenet5", 3);
  ASSERT_EQ(start.layers().size(), 5U);
  for (const auto& [id, alternating] : {std::pair{"reference", false},
                                        {"onednn", false},
                                        {"crossbar", false},
                                        {"photonic", true}}) {
    const Backend& backend = find_backend(id);
    if (!backend.available()) continue;
    const auto device = open(id, backend.info().ideal_device.empty() ? backend.info().default_device
                                                                     : backend.info().ideal_device);
    TrainableNetwork moved = start;
    BackendTrainOptions options;
    options.optimizer = OptimizerKind::sgd;
    options.batch = 6;
    options.alternating = alternating;
    BackendTrainer trainer(*device, moved, options);
    EXPECT_NEAR(trainer.step(data, first_samples(6), 1.0), loss_f64(start, data), 1e-4) << id;
    // Logical MACs of 6 images: three products a layer, less the first one's input gradient.
    const double forward = 6 * 416520.0;
    EXPECT_EQ(trainer.counts().macs[0], forward) << id;
    EXPECT_EQ(trainer.counts().macs[1], forward - 6 * 117600.0) << id;
    EXPECT_EQ(trainer.counts().macs[2], forward) << id;
    for (std::size_t l = 0; l < start.layers().size(); ++l) {
      double largest = 0;
      double worst = 0;
      const std::int64_t size = start.layers()[l].weights.size();
      for (std::int64_t i = 0; i < size; i += size / 7) {
        TrainableNetwork shifted = start;
        float& w = shifted.layers()[l].weights.data()[i];
        const float middle = w;
        w = middle + 1e-3F;
        const auto up = static_cast<double>(w);
        const double above = loss_f64(shifted, data);
        w = middle - 1e-3F;
        const double gradient = (above - loss_f64(shifted, data)) / (up - static_cast<double>(w));
        const double change =
            static_cast<double>(moved.layers()[l].weights.data()[i]) - static_cast<double>(middle);
        worst = std::max(worst, std::abs(change + gradient));
        largest = std::max(largest, std::abs(gradient));
      }
      EXPECT_GT(largest, 1e-4) << "the comparison is of something";
      EXPECT_LT(worst, 1e-5 + 0.02 * largest) << id << " layer " << l;
    }
  }
}

// The graph that is written out gives the trainer's own logits, and a few hundred steps on the
// machines with their noise learn what is there to learn.
TEST(ConvTraining, NetworkLearnsOnEveryKindOfMachine) {
  const LabelledImages data = digits(1500);
  const LabelledImages few = digits(200);
  for (const auto& [id, preset, least] : {std::tuple{"onednn", "host", 0.85},
                                          {"photonic", "photonic-2025", 0.75},
                                          {"crossbar", "pcm-hermes", 0.6}}) {
    const Backend& backend = find_backend(id);
    if (!backend.available()) continue;
    const auto device = open(id, preset);
    TrainableNetwork network("lenet5", 1);
    BackendTrainOptions options;
    options.batch = 50;
    options.alternating = std::string(id) == "photonic";
    BackendTrainer trainer(*device, network, options);
    SampleOrder order(data.images.rows(), 1);
    const int epochs = 3;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      const std::vector<std::int64_t>& samples = order.shuffled(epoch);
      for (std::size_t first = 0; first < samples.size(); first += 50) {
        (void)trainer.step(data, std::span(samples).subspan(first, 50), 2e-3);
      }
    }
    const Matrix<float> own = trainer.logits(few.images.view(), std::uint64_t{1} << 40U);
    EXPECT_GT(accuracy(argmax_rows(own.view()), few.labels), least) << id;
    const Matrix<float> in_float = forward(network, few.images.view());
    const std::vector<double> exact = logits_f64(network, few);
    double error = 0;
    double size = 0;
    for (std::int64_t i = 0; i < in_float.size(); ++i) {
      const double there = exact[static_cast<std::size_t>(i)];
      error += std::pow(static_cast<double>(in_float.data()[i]) - there, 2);
      size += there * there;
    }
    EXPECT_LT(std::sqrt(error / size), 1e-5) << id;
  }
}

TEST(ConvTraining, NetworksThatAreNoChainAreRefused) {
  for (const char* name : {"resnet18", "mobilenet-v2", "bert-base"}) {
    try {
      const TrainableNetwork network(name, 1);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      const std::string text = error.what();
      EXPECT_NE(text.find(name), std::string::npos) << text;
      const bool one_chain = text.find("node '") != std::string::npos;
      EXPECT_TRUE(one_chain || text.find("inputs") != std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace jb::models
