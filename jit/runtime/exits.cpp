#include "jit/runtime/exits.h"

#include "jit/runtime/frames.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/objects.h"
#include "jit/runtime/records.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

uint64_t exit_counts[static_cast<int>(ExitReason::kCount)];

const char* name(ExitReason reason) {
  switch (reason) {
    case ExitReason::kGuard: return "guard";
    case ExitReason::kBreaker: return "request";
    case ExitReason::kTracing: return "tracing";
    case ExitReason::kColdCode: return "cold-code";
    case ExitReason::kLocalsChanged: return "locals-changed";
    case ExitReason::kStress: return "stress";
    case ExitReason::kCount: break;
  }
  return "?";
}

namespace {

// Stores the entries that live elsewhere into their home slots. Entries from `first_owned` up become owned
// references; of those below, only locals are increfed (someone may rebind them while a helper runs), and
// take_lower() or drop_lower() settles the rest.
void materialize(Frame* frame, const Site* site, const ThreadContext* context, int first_owned) {
  PyObject** base = port::stack_base(frame);
  for (int i = 0; i < site->entry_count; ++i) {
    const StackEntry& entry = site->entries[i];
    PyObject* value = nullptr;
    switch (entry.where) {
      case StackEntry::Where::kRegister: value = context->saved[entry.index]; break;
      case StackEntry::Where::kLocal: value = Py_NewRef(frame->localsplus[entry.index]); break;
      case StackEntry::Where::kConstant:
        value = entry.constant;
        if (entry.slot >= first_owned) Py_INCREF(value);
        break;
      case StackEntry::Where::kNull: break;
    }
    base[entry.slot] = value;
  }
}

// The frame goes on with its stack in memory: what materialize() left borrowed below `first_owned` becomes owned.
void take_lower(const Site* site, int first_owned) {
  for (int i = 0; i < site->entry_count; ++i) {
    const StackEntry& entry = site->entries[i];
    if (entry.slot < first_owned && entry.where == StackEntry::Where::kConstant) Py_INCREF(entry.constant);
  }
}

// The machine code goes on: gives back the locals' references. False when a local was rebound in the meantime, so
// that the machine code, which would read the variable anew, must not go on.
bool drop_lower(Frame* frame, const Site* site, int first_owned) {
  PyObject** base = port::stack_base(frame);
  for (int i = 0; i < site->entry_count; ++i) {
    const StackEntry& entry = site->entries[i];
    if (entry.slot >= first_owned || entry.where != StackEntry::Where::kLocal) continue;
    if (frame->localsplus[entry.index] != base[entry.slot]) [[unlikely]]
      return false;
  }
  for (int i = 0; i < site->entry_count; ++i) {
    const StackEntry& entry = site->entries[i];
    if (entry.slot < first_owned && entry.where == StackEntry::Where::kLocal) Py_DECREF(base[entry.slot]);
  }
  return true;
}

// The thunk that ends `frame`, found while there is one, with what the end results in.
class Leaving {
 public:
  Leaving(const Frame* frame, ThreadContext* context)
      : context_(context),
        thunk_(port::is_delegated(frame)         ? thunks.leave_delegated
               : port::owned_by_generator(frame) ? thunks.leave_generator
                                                 : thunks.leave) {}
  const void* with(PyObject* result) const {
    context_->exit_result = result;
    return thunk_;
  }

