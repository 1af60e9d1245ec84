#pragma once
// A network whose layers follow each other in analog: the charge of each detector passes through an
// electronic rectifier straight into the modulator of the next layer, without ADC, DAC or memory
// between them, as the original proposal has it (R. Hamerly et al., PRX 9, 021032 (2019), Sec. II).
//
// The first layer's inputs come from memory through DACs, the last layer's outputs go through the
// ADC; weights are modulated from memory in every layer. Between layers:
//   D' = max(D + bias + noise, 0),  field of the next modulator = min(D' / D_full, 1)
// with D_full = analog.kappa times the rms of independent elements (as the ADC's full scale). A
// bias is injected as charge through a DAC. Nothing rescales a row once it has left the digital
// side, so n_mac of inner layers is an average over data that fill 1 / analog.kappa^2 of full
// power, which is what the laser is paid for.
//
// It takes chains of fully connected layers and rectifiers. Partial sums are digital, so each layer
// must fit one integration.

#include <memory>

#include "backends/backend.h"
#include "backends/photonic/homodyne_plan.h"

namespace jb::photonic {

/// Usage error naming the node that cannot follow in analog, and why.
std::unique_ptr<Executable> compile_analog(Device& device, HomodyneMachine& machine,
                                           const GraphView& graph, const CompileOptions& options);

}  // namespace jb::photonic
