#include "jit/asm/masm.h"

// Which back-ends this build links. Without a choice by the build, the one for the machine compiled for.
#if !defined(WHIPSNAKE_HAVE_X64) && !defined(WHIPSNAKE_HAVE_A64)
#if defined(__x86_64__)
#define WHIPSNAKE_HAVE_X64 1
#elif defined(__aarch64__)
#define WHIPSNAKE_HAVE_A64 1
#endif
#endif

namespace whipsnake {

const char* name(Reg reg) {
  switch (reg) {
    case Reg::kRet: return "ret";
    case Reg::kArg0: return "arg0";
    case Reg::kArg1: return "arg1";
    case Reg::kArg2: return "arg2";
    case Reg::kArg3: return "arg3";
    case Reg::kT0: return "t0";
    case Reg::kT1: return "t1";
    case Reg::kT2: return "t2";
    case Reg::kFrame: return "frame";
    case Reg::kThread: return "thread";
    case Reg::kContext: return "context";
    case Reg::kS0: return "s0";
    case Reg::kS1: return "s1";
    case Reg::kS2: return "s2";
    case Reg::kNativeStack: return "sp";
    case Reg::kArg4: return "arg4";
    case Reg::kNone: return "none";
  }
  return "?";
}

Cond negate(Cond cond) {
  switch (cond) {
    case Cond::kEqual: return Cond::kNotEqual;
    case Cond::kNotEqual: return Cond::kEqual;
    case Cond::kLess: return Cond::kGreaterEqual;
    case Cond::kLessEqual: return Cond::kGreater;
    case Cond::kGreater: return Cond::kLessEqual;
    case Cond::kGreaterEqual: return Cond::kLess;
    case Cond::kBelow: return Cond::kAboveEqual;
    case Cond::kBelowEqual: return Cond::kAbove;
    case Cond::kAbove: return Cond::kBelowEqual;
    case Cond::kAboveEqual: return Cond::kBelow;
    case Cond::kOverflow: return Cond::kNoOverflow;
    case Cond::kNoOverflow: return Cond::kOverflow;
    case Cond::kSign: return Cond::kNotSign;
    case Cond::kNotSign: return Cond::kSign;
    // The only two float conditions that are each other's negation whatever the operands.
    case Cond::kFEqual: return Cond::kFNotEqual;
    case Cond::kFNotEqual: return Cond::kFEqual;
    default: return cond;  // outside the contract
  }
}

std::unique_ptr<Masm> make_masm(Cpu cpu, NearRange near) {
  switch (cpu) {
    case Cpu::kX64:
#if defined(WHIPSNAKE_HAVE_X64)
      return make_masm_x64(near);
#else
      return nullptr;
#endif
    case Cpu::kA64:
#if defined(WHIPSNAKE_HAVE_A64)
      return make_masm_a64(near);
#else
      return nullptr;
#endif
  }
  return nullptr;
}

}  // namespace whipsnake
