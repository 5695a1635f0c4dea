// Generators and coroutines that C code resumes: next(), sum(), asyncio's tasks, generator.send(). The interpreter
// resumes those it iterates itself without asking anyone, and compiled code resumes compiled bodies directly; the rest
// goes through slots and methods of the types, which are redirected while we are on.
#include "jit/cpython/port.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"

namespace whipsnake::entry {

namespace {

// One per type whose instances are PyGenObjects.
struct Redirected {
  PyTypeObject* type;
  bool iterates;                      // has a tp_iternext of its own
  iternextfunc iternext = nullptr;    // CPython's
  sendfunc send_slot = nullptr;
  PyCFunction send_method = nullptr;
};

Redirected redirected[] = {{&PyGen_Type, true}, {&PyCoro_Type, false}, {&PyAsyncGen_Type, false}};
bool started = false;

const Redirected& of(PyObject* generator) {
  for (const Redirected& entry : redirected)
    if (Py_IS_TYPE(generator, entry.type)) return entry;
  Py_UNREACHABLE();
}

// Whether compiled code can take this resumption. Everything unusual is CPython's: running, finished and fresh
// generators that are sent a value.
bool takes(PyGenObject* generator, PyObject* sent) {
  if (generator->gi_frame_state >= FRAME_EXECUTING || !framework::active() || !compiled_code_allowed()) return false;
  if (generator->gi_frame_state == FRAME_CREATED && sent != Py_None) return false;
  const CodeRecord* record = find_record(port::code_of(port::frame_of(generator)));
  return record != nullptr && record->compiled != nullptr;
}

PySendResult resume(PyObject* self, PyObject* sent, PyObject** result) {
  return resume_generator(PyThreadState_GetUnchecked(), reinterpret_cast<PyGenObject*>(self), Py_NewRef(sent), result);
}

// 3.13 Objects/genobject.c, gen_iternext: returning None is the end without an exception.
PyObject* iternext(PyObject* self) {
  if (!takes(reinterpret_cast<PyGenObject*>(self), Py_None)) return of(self).iternext(self);
  PyObject* result = nullptr;
  if (resume(self, Py_None, &result) != PYGEN_RETURN) return result;
  if (result != Py_None) _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

// PyGen_am_send
PySendResult send_slot(PyObject* self, PyObject* sent, PyObject** result) {
  if (sent == nullptr || !takes(reinterpret_cast<PyGenObject*>(self), sent))
    return of(self).send_slot(self, sent, result);
  return resume(self, sent, result);
}

// gen_send_ex
PyObject* send_method(PyObject* self, PyObject* sent) {
  if (!takes(reinterpret_cast<PyGenObject*>(self), sent)) return of(self).send_method(self, sent);
  PyObject* result = nullptr;
  if (resume(self, sent, &result) != PYGEN_RETURN) return result;
  if (result == Py_None)
    PyErr_SetNone(PyExc_StopIteration);
  else
    _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

PyMethodDef* find_method(PyTypeObject* type, const char* name) {
  for (PyMethodDef* method = type->tp_methods; method != nullptr && method->ml_name != nullptr; ++method)
    if (std::string(method->ml_name) == name && method->ml_flags == METH_O) return method;
  return nullptr;
}

}  // namespace

void start_generators() {
  if (started) return;
  for (Redirected& entry : redirected) {
    if (entry.iterates) {
      entry.iternext = entry.type->tp_iternext;
      entry.type->tp_iternext = iternext;
    }
    if (PyAsyncMethods* slots = entry.type->tp_as_async; slots != nullptr && slots->am_send != nullptr) {
      entry.send_slot = slots->am_send;
      slots->am_send = send_slot;
    }
    if (PyMethodDef* method = find_method(entry.type, "send")) {
      entry.send_method = method->ml_meth;
      method->ml_meth = send_method;
    }
  }
  started = true;
}

void stop_generators() {
  if (!started) return;
  for (Redirected& entry : redirected) {
    if (entry.type->tp_iternext == iternext) entry.type->tp_iternext = entry.iternext;
    if (PyAsyncMethods* slots = entry.type->tp_as_async; slots != nullptr && slots->am_send == send_slot)
      slots->am_send = entry.send_slot;
    PyMethodDef* method = find_method(entry.type, "send");
    if (method != nullptr && method->ml_meth == send_method) method->ml_meth = entry.send_method;
  }
  started = false;
}

}  // namespace whipsnake::entry
