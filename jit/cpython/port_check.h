// Does the interpreter that loaded us look the way we were compiled for?
#pragma once

#include <string>

#include "jit/cpython/port.h"

namespace whipsnake::port {

// Verifies version, build options and every private layout that the project relies on, by comparing what it finds at
// our offsets with what the public API says; then fills in function_vectorcall and the other things that are only
// known at run time. Returns an empty string, or one sentence that names what was found and what is supported.
// Cheap after the first call. No exception is set afterwards.
const std::string& initialize();

// The interpreter that is served; null until initialize() found everything as expected.
extern PyInterpreterState* main_interpreter;

// Where the list of all interpreters begins, with the newest; where a null is until initialize() found it.
extern PyInterpreterState* const* newest_interpreter;

// Whether there is no sub-interpreter. False where that cannot be told.
inline bool is_only_interpreter() { return *newest_interpreter == main_interpreter; }

// The calling thread's state where code of any interpreter may run.
inline PyThreadState* current_thread() {
  return is_only_interpreter() ? thread_with_gil() : PyThreadState_GetUnchecked();
}

}  // namespace whipsnake::port
