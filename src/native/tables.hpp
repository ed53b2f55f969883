// Each file of kernels fills its part of the table by one function.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "kernels.hpp"

namespace zk::ZK_ISA {

void add_gather(Kernels& table);
void add_affine(Kernels& table);
void add_convolve(Kernels& table);
void add_correlate_pooled(Kernels& table);
void add_convolve_pooled(Kernels& table);
void add_gradient(Kernels& table);
void add_curves(Kernels& table);
void add_dropout(Kernels& table);
void add_elementwise(Kernels& table);
void add_layout(Kernels& table);
void add_loss(Kernels& table);
void add_normalize(Kernels& table);
void add_optimizers(Kernels& table);
void add_pack(Kernels& table);
void add_pool(Kernels& table);
void add_winograd(Kernels& table);
void add_winograd_lines(Kernels& table);

}  // namespace zk::ZK_ISA
