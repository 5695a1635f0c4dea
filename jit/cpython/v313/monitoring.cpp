#include "jit/cpython/v313/monitoring.h"

namespace whipsnake::port {

namespace {

constexpr int kToolId = 5;  // sys.monitoring.OPTIMIZER_ID; context.cpp leaves it out when it asks who listens
constexpr char kToolName[] = "whipsnake";

// All borrowed from the module sys.monitoring of the main interpreter, which keeps them for life, except the
// integers and the name, which are ours.
struct Module {
  PyObject* use_tool_id = nullptr;
  PyObject* free_tool_id = nullptr;
  PyObject* get_tool = nullptr;
  PyObject* register_callback = nullptr;
  PyObject* set_local_events = nullptr;
  PyObject* set_events = nullptr;
  PyObject* disable = nullptr;
  PyObject* tool_id = nullptr;
  PyObject* tool_name = nullptr;
  PyObject* jump = nullptr;
  PyObject* none = nullptr;  // 0 as an event set
  PyCFunctionFast set_local_events_entry = nullptr;
  PyCFunctionFast set_events_entry = nullptr;
};
Module module;
PyObject* registered = nullptr;  // our callback, borrowed
void (*on_change)(PyCodeObject* code) = nullptr;

// Carries out what may set and clear exceptions; one that is pending stays so.
template <typename Action>
auto with_exception_kept(Action action) {
  PyObject* pending = PyErr_GetRaisedException();
  auto result = action();
  PyErr_SetRaisedException(pending);
  return result;
}

constexpr uint8_t kForeignTools = 0x1f;  // ids 0 to 4; 6 and 7 are the legacy profiler and tracer

PyMethodDef* method_of(PyObject* function) { return reinterpret_cast<PyCFunctionObject*>(function)->m_ml; }

PyCFunctionFast entry_of(PyObject* function) {
  return reinterpret_cast<PyCFunctionFast>(reinterpret_cast<void (*)(void)>(method_of(function)->ml_meth));
}

void set_entry(PyObject* function, PyCFunctionFast entry) {
  method_of(function)->ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)(void)>(entry));
}

bool takes_positional(PyObject* function) {
  return PyCFunction_Check(function) &&
         (PyCFunction_GET_FLAGS(function) & (METH_FASTCALL | METH_KEYWORDS)) == METH_FASTCALL;
}

bool look_up(PyObject* from, const char* name, PyObject** result) {
  *result = PyObject_GetAttrString(from, name);
  return *result != nullptr;
}

bool load() {
  if (module.set_local_events_entry != nullptr) return true;
  PyObject* monitoring = PySys_GetObject("monitoring");  // borrowed
  Module found;
  if (monitoring == nullptr || !look_up(monitoring, "use_tool_id", &found.use_tool_id) ||
      !look_up(monitoring, "free_tool_id", &found.free_tool_id) || !look_up(monitoring, "get_tool", &found.get_tool) ||
      !look_up(monitoring, "register_callback", &found.register_callback) ||
      !look_up(monitoring, "set_local_events", &found.set_local_events) ||
      !look_up(monitoring, "set_events", &found.set_events) || !look_up(monitoring, "DISABLE", &found.disable) ||
      !takes_positional(found.set_local_events) || !takes_positional(found.set_events))
    return false;
  found.tool_id = PyLong_FromLong(kToolId);
  found.jump = PyLong_FromLong(1 << PY_MONITORING_EVENT_JUMP);
  found.none = PyLong_FromLong(0);
  found.tool_name = PyUnicode_InternFromString(kToolName);
  if (found.tool_id == nullptr || found.jump == nullptr || found.none == nullptr || found.tool_name == nullptr)
    return false;
  found.set_local_events_entry = entry_of(found.set_local_events);
  found.set_events_entry = entry_of(found.set_events);
  module = found;
  return true;
}

// Calls a function of the module, throwing the result away.
bool call(PyObject* function, PyObject* first, PyObject* second, PyObject* third = nullptr) {
  PyObject* args[] = {first, second, third};
  const size_t count = third != nullptr ? 3 : second != nullptr ? 2 : 1;
  PyObject* result = PyObject_Vectorcall(function, args, count, nullptr);
  Py_XDECREF(result);
  return result != nullptr;
}

// The same by the C entry point that the function had before we observed it.
template <typename... Arguments>
bool call_unobserved(PyCFunctionFast entry, PyObject* function, Arguments... arguments) {
  PyObject* args[] = {arguments...};
  PyObject* result = entry(PyCFunction_GET_SELF(function), args, sizeof...(arguments));
  Py_XDECREF(result);
  return result != nullptr;
}

bool set_events(PyObject* tool_id, PyObject* events) {
  return call_unobserved(module.set_events_entry, module.set_events, tool_id, events);
}

// With any change of a tool's global events the interpreter goes through all code that is running. This event has no
// instructions. (Not local events: a second tool makes it forget opcode events of the code.)
bool instrument_running_code(PyObject* tool_id) {
  PyObject* event = PyLong_FromLong(1 << PY_MONITORING_EVENT_EXCEPTION_HANDLED);
  const bool done = event != nullptr && set_events(tool_id, event) && set_events(tool_id, module.none);
  Py_XDECREF(event);
  return done;
}

