// The C++ side of the exit and slow-path thunks.
#pragma once

#include "jit/runtime/context.h"
#include "jit/runtime/site.h"

namespace whipsnake {

// Called by the exit thunk. Returns the machine address to jump to: a handler or resume point of the same function,
// or thunks.leave with ThreadContext::exit_result set and the frame finished.
const void* exit_dispatch(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context);

// A helper has failed that was called, with the operands, for a site of kind slow whose value stack is otherwise as
// described: the address to jump to.
const void* slow_failed(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context);

// Called by the slow-path thunk. Returns the helper's result, or null with ThreadContext::jump_target set as
// exit_dispatch would return it.
PyObject* slow_dispatch(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context);

// Statistics: the helper of a site of kind slow has returned `result`; null: it raised, which is no guard's fault.
inline void count_slow(const Site* site, const PyObject* result) {
  auto* counted = const_cast<Site*>(site);
  if (result == nullptr) {
    ++counted->raised;
    return;
  }
  ++counted->taken;
  ++counters.slow_ops;
}

// Number of times each ExitReason was taken.
extern uint64_t exit_counts[static_cast<int>(ExitReason::kCount)];

}  // namespace whipsnake
