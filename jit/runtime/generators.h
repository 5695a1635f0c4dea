// Generators and coroutines from compiled code: the opcode helpers that resume them. See frames.h for the ends of a
// generator's own frame (yield_value, return_generator).
#pragma once

#include "jit/runtime/code_record.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake {

// FOR_ITER on any iterator; top[-1] is the iterator and stays. A new reference, or kDone when exhausted (no exception),
// or null with an exception. Compiled and interpreted generators are resumed without going through their type slot.
PyObject* op_for_iter_next(PyThreadState* ts, PyObject** top, intptr_t arg);

// SEND: top[-2] is the receiver and stays, top[-1] the value sent and is consumed. Returns the yielded value, or the
// value returned by the exhausted receiver with bit 0 of the pointer set (kSendFinished), or null with an exception.
inline constexpr uintptr_t kSendFinished = 1;
PyObject* op_send(PyThreadState* ts, PyObject** top, intptr_t arg);

// A place that resumes generators or coroutines, mostly those of one code object. The machine code calls
// thunks.resume with kT0 = the cache, kArg1 = the generator, which is resumable (its state is below FRAME_EXECUTING),
// and kArg2 = the value sent, stolen. Result: the value yielded or returned (the generator's state tells which), or
// null with an exception. kS0 to kS2 are lost. Who listens must be asked behind it.
struct ResumeCache {
  CodeLink link;
  CodeUnit* instructions;   // of the code object
  const uint32_t* offsets;  // where its machine code goes on, by instruction; 0: nowhere
  const uint8_t* machine_code;
};

// What thunks.resume passes on: resumes in whatever way there is, and learns.
PyObject* resume_uncached(PyThreadState* ts, PyGenObject* gen, PyObject* value, ResumeCache* cache);

}  // namespace whipsnake
