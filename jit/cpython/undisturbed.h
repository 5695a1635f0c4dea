// [late-start] Our own start in the middle of somebody's program.
#pragma once

#include <csignal>

#include "jit/cpython/port.h"

namespace whipsnake::port {

// Whether the thread has room on its stacks and is not inside a trace function.
bool is_time_to_start(const PyThreadState* ts);

// While this exists the program is not asked anything and told nothing: signals wait, and so do other requests to the
// thread (garbage collection, other threads that want the GIL); tracing, monitoring and audit hooks do not see what is
// done. For fractions of a millisecond, with the GIL.
class Undisturbed {
 public:
  explicit Undisturbed(PyThreadState* ts);
  ~Undisturbed();
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  PyThreadState* ts_;
  sigset_t signals_;
  uintptr_t requests_;
  PyObject* audit_hooks_;
  bool collects_garbage_;
};

}  // namespace whipsnake::port
