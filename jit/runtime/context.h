// State of the runtime: one ThreadContext per OS thread (register kContext points at it while compiled code runs),
// one Runtime per process.
#pragma once

#include <cstdint>

#include "jit/cpython/port.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake {

struct Site;

struct ThreadContext {
  uintptr_t stack_limit = 0;          // native stack: below this address calls go to the interpreter; 0 = not set yet
  PyObject* saved[3] = {};            // kS0..kS2 as the exit and slow-path thunks found them
  PyObject* exit_result = nullptr;    // what the leave thunk returns to compiled code's caller
  PyObject* call_result = nullptr;    // of begin_call() and its like, if they did the whole call
  const void* jump_target = nullptr;  // where the slow-path thunk goes when slow_dispatch() returned null; between
                                      // calls, scratch of the templates in opcodes/logic.cpp
  const Site* failed_site = nullptr;  // for thunks.slow_failed
  Frame* osr_frame = nullptr;         // frame of the innermost loop entry on this thread, else null
  uint64_t scratch[16] = {};          // of templates, between calls of anything that runs code
  bool stack_is_known = false;        // stack_limit is not the first one, which is near
  bool leave = false;                 // a helper finished but compiled code must not go on (tracing was switched on):
  PyObject* leave_result = nullptr;   //   its result (owned; kDone for none)
};

// Reached without a call: the module is loaded at start-up or by one dlopen(), and this is little enough for the space
// that the loader keeps for such variables.
extern constinit thread_local ThreadContext this_thread_context __attribute__((tls_model("initial-exec")));

// The calling thread's context, with stack_limit set. To ask for a thread's stack takes as long as hundreds of
// instructions; many threads are over before they need any depth.
inline ThreadContext& thread_context() {
  constexpr uintptr_t kFirst = 4096;
  ThreadContext& context = this_thread_context;
  if (context.stack_limit == 0) [[unlikely]]
    context.stack_limit = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - kFirst;
  return context;
}

// Sets the thread's real limit. True when `here` is below it.
bool ask_for_stack(ThreadContext& context, uintptr_t here);

// Whether the calling thread's native stack is below its limit. Where the first one is reached, sets the real one.
inline bool below_stack_limit() {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  ThreadContext& context = thread_context();
  return here < context.stack_limit && (context.stack_is_known || ask_for_stack(context, here));
}

// Counters that statistics report. Plain integers: written with the GIL held.
struct Counters {
  uint64_t entries = 0;  // compiled code entered from C or from the interpreter
  uint64_t loops_entered = 0;
  uint64_t deopts = 0;      // frames handed to the interpreter
  uint64_t slow_ops = 0;    // guards that failed and were served by a helper
  uint64_t cache_hits = 0;  // inline caches in helpers
  uint64_t cache_misses = 0;
  uint64_t exceptions = 0;  // raised in or propagated through compiled code
  uint64_t invalidations = 0;
  uint64_t compiled = 0, declined = 0, retired = 0;
  uint64_t compile_ns = 0;
};
extern Counters counters;

// `ok_breaker` is the value of PyThreadState.eval_breaker with which compiled code may run on: the monitoring version
// that was found to listen to nothing, and no request bits. kPoisoned means: ask breaker_slow() every time. [breaker]
inline constexpr uintptr_t kPoisoned = ~uintptr_t{0};
extern uintptr_t* ok_breaker;  // a cell in the code heap's data half (a static one while there is no heap)

// True when the monitoring version is one that listens to nothing; request bits do not matter.
inline bool monitoring_quiet(PyThreadState* ts) {
  return ((port::eval_breaker(ts) ^ *ok_breaker) & ~port::kBreakerEventsMask) == 0;
}
// The same where no machine code may have asked since the version changed: adopts one that listens to nothing.
bool find_monitoring_quiet(PyThreadState* ts);
inline bool breaker_quiet(PyThreadState* ts) { return port::eval_breaker(ts) == *ok_breaker; }

// Set while some tool other than ours has local events on some code object: compiled code then asks at every check.
extern bool foreign_local_events;

// Opens or closes compiled code to everybody (enable() and disable()); running compiled frames notice at their next
// check. Also to be called when foreign_local_events changed.
void allow_compiled_code(PyThreadState* ts, bool allow);
extern bool compiled_code_is_allowed;
inline bool compiled_code_allowed() { return compiled_code_is_allowed; }

// What compiled code does when the breaker is not quiet: runs pending requests, looks who listens.
enum class BreakerAction { kGoOn, kLeave, kError };
BreakerAction breaker_slow(PyThreadState* ts, Frame* frame, bool handle_requests);

// Told of each breaker check of machine code in a thread for which port::watch_breaker() is on, before requests are
// served; set before that is switched on for the first time.
extern void (*on_watched_step)(PyThreadState* ts, PyCodeObject* code);

// True when someone other than our own loop counter listens to events of `code` or of the whole interpreter.
bool code_is_monitored(PyThreadState* ts, PyCodeObject* code);

// Helpers that ran Python code end with `return after_call(ts, result)`: passes result through unless the breaker
// asks for something, then serves requests and, when compiled code must stop, parks the result and returns null.
PyObject* after_call_slow(PyThreadState* ts, PyObject* result);
inline PyObject* after_call(PyThreadState* ts, PyObject* result) {
  if (result != nullptr && !breaker_quiet(ts)) [[unlikely]]
    return after_call_slow(ts, result);
  return result;
}

// The same for opcodes after which the interpreter runs no pending requests but at once sees that somebody listens:
// everything but calls. Only looks at the monitoring version; `result` may be kDone.
PyObject* after_escape_slow(PyThreadState* ts, PyObject* result);
inline PyObject* after_escape(PyThreadState* ts, PyObject* result) {
  if (result != nullptr && !monitoring_quiet(ts)) [[unlikely]] {
    return after_escape_slow(ts, result);
  }
  return result;
}

}  // namespace whipsnake
