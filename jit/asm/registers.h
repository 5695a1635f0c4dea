// Machine registers by role, the same names on both CPUs.
//
//            x86-64   AArch64
//  kRet      rax      x0       result of a call; free as a temporary between calls
//  kArg0..3  rdi rsi rdx rcx   x0..x3   call arguments; free as temporaries
//  kT0..kT2  r8 r9 r10         x9..x11  temporaries, never arguments 0-3, lost at calls
//  kFrame    rbx      x19      the running function's interpreter frame
//  kThread   r12      x20      the thread's PyThreadState
//  kContext  r13      x21      the thread's ThreadContext (jit/runtime/context.h)
//  kS0..kS2  r14 r15 rbp       x22..x24 survive calls
//  kNativeStack  rsp  sp
//  kArg4     r8       x4       fifth call argument; on x86-64 another name of kT0
//
// r11 and x15..x17 belong to the macro-assembler (scratch); xmm15 and d31 likewise. On AArch64 kRet and kArg0 are the
// same register: code for both CPUs must not keep one in use while it sets the other.
#pragma once

#include <cstdint>

namespace whipsnake {

enum class Reg : uint8_t {
  kRet,
  kArg0,
  kArg1,
  kArg2,
  kArg3,
  kT0,
  kT1,
  kT2,
  kFrame,
  kThread,
  kContext,
  kS0,
  kS1,
  kS2,
  kNativeStack,
  kArg4,
  kNone,
};

enum class FReg : uint8_t { kF0, kF1, kF2, kF3, kF4, kF5, kF6, kF7 };  // xmm0..7, d0..d7; lost at calls

inline constexpr Reg kCalleeSaved[] = {Reg::kFrame, Reg::kThread, Reg::kContext, Reg::kS0, Reg::kS1, Reg::kS2};

const char* name(Reg reg);

}  // namespace whipsnake
