// Monitoring events that compiled code owes to tools when it unwinds. The interpreter fires them through hidden
// functions; the exported C API of PEP 669 for foreign code calls the same tools with the same arguments.
#include "jit/cpython/port.h"

namespace whipsnake::port {

namespace {

using Fire = int (*)(PyMonitoringState*, PyObject*, int32_t);

// 3.13 Python/ceval.c, do_monitor_exc and no_tools_for_global_event. The exception to tell of is the pending one.
void fire(PyThreadState* ts, Frame* frame, int instruction, int event, Fire function) {
  PyCodeObject* code = code_of(frame);
  const uint8_t tools = ts->interp->monitors.tools[event];
  if (tools == 0 || ts->tracing != 0 || (code->co_flags & CO_NO_MONITORING_EVENTS) != 0) return;
  PyMonitoringState state{};
  state.active = tools;
  function(&state, reinterpret_cast<PyObject*>(code), static_cast<int32_t>(instruction) * int32_t{sizeof(CodeUnit)});
}

}  // namespace

void fire_exception_handled(PyThreadState* ts, Frame* frame, int instruction, PyObject* exception) {
  PyErr_SetRaisedException(Py_NewRef(exception));
  fire(ts, frame, instruction, PY_MONITORING_EVENT_EXCEPTION_HANDLED, _PyMonitoring_FireExceptionHandledEvent);
  PyErr_Clear();
}

void fire_unwind(PyThreadState* ts, Frame* frame) {
  fire(ts, frame, instruction_index(frame), PY_MONITORING_EVENT_PY_UNWIND, _PyMonitoring_FirePyUnwindEvent);
}

void fire_reraise(PyThreadState* ts, Frame* frame) {
  fire(ts, frame, instruction_index(frame), PY_MONITORING_EVENT_RERAISE, _PyMonitoring_FireReraiseEvent);
}

// 3.13 Python/instrumentation.c, _Py_call_instrumentation_line.
bool fire_line(PyThreadState* ts, Frame* frame, int previous) {
  PyCodeObject* code = code_of(frame);
  const int index = instruction_index(frame);
  const _PyCoMonitoringData* data = code->_co_monitoring;
  if (data == nullptr || ts->tracing != 0 || frame->instr_ptr->op.code != INSTRUMENTED_LINE) return true;
  const int unit = static_cast<int>(sizeof(CodeUnit));
  const int line = PyCode_Addr2Line(code, index * unit);
  if (line < 0 || line == PyCode_Addr2Line(code, previous * unit)) return true;
  PyMonitoringState state{};
  state.active = data->line_tools != nullptr
                     ? data->line_tools[index]
                     : static_cast<uint8_t>(ts->interp->monitors.tools[PY_MONITORING_EVENT_LINE] |
                                            data->local_monitors.tools[PY_MONITORING_EVENT_LINE]);
  if (state.active == 0) return true;
  return _PyMonitoring_FireLineEvent(&state, reinterpret_cast<PyObject*>(code), index * unit, line) >= 0;
}

}  // namespace whipsnake::port