 private:
  ThreadContext* context_;
  const uint8_t* thunk_;
};

// The interpreter tells of a new line by comparing with the instruction before, of which it knows nothing when it
// begins with a frame in the middle: the event is ours to fire. False when the tool raised.
bool tell_of_line(PyThreadState* ts, Frame* frame, const Site* site, uint32_t instruction) {
  if (monitoring_quiet(ts) || instruction == site->start) return true;
  return port::fire_line(ts, frame, static_cast<int>(site->instruction));
}

// Hands the frame to the interpreter (or back to it, when it was entered in mid-loop).
const void* go_on_interpreted(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context, int depth,
                              uint32_t instruction, ExitReason reason) {
  ++exit_counts[static_cast<int>(reason)];
  ++counters.deopts;
  if (site->record != nullptr) {
    if (reason == ExitReason::kColdCode) count_cold_exit(site->record, instruction, site->weight);
    if (reason == ExitReason::kLocalsChanged) count_exits(site->record, 1);
  }
  put_in_place(frame, static_cast<int>(instruction), depth);
  const bool told = reason != ExitReason::kTracing || tell_of_line(ts, frame, site, instruction);
  const Leaving leaving(frame, context);
  return leaving.with(frame == context->osr_frame ? nullptr : interpret_rest(ts, frame, !told));
}

// The values that a completed opcode pushes: its result, and (LOAD_GLOBAL with its NULL) nulls above it. Helpers that
// store their results return kDone.
void push_results(Frame* frame, const Site* site, PyObject* result, int depth) {
  if (result == kDone) return;
  PyObject** base = port::stack_base(frame);
  base[depth] = result;
  for (int i = 1; i < site->results; ++i) base[depth + i] = nullptr;
}

// An opcode completed but tracing was switched on meanwhile: its result goes onto the stack, the interpreter goes on.
const void* leave_after(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context, int depth) {
  PyObject* result = context->leave_result;
  context->leave = false;
  context->leave_result = nullptr;
  push_results(frame, site, result, depth);
  return go_on_interpreted(ts, frame, site, context, depth + site->results, site->next, ExitReason::kTracing);
}

// 3.13 Python/ceval.c, label `error`: the traceback entry of the running frame.
void add_traceback(PyThreadState* ts, Frame* frame) {
  if (ts->current_exception == nullptr) PyErr_SetString(PyExc_SystemError, "error return without exception set");
  if (_PyFrame_IsIncomplete(frame)) return;
  PyObject* exception = port::take_exception(ts);
  PyFrameObject* object = frame->frame_obj;  // borrowed
  // The interpreter is left with the MemoryError when there can be none.
  if (object == nullptr) object = new_frame_object(ts, frame);
  if (object == nullptr) {
    Py_DECREF(exception);
    PyErr_NoMemory();
    return;
  }
  auto*& newest = reinterpret_cast<PyBaseExceptionObject*>(exception)->traceback;
  PyObject* entry = new_traceback(ts, newest, object);
  if (entry != nullptr) newest = entry;
  port::give_exception(ts, exception);
  if (entry == nullptr) PyTraceBack_Here(object);  // says that there is no memory
}

// The exception propagates to the handler of the site, or out of the frame. The stack is in memory up to `depth`.
// 3.13 Python/ceval.c, label `exception_unwind`.
const void* unwind(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context, int depth) {
  ++counters.exceptions;
  PyObject** base = port::stack_base(frame);
  if (site->handler_depth < 0) {
    for (; depth > 0; --depth) release_or_null(base[depth - 1]);
    set_depth(frame, 0);
    const Leaving leaving(frame, context);
    return leaving.with(finish_with_error(ts, frame, context));
  }
  for (; depth > site->handler_depth; --depth) release_or_null(base[depth - 1]);
  if (site->lasti) {
    PyObject* lasti = PyLong_FromLong(port::instruction_index(frame));
    if (lasti == nullptr) return unwind(ts, frame, site, context, depth);
    base[depth++] = lasti;
  }
  base[depth++] = port::take_exception(ts);
  if (monitoring_quiet(ts)) [[likely]] {
    if (site->handler != nullptr) [[likely]]
      return site->handler;
    return go_on_interpreted(ts, frame, site, context, depth, site->handler_instruction, ExitReason::kColdCode);
  }
  // Somebody listens: the handler runs in the interpreter, which tells them everything that follows.
  port::fire_exception_handled(ts, frame, static_cast<int>(site->handler_instruction), base[depth - 1]);
  return go_on_interpreted(ts, frame, site, context, depth, site->handler_instruction, ExitReason::kTracing);
}

const void* error_exit(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context, int depth) {
  if (context->leave) return leave_after(ts, frame, site, context, depth);
  port::set_instruction(frame, static_cast<int>(site->instruction));
  add_traceback(ts, frame);
  if (!monitoring_quiet(ts)) [[unlikely]]
    _PyEval_MonitorRaise(ts, frame, frame->instr_ptr);
  return unwind(ts, frame, site, context, depth);
}

}  // namespace

