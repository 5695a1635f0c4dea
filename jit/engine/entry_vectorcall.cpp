// The default way in. Every Python function gets a counting trampoline as its vectorcall when it is created, and when
// its code has been called often enough, the entry of compiled code.
//
// For calls to arrive at a vectorcall pointer the function must have no version (see function_versions.h), so both the
// function and its code object lose theirs. They get one back when the code is declined: then the interpreter inlines
// and specialises its calls as if we did not exist.
#include "jit/cpython/port.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/engine/policy.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/records.h"

namespace whipsnake::entry {

namespace {

int watcher = -1;
bool suspended = false;  // see entries.h, events_changed()

PyCodeObject* code_of(PyFunctionObject* func) { return reinterpret_cast<PyCodeObject*>(func->func_code); }

PyObject* counting_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames);

bool ours(const PyFunctionObject* func) { return func->vectorcall == counting_vectorcall || enters_machine_code(func); }

// Code that runs once, in a namespace: modules, class bodies, exec().
bool is_top_level(const PyCodeObject* code) {
  return (code->co_flags & (CO_OPTIMIZED | CO_NEWLOCALS)) != (CO_OPTIMIZED | CO_NEWLOCALS);
}

void count_calls(PyFunctionObject* func) {
  func->vectorcall = counting_vectorcall;
  port::take_version(func);
  port::take_version(code_of(func));
}

void leave_alone(PyFunctionObject* func) {
  func->vectorcall = port::function_vectorcall;
  port::give_version(func);
}

// Whether the caller is the interpreter, or compiled code, with the arguments on its value stack. It would have inlined
// the call, and so the call must not bring C code closer to its recursion limit.
bool called_from_frame(PyThreadState* ts, PyObject* const* args) {
  const Frame* frame = port::current_frame(ts);
  return frame != nullptr && args >= frame->localsplus && args < ts->datastack_top;
}

PyObject* call_interpreted(PyThreadState* ts, PyObject* callable, PyObject* const* args, size_t nargsf,
                           PyObject* kwnames) {
  const int units = called_from_frame(ts, args) ? port::kEvalStackUnits : 0;
  ts->c_recursion_remaining += units;
  PyObject* result = call_in_interpreter(ts, reinterpret_cast<PyFunctionObject*>(callable), args, nargsf, kwnames);
  ts->c_recursion_remaining -= units;
  return result;
}

// A call that must not nest on the native stack: with its own vectorcall, the function's further recursion is inlined
// by the interpreter, which needs no native stack for it.
PyObject* call_inlining(PyFunctionObject* func, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* callable = Py_NewRef(reinterpret_cast<PyObject*>(func));
  func->vectorcall = port::function_vectorcall;
  PyObject* result = port::function_vectorcall(callable, args, nargsf, kwnames);
  if (func->vectorcall == port::function_vectorcall && framework::active()) adopt(func);
  Py_DECREF(callable);
  return result;
}

PyObject* counting_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  // Suspended: by a finalizer, while the collector has the function among its garbage, where nobody finds it.
  if (!framework::active() || suspended) [[unlikely]]
    return port::function_vectorcall(callable, args, nargsf, kwnames);
  CodeRecord* record = get_record(code_of(func));
  if (record == nullptr) [[unlikely]]
    return port::function_vectorcall(callable, args, nargsf, kwnames);
  if (policy::compile_at_call(*record)) framework::compile(record, func->func_globals, func->func_builtins);
  if (record->state != TierState::kCold || !policy::counts_calls(record)) {
    adopt(func);
    // Declined just now: the interpreter inlines the calls to come, so this one gives up its arguments as they do.
    if (func->vectorcall == port::function_vectorcall && !native_stack_low(port::thread_with_gil()))
      return call_interpreted(port::thread_with_gil(), callable, args, nargsf, kwnames);
    return func->vectorcall(callable, args, nargsf, kwnames);
  }
  if (enters_machine_code(func)) adopt(func);  // its machine code is gone
  if (record->calls++ == 0) watch_loops(record);
  PyThreadState* ts = port::thread_with_gil();
  if (native_stack_low(ts)) [[unlikely]]
    return call_inlining(func, args, nargsf, kwnames);
  return call_interpreted(ts, callable, args, nargsf, kwnames);
}

