// Loops that the interpreter is already running: local JUMP events of sys.monitoring count their back edges, and the
// event callback runs compiled code in place, on the interpreter's own frame. Compiled code leaves the frame wherever
// it stops, the interpreter reloads position and stack after the callback (3.13 Python/ceval_macros.h,
// INSTRUMENTED_JUMP), and goes on there: behind the loop, at a return, or at an exit in the middle of it. [osr]
#include "jit/cpython/loops.h"
#include "jit/cpython/port.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/engine/policy.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/records.h"
#include "jit/support/clock.h"

namespace whipsnake::entry {

namespace {

bool started = false;
PyObject* callback = nullptr;  // made once, kept

// The interpreter, and nobody else, looks at this frame.
bool may_enter(PyThreadState* ts, PyCodeObject* code) {
  const _PyFrameEvalFunction evaluator = port::frame_evaluator(ts);
  return compiled_code_allowed() && !code_is_monitored(ts, code) &&
         (evaluator == nullptr || eval_frame_is_ours(evaluator)) && !native_stack_low(ts);
}

void enter(PyThreadState* ts, CodeRecord* record, Frame* frame, const uint8_t* target) {
  // Callbacks run with tracing switched off; what the loop calls is not part of the callback.
  const int event = ts->what_event;
  --ts->tracing;
  ts->what_event = -1;
  const uint64_t begin = now();
  enter_loop(ts, frame, target);
  const uint64_t end = now();
  ts->what_event = event;
  ++ts->tracing;
  // The frame still has its reference to the code object, and with it to the record.
  policy::LoopAccount account{record->loop_credit};
  const bool pays = policy::loop_entry_pays(account, end - begin);
  record->loop_credit = account.credit;
  if (!pays) ignore_loops(record);
}

void on_back_edge(PyThreadState* ts, CodeRecord* record, Frame* frame, int target) {
  if (record->state == TierState::kCold) {
    ++record->back_edges;
    if (!policy::compile_at_back_edge(*record)) return;
    framework::compile(record, frame->f_globals, frame->f_builtins);
  }
  if (!record->compiled) {
    ignore_loops(record);
    return;
  }
  CompiledCode* compiled = record->compiled.get();
  if (compiled->globals != frame->f_globals || compiled->builtins != frame->f_builtins) return;
  const uint8_t* address = compiled->entry(target);
  if (address == nullptr || !may_enter(ts, record->code)) return;
  enter(ts, record, frame, address);
}

// callback(code, offset of the jump, offset of its target), both in bytes
PyObject* on_jump(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!framework::active() || count != 3) Py_RETURN_NONE;
  PyThreadState* ts = PyThreadState_GetUnchecked();
  auto* code = reinterpret_cast<PyCodeObject*>(args[0]);
  Frame* frame = port::current_frame(ts);
  const long from = PyLong_AsLong(args[1]);
  const long to = PyLong_AsLong(args[2]);
  if (to > from) return Py_NewRef(port::monitoring_disable());
  CodeRecord* record = find_record(code);
  if (record == nullptr || frame == nullptr || port::code_of(frame) != code || ts->tracing != 1) Py_RETURN_NONE;
  on_back_edge(ts, record, frame, static_cast<int>(to / static_cast<long>(sizeof(CodeUnit))));
  Py_RETURN_NONE;
}

PyMethodDef kCallback = {"whipsnake_loop_counter",
                         reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)(void)>(&on_jump)), METH_FASTCALL,
                         nullptr};

void watch_frames(PyThreadState* thread) {
  for (Frame* frame = thread->current_frame; frame != nullptr; frame = frame->previous) {
    if (!port::is_of_program(frame)) continue;
    if (CodeRecord* record = get_record(port::code_of(frame))) watch_loops(record);
  }
}

void ignore_loops_of(CodeRecord* record, void*) { ignore_loops(record); }

}  // namespace

void watch_loops(CodeRecord* record) {
  if (!started || record->loop_events_on) return;
  record->has_loops = port::has_backward_jump(record->code);
  if (!policy::count_back_edges(*record)) return;
  record->loop_events_on = port::set_jump_events(record->code, true);
}

void ignore_loops(CodeRecord* record) {
  if (!record->loop_events_on) return;
  record->loop_events_on = false;
  if (port::optimizer_tool_is_ours()) port::set_jump_events(record->code, false);
}

std::string start_loops() {
  if (callback == nullptr) callback = PyCFunction_New(&kCallback, nullptr);
  if (callback == nullptr) {
    PyErr_Clear();
    return "out of memory";
  }
  if (!port::claim_optimizer_tool(callback)) return "sys.monitoring tool id 5 is taken";
  started = true;
  if (policy::thresholds.sampled) return "";
  PyInterpreterState* interp = PyInterpreterState_Get();
  for (PyThreadState* thread = PyInterpreterState_ThreadHead(interp); thread != nullptr;
       thread = PyThreadState_Next(thread))
    watch_frames(thread);
  return "";
}

void stop_loops() {
  if (!started) return;
  visit_records(ignore_loops_of, nullptr);
  started = false;
  port::release_optimizer_tool();
}

}  // namespace whipsnake::entry