// The same where our own id is not to be had.
bool instrument_running_code_by_any_tool() {
  for (long id = kToolId; id >= 0; --id) {
    PyObject* tool_id = PyLong_FromLong(id);  // immortal
    if (call(module.use_tool_id, tool_id, module.tool_name)) {
      const bool done = instrument_running_code(tool_id);
      PyErr_Clear();
      return call(module.free_tool_id, tool_id, nullptr) && done;
    }
    PyErr_Clear();
  }
  return false;
}

bool is_instrumented_as_is_heard(const PyCodeObject* code, const PyInterpreterState* interp) {
  const _PyCoMonitoringData* data = code->_co_monitoring;
  if (data == nullptr) return true;  // never instrumented; who began to listen since has seen to what is running
  for (int event = 0; event < _PY_MONITORING_LOCAL_EVENTS; ++event)
    if (data->active_monitors.tools[event] != (interp->monitors.tools[event] | data->local_monitors.tools[event]))
      return false;
  return true;
}

// Reports a successful change made in the main interpreter.
PyObject* report(PyObject* result, PyObject* code) {
  if (result != nullptr && on_change != nullptr && PyInterpreterState_Get() == PyInterpreterState_Main())
    on_change(code != nullptr && PyCode_Check(code) ? reinterpret_cast<PyCodeObject*>(code) : nullptr);
  return result;
}

PyObject* set_local_events_observed(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return report(module.set_local_events_entry(self, args, count), count == 3 ? args[1] : nullptr);
}

PyObject* set_events_observed(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return report(module.set_events_entry(self, args, count), nullptr);
}

}  // namespace

bool claim_optimizer_tool(PyObject* callback) {
  const bool ok = with_exception_kept([callback] {
    if (!load() || !call(module.use_tool_id, module.tool_id, module.tool_name)) return false;
    if (call(module.register_callback, module.tool_id, module.jump, callback)) return true;
    PyErr_Clear();
    call(module.free_tool_id, module.tool_id, nullptr);
    return false;
  });
  if (ok) registered = callback;
  return ok;
}

void release_optimizer_tool() {
  if (registered == nullptr) return;
  if (optimizer_tool_is_ours())
    with_exception_kept([] {
      return call(module.register_callback, module.tool_id, module.jump, Py_None) &&
             call(module.free_tool_id, module.tool_id, nullptr);
    });
  registered = nullptr;
}

bool optimizer_tool_is_ours() {
  const PyInterpreterState* interp = PyInterpreterState_Get();
  return registered != nullptr && interp->monitoring_tool_names[kToolId] == module.tool_name &&
         interp->monitoring_callables[kToolId][PY_MONITORING_EVENT_JUMP] == registered;
}

bool set_jump_events(PyCodeObject* code, bool on) {
  return with_exception_kept([code, on] {
    return call_unobserved(module.set_local_events_entry, module.set_local_events, module.tool_id,
                           reinterpret_cast<PyObject*>(code), on ? module.jump : module.none);
  });
}

void update_instrumentation(PyCodeObject* code) {
  if (is_instrumented_as_is_heard(code, PyInterpreterState_Get())) [[likely]]
    return;
  with_exception_kept([] {
    return load() &&
           (optimizer_tool_is_ours() ? instrument_running_code(module.tool_id) : instrument_running_code_by_any_tool());
  });
}

PyObject* monitoring_disable() { return module.disable; }

bool has_foreign_local_events(PyCodeObject* code) {
  const _PyCoMonitoringData* data = code->_co_monitoring;
  if (data == nullptr) return false;
  for (const uint8_t tools : data->local_monitors.tools)
    if ((tools & ~(1u << kToolId)) != 0) return true;
  return false;
}

bool calls_are_heard() {
  // RAISE and RERAISE in a caller are told with the position of a call that the interpreter has inlined.
  const uint8_t* tools = PyInterpreterState_Get()->monitors.tools;
  return ((tools[PY_MONITORING_EVENT_CALL] | tools[PY_MONITORING_EVENT_RAISE] | tools[PY_MONITORING_EVENT_RERAISE]) &
          kForeignTools) != 0;
}

bool calls_are_heard(PyCodeObject* code) {
  const _PyCoMonitoringData* data = code->_co_monitoring;
  return data != nullptr && (data->local_monitors.tools[PY_MONITORING_EVENT_CALL] & kForeignTools) != 0;
}

bool global_events_are_heard() {
  for (const uint8_t tools : PyInterpreterState_Get()->monitors.tools)
    if ((tools & kForeignTools) != 0) return true;
  return false;
}

bool observe_events(void (*changed)(PyCodeObject* code)) {
  if (!with_exception_kept(load)) return false;
  on_change = changed;
  set_entry(module.set_local_events, set_local_events_observed);
  set_entry(module.set_events, set_events_observed);
  return true;
}

void stop_observing_events() {
  if (on_change == nullptr) return;
  on_change = nullptr;
  // Someone may have redirected them further.
  if (entry_of(module.set_local_events) == set_local_events_observed)
    set_entry(module.set_local_events, module.set_local_events_entry);
  if (entry_of(module.set_events) == set_events_observed) set_entry(module.set_events, module.set_events_entry);
}

}  // namespace whipsnake::port
