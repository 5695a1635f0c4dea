// PEP 523: a frame evaluator that counts and enters. As a mode of its own it sees every frame that the interpreter
// starts or resumes, at the price of the interpreter inlining nothing. In vectorcall mode it is installed for moments
// only, to catch code that no function object's vectorcall leads to: modules, class bodies, exec().
#include "jit/cpython/port.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/engine/policy.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/near_table.h"

namespace whipsnake::entry {

PyFunctionObject* awaited_function = nullptr;

namespace {

bool started = false;
bool suspended = false;                  // see entries.h, events_changed()
_PyFrameEvalFunction chained = nullptr;  // installed before us; null: the interpreter's own

PyObject* evaluate(PyThreadState* ts, Frame* frame, int throw_flag);

// Where native stack runs low, or somebody traces and would notice what the interpreter does not inline because of us,
// it is left alone until it comes back here.
PyObject* evaluate_alone(PyThreadState* ts, Frame* frame, int throw_flag) {
  const bool traced = !monitoring_quiet(ts) && code_is_monitored(ts, port::code_of(frame));
  const bool alone = (traced || native_stack_low(ts)) && port::frame_evaluator(ts) == evaluate && chained == nullptr;
  if (alone) port::set_frame_evaluator(ts, nullptr);
  PyObject* result = _PyEval_EvalFrameDefault(ts, frame, throw_flag);
  if (alone && started && !suspended && port::frame_evaluator(ts) == nullptr) port::set_frame_evaluator(ts, evaluate);
  return result;
}

// Without us the interpreter would not have nested for this frame; that it does must not bring C code closer to its
// recursion limit.
PyObject* interpret(PyThreadState* ts, Frame* frame, int throw_flag) {
  if (chained != nullptr) return chained(ts, frame, throw_flag);
  ts->c_recursion_remaining += port::kEvalStackUnits;
  PyObject* result = evaluate_alone(ts, frame, throw_flag);
  ts->c_recursion_remaining -= port::kEvalStackUnits;
  return result;
}

// Enters compiled code on a frame that is not linked yet, at its position: a call, or a generator's resumption.
// Returns false when the interpreter has to run it.
bool enter(PyThreadState* ts, Frame* frame, CodeRecord* record, PyObject** result) {
  CompiledCode* compiled = record->compiled.get();
  if (compiled == nullptr || compiled->globals != frame->f_globals || compiled->builtins != frame->f_builtins)
    return false;
  if (!compiled_code_allowed() || ts->py_recursion_remaining <= 0 || native_stack_low(ts) ||
      code_is_monitored(ts, record->code))
    return false;
  const uint8_t* target = compiled->entry(port::instruction_index(frame));
  if (target == nullptr) return false;
  port::link_frame(ts, frame);
  *result = run_compiled(ts, frame, target);
  return true;
}

PyObject* evaluate(PyThreadState* ts, Frame* frame, int throw_flag) {
  // One that was installed after us decides about frames now.
  if (throw_flag != 0 || !framework::active() || port::frame_evaluator(ts) != evaluate)
    return interpret(ts, frame, throw_flag);
  CodeRecord* record = get_record(port::code_of(frame));
  if (record == nullptr) return interpret(ts, frame, throw_flag);
  if (record->state == TierState::kCold) {
    if (policy::compile_at_call(*record))
      framework::compile(record, frame->f_globals, frame->f_builtins);
    else if (record->calls++ == 0)
      watch_loops(record);
  }
  PyObject* result = nullptr;
  return enter(ts, frame, record, &result) ? result : interpret(ts, frame, throw_flag);
}

PyObject* evaluate_once(PyThreadState* ts, Frame* frame, int throw_flag) {
  if (frame->f_funcobj != reinterpret_cast<PyObject*>(awaited_function))
    return _PyEval_EvalFrameDefault(ts, frame, throw_flag);
  awaited_function = nullptr;
  port::set_frame_evaluator(ts, nullptr);
  CodeRecord* record = framework::active() ? find_record(port::code_of(frame)) : nullptr;
  PyObject* result = nullptr;
  if (record != nullptr && throw_flag == 0 && (record->compiled || policy::compile_at_call(*record)) &&
      framework::compile(record, frame->f_globals, frame->f_builtins) != nullptr && enter(ts, frame, record, &result))
    return result;
  return _PyEval_EvalFrameDefault(ts, frame, throw_flag);
}

bool is_ours(_PyFrameEvalFunction evaluator) { return evaluator == evaluate || evaluator == evaluate_once; }

}  // namespace

void start_eval_frame() {
  PyThreadState* ts = PyThreadState_Get();
  eval_frame_is_ours = is_ours;
  chained = port::frame_evaluator(ts);
  port::set_frame_evaluator(ts, evaluate);
  if (near_table != nullptr) near_table->ok_evaluator = evaluate;
  evaluate_default = evaluate_alone;
  started = true;
  suspended = false;
}

void stop_eval_frame() {
  PyThreadState* ts = PyThreadState_Get();
  if (awaited_function != nullptr) {
    awaited_function = nullptr;
    if (port::frame_evaluator(ts) == evaluate_once) port::set_frame_evaluator(ts, nullptr);
  }
  if (!started) return;
  // One that was installed after us may still call us: evaluate() then passes everything on.
  if (port::frame_evaluator(ts) == evaluate) port::set_frame_evaluator(ts, chained);
  if (near_table != nullptr) near_table->ok_evaluator = nullptr;
  evaluate_default = _PyEval_EvalFrameDefault;
  started = false;
}

void suspend_eval_frame(bool suspend) {
  if (!started || suspend == suspended) return;
  PyThreadState* ts = PyThreadState_Get();
  if (port::frame_evaluator(ts) != (suspend ? evaluate : chained)) return;
  suspended = suspend;
  port::set_frame_evaluator(ts, suspend ? chained : evaluate);
}

bool eval_frame_displaced() { return started && !suspended && port::frame_evaluator(PyThreadState_Get()) != evaluate; }

void enter_once(PyFunctionObject* func) {
  PyThreadState* ts = PyThreadState_Get();
  const _PyFrameEvalFunction evaluator = port::frame_evaluator(ts);
  if (evaluator != nullptr && evaluator != evaluate_once) return;
  eval_frame_is_ours = is_ours;
  awaited_function = func;
  if (evaluator == nullptr) port::set_frame_evaluator(ts, evaluate_once);
}

void cancel_enter_once() {
  awaited_function = nullptr;
  PyThreadState* ts = PyThreadState_Get();
  if (port::frame_evaluator(ts) == evaluate_once) port::set_frame_evaluator(ts, nullptr);
}

}  // namespace whipsnake::entry
