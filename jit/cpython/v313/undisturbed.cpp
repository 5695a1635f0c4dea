#include "jit/cpython/undisturbed.h"

#include <utility>

namespace whipsnake::port {

bool is_time_to_start(const PyThreadState* ts) {
  constexpr int kRoom = 200;
  return ts->tracing == 0 && ts->py_recursion_remaining > kRoom && ts->c_recursion_remaining > kRoom;
}

Undisturbed::Undisturbed(PyThreadState* ts) : ts_(ts) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &signals_);
  requests_ = _Py_atomic_and_uintptr(&ts->eval_breaker, ~kBreakerEventsMask) & kBreakerEventsMask;
  // Those of Python code. Hooks in C belong to whoever embeds the interpreter, and may be called without the GIL.
  audit_hooks_ = std::exchange(ts->interp->audit_hooks, nullptr);
  collects_garbage_ = PyGC_Disable() != 0;
  PyThreadState_EnterTracing(ts);  // monitoring looks at it, too (3.13 Python/instrumentation.c)
}

Undisturbed::~Undisturbed() {
  PyThreadState_LeaveTracing(ts_);
  if (collects_garbage_) PyGC_Enable();
  ts_->interp->audit_hooks = audit_hooks_;
  _Py_atomic_or_uintptr(&ts_->eval_breaker, requests_);
  pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
}

}  // namespace whipsnake::port
