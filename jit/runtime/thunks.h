// The shared code into and out of compiled functions. Their convention: called with a return address on the native
// stack and kFrame, kThread and kContext set, they keep kThread and kContext, return with kFrame as the caller's frame,
// and preserve no other register.
#pragma once

#include "jit/asm/masm.h"
#include "jit/runtime/context.h"

namespace whipsnake {

struct ResumeCache;

// Machine code made once per heap. Null pointers until make_thunks() succeeded.
struct Thunks {
  PyObject* (*run)(PyThreadState*, Frame*, ThreadContext*, const void* target) = nullptr;
  const uint8_t* exit = nullptr;         // jumped to with kT0 = Site*
  const uint8_t* slow = nullptr;         // called with kT0 = Site*; result in kRet
  const uint8_t* slow_failed = nullptr;  // jumped to by code that a site has called, when the helper of
                                         // ThreadContext::failed_site has failed
  const uint8_t* check = nullptr;        // called with kT0 = Site* by builds that check themselves, else null
  const uint8_t* leave = nullptr;        // returns ThreadContext::exit_result to compiled code's caller
  const uint8_t* finish = nullptr;  // jumped to with kT0 = a function (thread, frame, kArg2, context) that finishes or
                                    // suspends the frame; returns what that returns
  // The same for frames that belong to generators: whoever resumed them asks who listens.
  const uint8_t* leave_generator = nullptr;
  const uint8_t* finish_generator = nullptr;
  const uint8_t* yield[2] = {};     // jumped to by YIELD_VALUE (oparg 0 and 1) with the owned value in kArg2, stack and
                                    // stacktop stored, and the position behind the instruction
  const uint8_t* resume = nullptr;  // called to resume a generator; see ResumeCache
  // The same from C++: resumes with None.
  PyObject* (*resume_next)(PyThreadState*, PyGenObject*, ThreadContext*, ResumeCache*) = nullptr;
  // Generators that delegate to others; see generators.h.
  const uint8_t* delegate = nullptr;   // jumped to by SEND
  const uint8_t* delegator = nullptr;  // jumped to with the result of a generator resumed by that, in kRet, kFrame
                                       // = the frame that waits for it
  const uint8_t* leave_delegated = nullptr;  // leave_generator for one that was resumed by that
  // Calls of Python functions; see calls.h. By the operand of CALL; the last takes it in kT1.
  static constexpr int kCalls = 5;
  const uint8_t* call[kCalls + 1] = {};
  const uint8_t* call_generic = nullptr;
  const uint8_t* take_general = nullptr;  // the `take` of functions whose arguments C++ binds
  const uint8_t* begin_kw = nullptr;      // called with kArg1 = top, kArg2 = the KeywordSite
  const uint8_t* begin_ex = nullptr;
};
extern Thunks thunks;

class CodeHeap;
bool make_thunks(CodeHeap& heap);

// Calls the function in kT0 that finishes or suspends the frame; see Thunks::finish.
void emit_call_finish(Masm& masm);

// The frame is finished, its result in kRet: back to the caller, which must not go on if somebody began to listen.
void emit_returned(Masm& masm);

// Jumps to `refused` unless a frame may be entered by machine code here and now: native stack, recursion limit, and
// nobody else's frame evaluator (PEP 523). Clobbers kT2.
void check_may_enter(Masm& masm, Label refused);

}  // namespace whipsnake
