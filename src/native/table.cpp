// One instruction set's table of kernels. Compiled once per instruction set.
#include "tables.hpp"

namespace zk::ZK_ISA {

void fill(Kernels& table) {
    add_gather(table);
    add_affine(table);
    add_convolve(table);
    add_correlate_pooled(table);
    add_convolve_pooled(table);
    add_gradient(table);
    add_curves(table);
    add_dropout(table);
    add_elementwise(table);
    add_layout(table);
    add_loss(table);
    add_normalize(table);
    add_optimizers(table);
    add_pack(table);
    add_pool(table);
    add_winograd(table);
    add_winograd_lines(table);
}

}  // namespace zk::ZK_ISA