void on_create(PyFunctionObject* func) {
  PyCodeObject* code = code_of(func);
  if (is_top_level(code)) {
    CodeRecord* record = policy::thresholds.sampled ? find_record(code) : get_record(code);
    if (record == nullptr || record->state == TierState::kDeclined || record->state == TierState::kDisabled) return;
    if (record->calls == 0 && !policy::thresholds.sampled) watch_loops(record);
    if (record->compiled ? callable_code(func) != nullptr : policy::compile_at_call(*record)) enter_once(func);
    if (record->state == TierState::kCold) ++record->calls;
    return;
  }
  if (func->vectorcall != port::function_vectorcall) return;
  const CodeRecord* record = find_record(code);
  if (record == nullptr || record->state == TierState::kCold) {
    if (policy::counts_calls(record)) count_calls(func);
  } else if (const CompiledCode* compiled = callable_code(func)) {
    func->vectorcall = compiled->vectorcall();
  } else if (record->state == TierState::kCompiled) {
    func->vectorcall = counting_vectorcall;  // other globals; its first call gives it a version of its own
  }
}

// 3.13 Objects/funcobject.c: called from within the creation or change, possibly with an exception set. Closures come
// and go by the million, so the common cases are short.
int on_function_event(PyFunction_WatchEvent event, PyFunctionObject* func, PyObject*) {
  if (event == PyFunction_EVENT_CREATE) {
    if (framework::enabled() && !suspended) on_create(func);
    return 0;
  }
  if (functions_are_assumed) function_changed(func);
  if (event == PyFunction_EVENT_DESTROY) {
    if (func == awaited_function) cancel_enter_once();
  } else if (event == PyFunction_EVENT_MODIFY_CODE && framework::enabled() && !suspended &&
             (func->vectorcall == port::function_vectorcall || ours(func))) {
    // Comes before the change; the trampoline looks at the code that it then finds.
    func->vectorcall = counting_vectorcall;
  }
  return 0;
}

int adopt_existing(PyObject* object, void*) {
  if (PyFunction_Check(object) && !is_top_level(code_of(reinterpret_cast<PyFunctionObject*>(object))))
    adopt(reinterpret_cast<PyFunctionObject*>(object));
  return 1;
}

// Functions that do not exist yet, too, are to be as if we had never been here.
void give_versions(PyCodeObject* code) {
  port::give_version(code);
  PyObject* constants = code->co_consts;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); ++i) {
    PyObject* constant = PyTuple_GET_ITEM(constants, i);
    if (PyCode_Check(constant)) give_versions(reinterpret_cast<PyCodeObject*>(constant));
  }
}

int restore_existing(PyObject* object, void*) {
  if (!PyFunction_Check(object)) return 1;
  auto* func = reinterpret_cast<PyFunctionObject*>(object);
  give_versions(code_of(func));
  if (ours(func)) leave_alone(func);
  return 1;
}

void restore_record(CodeRecord* record, void*) { port::give_version(record->code); }

}  // namespace

void adopt(PyFunctionObject* func) {
  if (suspended) return;
  if (func->vectorcall != port::function_vectorcall && !ours(func)) return;
  const CodeRecord* record = find_record(code_of(func));
  if (record == nullptr || record->state == TierState::kCold) {
    if (policy::counts_calls(record)) {
      count_calls(func);
    } else if (ours(func)) {
      port::give_version(code_of(func));
      leave_alone(func);
    }
  } else if (const CompiledCode* compiled = callable_code(func)) {
    func->vectorcall = compiled->vectorcall();
    port::take_version(func);
  } else {
    if (record->state != TierState::kCompiled) port::give_version(code_of(func));
    leave_alone(func);
  }
}

bool start_vectorcall() {
  watcher = port::take_late_watcher_id(PyFunction_AddWatcher, PyFunction_ClearWatcher, on_function_event);
  if (watcher < 0) return false;
  suspended = false;
  uncompiled_vectorcall = counting_vectorcall;
  set_function_watcher(true);
  // Where samples are taken only functions with records are ours, and a process that starts has none.
  if (!policy::thresholds.sampled || has_records()) PyUnstable_GC_VisitObjects(adopt_existing, nullptr);
  return true;
}

void suspend_vectorcall(bool suspend) {
  if (watcher < 0 || suspend == suspended) return;
  suspended = suspend;
  PyUnstable_GC_VisitObjects(suspend ? restore_existing : adopt_existing, nullptr);
}

void stop_vectorcall() {
  if (watcher < 0) return;
  if (PyFunction_ClearWatcher(watcher) < 0) PyErr_Clear();
  watcher = -1;
  set_function_watcher(false);
  PyUnstable_GC_VisitObjects(restore_existing, nullptr);
  visit_records(restore_record, nullptr);
}

}  // namespace whipsnake::entry
