// One source, several instruction sets: how a kernel is compiled for each and chosen when the library is loaded.
//
// A kernel is a template over its vector width, always inlined into one small function an instruction set, which
// carries a target attribute. All of them do the same float32 operations in the same order, without fused
// multiply-add, so the choice changes speed and never a bit. Targets are attributes of functions, not flags of files:
// a shared inline function can then never be linked in a version that the machine lacks.
#pragma once

#define APPKIT_INLINE __attribute__((always_inline)) inline

#if defined(__x86_64__)
#define APPKIT_TARGET_AVX2 __attribute__((target("avx2")))
#define APPKIT_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define APPKIT_TARGET_AVX2
#define APPKIT_TARGET_AVX512
#endif

namespace appkit {

enum class InstructionSet { kPortable, kAvx2, kAvx512 };

inline constexpr InstructionSet kInstructionSets[] = {InstructionSet::kAvx512, InstructionSet::kAvx2,
                                                      InstructionSet::kPortable};  // best first

inline const char* name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx2:
      return "avx2";
    default:
      return "portable";
  }
}

// Whether this machine and its operating system run `set`.
inline bool is_supported(InstructionSet set) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  switch (set) {
    case InstructionSet::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2");
    default:
      return true;
  }
#else
  return set == InstructionSet::kPortable;
#endif
}

// A kernel's versions; `select` gives the one for an instruction set.
template <class Function>
struct Versions {
  Function portable;
  Function avx2;
  Function avx512;

  Function select(InstructionSet set) const {
    switch (set) {
      case InstructionSet::kAvx512:
        return avx512;
      case InstructionSet::kAvx2:
        return avx2;
      default:
        return portable;
    }
  }
};

}  // namespace appkit
