// Generators and coroutines from compiled code: the opcode helpers that resume them. See frames.h for the ends of a
// generator's own frame (yield_value, return_generator).
#pragma once

#include "jit/runtime/op_helper.h"

namespace whipsnake {

// FOR_ITER on any iterator; top[-1] is the iterator and stays. A new reference, or kDone when exhausted (no exception),
// or null with an exception. Compiled and interpreted generators are resumed without going through their type slot.
PyObject* op_for_iter_next(PyThreadState* ts, PyObject** top, intptr_t arg);

// SEND: top[-2] is the receiver and stays, top[-1] the value sent and is consumed. Returns the yielded value, or the
// value returned by the exhausted receiver with bit 0 of the pointer set (kSendFinished), or null with an exception.
inline constexpr uintptr_t kSendFinished = 1;
PyObject* op_send(PyThreadState* ts, PyObject** top, intptr_t arg);

}  // namespace whipsnake
