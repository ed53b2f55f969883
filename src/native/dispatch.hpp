// The choice between the instruction sets that the kernels were compiled for.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace zk {

// One compiled copy of the kernels.
struct Isa {
    const char* name;
    Kernels kernels;
};

// The copies that this machine can run, the plainest first and the best last; never empty.
const std::vector<Isa>& isas();

// The copy in use: the best one, until `use_isa` chooses another.
const Isa& isa();

// Chooses by name; std::invalid_argument when this machine cannot run it. A kernel that is running
// goes on in the copy that it started in.
void use_isa(const std::string& name);

}  // namespace zk
