#pragma once
// MACs of a sample and parameters of the networks of the list, worked out by hand.

namespace jb::test {

struct NetworkCounts {
  const char* name;
  double macs;
  double parameters;
};

// Worked out by hand from the papers' tables (convolutions: positions x filters x k^2 x channels),
// equal to what fvcore (torchvision's networks) and the authors' checkpoints give.
//   transformers: n = 128 tokens a side, 6 (3 (4 n d^2 + 2 n^2 d) + 4 n d f) + 37000 n d
//   bert, gpt2: n = 128: layers (12 n d^2 + 2 n^2 d), + d^2 (pooler) or + n d 50257 (output)
//   dlrm: 170496 + 27^2 128 + 2194688
inline constexpr NetworkCounts kNetworkCounts[] = {
    {"mlp-784-100-10", 79400, 79510},
    {"mlp-784-1000-1000-10", 1794000, 1796010},
    {"lenet5", 416520, 61706},
    {"alexnet", 724406816, 60965224},
    {"vgg16", 15470264320, 138357544},
    {"resnet18", 1814073344, 11689512},
    {"resnet50", 4089184256, 25557032},
    {"mobilenet-v2", 300774272, 3504872},
    {"bert-base", 11174215680, 109482240},
    {"gpt2", 16114089984, 124439808},
    {"gpt2-xl", 201552896000, 1557611200},
    {"transformer-base", 8363966464, 63045632},
    {"transformer-big", 28002222080, 0},
    {"elmo", 128.0 * 102131712, 93666400},
    {"dlrm", 2458496, 0},
};

}  // namespace jb::test
