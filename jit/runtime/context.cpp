#include "jit/runtime/context.h"

#include <pthread.h>

#include <algorithm>

namespace whipsnake {

Counters counters;

bool foreign_local_events = false;
bool compiled_code_is_allowed = false;

namespace {
uintptr_t initial_breaker = kPoisoned;

// Native stack kept for what nests below calls that are left to the interpreter: C code may recurse down to CPython's
// own limit (10,000 units, 3.13 Include/cpython/pystate.h), and must find the stack for it.
uintptr_t find_stack_limit() {
  constexpr uintptr_t kStackMax = uintptr_t{512} << 20;  // an unlimited stack is not used beyond this
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  pthread_attr_t attributes;
  void* low = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return here - (uintptr_t{64} << 10);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  const uintptr_t reserve = size / 3 * 2;
  return std::max(reinterpret_cast<uintptr_t>(low) + reserve, here > kStackMax ? here - kStackMax : 0);
}

}  // namespace

constinit thread_local ThreadContext this_thread_context;

bool ask_for_stack(ThreadContext& context, uintptr_t here) {
  context.stack_limit = find_stack_limit();
  context.stack_is_known = true;
  return here < context.stack_limit;
}

uintptr_t* ok_breaker = &initial_breaker;

namespace {

// Tools that listen, our own loop counter (JUMP events of the optimizer id) not counted.
constexpr unsigned kOptimizerToolId = 5;  // PEP 669, sys.monitoring.OPTIMIZER_ID
constexpr uint8_t kOtherTools = static_cast<uint8_t>(~(1u << kOptimizerToolId));

bool anyone(const uint8_t* tools, int count) {
  for (int i = 0; i < count; ++i)
    if ((tools[i] & kOtherTools) != 0) return true;
  return false;
}

bool interpreter_is_monitored(PyThreadState* ts) {
  return anyone(ts->interp->monitors.tools, _PY_MONITORING_UNGROUPED_EVENTS);
}

// Adopts the monitoring version when nobody listens to anything.
void update_ok_breaker(PyThreadState* ts) {
  const bool quiet = compiled_code_is_allowed && !interpreter_is_monitored(ts) && !foreign_local_events;
  *ok_breaker = quiet ? port::eval_breaker(ts) & ~port::kBreakerEventsMask : kPoisoned;
}

}  // namespace

bool find_monitoring_quiet(PyThreadState* ts) {
  if (!monitoring_quiet(ts)) update_ok_breaker(ts);
  return monitoring_quiet(ts);
}

void allow_compiled_code(PyThreadState* ts, bool allow) {
  compiled_code_is_allowed = allow;
  update_ok_breaker(ts);
}

bool code_is_monitored(PyThreadState* ts, PyCodeObject* code) {
  if (interpreter_is_monitored(ts)) return true;
  const _PyCoMonitoringData* data = code->_co_monitoring;
  return data != nullptr && anyone(data->local_monitors.tools, _PY_MONITORING_LOCAL_EVENTS);
}

void (*on_watched_step)(PyThreadState* ts, PyCodeObject* code) = nullptr;

BreakerAction breaker_slow(PyThreadState* ts, Frame* frame, bool handle_requests) {
  if ((port::eval_breaker(ts) & port::kBreakerWatchBit) != 0) on_watched_step(ts, port::code_of(frame));
  if (handle_requests && (port::eval_breaker(ts) & port::kBreakerRequestsMask) != 0) {
    if (_Py_HandlePending(ts) != 0) return BreakerAction::kError;
  }
  if (monitoring_quiet(ts)) return BreakerAction::kGoOn;
  update_ok_breaker(ts);
  if (!compiled_code_is_allowed || ts->interp != PyInterpreterState_Main()) return BreakerAction::kLeave;
  return code_is_monitored(ts, port::code_of(frame)) ? BreakerAction::kLeave : BreakerAction::kGoOn;
}

namespace {
PyObject* check_leave(PyThreadState* ts, PyObject* result) {
  if (breaker_slow(ts, port::current_frame(ts), false) == BreakerAction::kGoOn) return result;
  ThreadContext& context = thread_context();
  context.leave = true;
  context.leave_result = result;
  return nullptr;
}
}  // namespace

PyObject* after_escape_slow(PyThreadState* ts, PyObject* result) { return check_leave(ts, result); }

PyObject* after_call_slow(PyThreadState* ts, PyObject* result) {
  if ((port::eval_breaker(ts) & port::kBreakerRequestsMask) != 0 && _Py_HandlePending(ts) != 0) {
    if (result != kDone) Py_DECREF(result);
    return nullptr;
  }
  return monitoring_quiet(ts) ? result : check_leave(ts, result);
}

}  // namespace whipsnake
