// What the files of the extension module share.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "multiversion.h"

namespace appkit {

// "" for the best. Throws std::invalid_argument for one that this machine lacks.
InstructionSet find_instruction_set(const std::string& name);

void bind_training(nanobind::module_& m);

}  // namespace appkit
