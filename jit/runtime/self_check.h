// Self-checks: a build for tests (CMake: WHIPSNAKE_SELF_CHECKS) whose machine code looks at itself before each
// instruction, and ends the process where something is not as all of it relies on.                       [self-check]
//
// Checked are the frame (linked, on the data stack or in its generator, marked as running, position within its code),
// the depth of the value stack and what the compiler believes to be in it, registers included, every variable, and, for
// each object that any of these refer to: its reference count, its type, and for ints, floats, tuples and bools what
// machine code takes for granted about their insides.
#pragma once

#include "jit/runtime/context.h"
#include "jit/runtime/site.h"

namespace whipsnake {

#ifdef WHIPSNAKE_SELF_CHECKS
inline constexpr bool kSelfChecks = true;
#else
inline constexpr bool kSelfChecks = false;
#endif

// What the check thunk calls, with the state at `site` (kind kDeopt, before its instruction): returns if all is well,
// else prints what is wrong and where, and aborts. Runs no Python code.
void self_check(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context);

// The same for what a compiled function has returned to C++: `result` may be null with an exception set.
void self_check_result(PyThreadState* ts, PyObject* result);

// How many instructions have been checked; for tests, which want to see that some were.
extern uint64_t self_checks_made;

// Null, or what is wrong with an object; a null pointer is none.
const char* fault_of(PyObject* object);

}  // namespace whipsnake
