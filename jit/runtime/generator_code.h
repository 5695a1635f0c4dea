// The shared machine code that suspends and resumes generators: parts of Thunks. See generators.h.
#pragma once

#include "jit/asm/masm.h"

namespace whipsnake {

// thunks.delegator: a generator's frame that another's SEND has resumed is suspended or over, what the SEND gets is in
// kRet. Goes on with the one that has delegated, the thread's current frame.
void emit_delegator(Masm& masm);

// These jump to thunks.delegator, which must be there already.
void emit_leave_delegated(Masm& masm);
void emit_finish_generator(Masm& masm);
template <int kOparg>
void emit_yield(Masm& masm);
void emit_delegate(Masm& masm);

void emit_leave_generator(Masm& masm);
void emit_resume(Masm& masm);
void emit_resume_next(Masm& masm);

}  // namespace whipsnake