const void* exit_dispatch(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context) {
  if (site->kind != SiteKind::kBreaker) ++const_cast<Site*>(site)->taken;
  materialize(frame, site, context, 0);
  switch (site->kind) {
    case SiteKind::kError: return error_exit(ts, frame, site, context, site->depth);
    case SiteKind::kReraise:
      if (!monitoring_quiet(ts)) [[unlikely]]
        port::fire_reraise(ts, frame);
      return unwind(ts, frame, site, context, site->depth);
    case SiteKind::kDeopt: return go_on_interpreted(ts, frame, site, context, site->depth, site->start, site->reason);
    case SiteKind::kLeave: return go_on_interpreted(ts, frame, site, context, site->depth, site->next, site->reason);
    case SiteKind::kBreaker: {
      port::set_instruction(frame, static_cast<int>(site->instruction));
      switch (breaker_slow(ts, frame, site->handles_requests)) {
        case BreakerAction::kGoOn: return site->resume;  // no exit
        case BreakerAction::kError: return error_exit(ts, frame, site, context, site->depth);
        case BreakerAction::kLeave: break;
      }
      ++const_cast<Site*>(site)->taken;
      return go_on_interpreted(ts, frame, site, context, site->depth, site->start, ExitReason::kTracing);
    }
    case SiteKind::kSlow: break;
  }
  Py_UNREACHABLE();
}

const void* slow_failed(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context) {
  const int below = site->depth - site->pops;
  PyObject** base = port::stack_base(frame);
  for (int i = 0; i < site->entry_count; ++i) {
    const StackEntry& entry = site->entries[i];
    if (entry.slot >= below) continue;
    switch (entry.where) {
      case StackEntry::Where::kRegister: base[entry.slot] = context->saved[entry.index]; break;
      case StackEntry::Where::kLocal: base[entry.slot] = Py_NewRef(frame->localsplus[entry.index]); break;
      case StackEntry::Where::kConstant: base[entry.slot] = Py_NewRef(entry.constant); break;
      case StackEntry::Where::kNull: base[entry.slot] = nullptr; break;
    }
  }
  return error_exit(ts, frame, site, context, below);
}

namespace {
// Where the interpreter goes on when the slow path's helper has done the instruction. Takes the mark of a receiver that
// has finished off the result: machine code looks at it, the interpreter would take it for the object.
uint32_t next_of(const Site* site, PyObject** result) {
  const auto bits = reinterpret_cast<uintptr_t>(*result);
  if (site->finished == 0 || (bits & kSendFinished) == 0) return site->next;
  *result = reinterpret_cast<PyObject*>(bits - kSendFinished);
  return site->finished;
}
}  // namespace

PyObject* slow_dispatch(PyThreadState* ts, Frame* frame, const Site* site, ThreadContext* context) {
  const int below = site->depth - site->pops;
  materialize(frame, site, context, below);
  port::set_instruction(frame, static_cast<int>(site->instruction));
  PyObject* result = site->helper(ts, port::stack_base(frame) + site->depth, site->arg);
  count_slow(site, result);
  if (result != nullptr) [[likely]] {
    const bool given_up = site->taken % kSlowPerReview == 0 && review_slow_path != nullptr && review_slow_path(site);
    if (!given_up && drop_lower(frame, site, below)) [[likely]]
      return result;
    take_lower(site, below);
    const uint32_t next = next_of(site, &result);
    push_results(frame, site, result, below);
    context->jump_target = go_on_interpreted(ts, frame, site, context, below + site->results, next,
                                             given_up ? ExitReason::kGuard : ExitReason::kLocalsChanged);
    return nullptr;
  }
  take_lower(site, below);
  context->jump_target = error_exit(ts, frame, site, context, below);
  return nullptr;
}

}  // namespace whipsnake
