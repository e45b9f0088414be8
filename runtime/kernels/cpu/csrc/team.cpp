#include "team.h"

#include <dlfcn.h>

namespace appkit {

// GOMP_parallel is what `#pragma omp parallel` compiles to with GCC; LLVM's and Intel's libraries offer it too.
Team::Team(int num_threads, InstructionSet instruction_set)
    : num_threads_(num_threads),
      instruction_set_(instruction_set),
      parallel_(reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"))) {
  if (parallel_ == nullptr) pool_ = std::make_unique<ThreadPool>(num_threads);
}

}  // namespace appkit
