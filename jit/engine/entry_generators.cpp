// Generators and coroutines that C code resumes: next(), sum(), asyncio's tasks, generator.send(). The interpreter
// resumes those it iterates itself without asking anyone, and compiled code resumes compiled bodies directly; the rest
// goes through slots and methods of the types, which are redirected while we are on.
#include <iterator>

#include "jit/cpython/port.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/runtime/context.h"
#include "jit/runtime/generators.h"

namespace whipsnake::entry {

namespace {

// One per type whose instances are PyGenObjects.
struct Redirected {
  PyTypeObject* type;
  bool iterates;                    // has a tp_iternext of its own
  iternextfunc iternext = nullptr;  // CPython's
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

// Where compiled code takes this resumption, or null. Everything unusual is CPython's: running, finished and fresh
// generators that are sent a value. The types are those of sub-interpreters, too.
const uint8_t* takes(PyObject* self, PyObject* sent) {
  auto* generator = reinterpret_cast<PyGenObject*>(self);
  PyThreadState* ts = port::current_thread();
  if (generator->gi_frame_state >= FRAME_EXECUTING || !framework::enabled() || ts->interp != port::main_interpreter)
    return nullptr;
  if (generator->gi_frame_state == FRAME_CREATED && sent != Py_None) return nullptr;
  return resume_target(ts, port::frame_of(generator));
}

PySendResult resume(PyObject* self, PyObject* sent, const uint8_t* target, PyObject** result) {
  return resume_generator_at(port::thread_with_gil(), reinterpret_cast<PyGenObject*>(self), Py_NewRef(sent), target,
                             result);
}

// What generators that C code iterates had for code, by the code object's address.
ResumeCache iterated[256];
ResumeCache* cache_of(const Frame* frame) {
  return &iterated[(reinterpret_cast<uintptr_t>(frame->f_executable) >> 5) % std::size(iterated)];
}

// 3.13 Objects/genobject.c, gen_iternext: returning None is the end without an exception.
PyObject* iternext(PyObject* self) {
  auto* generator = reinterpret_cast<PyGenObject*>(self);
  Frame* frame = port::frame_of(generator);
  ResumeCache* cache = cache_of(frame);
  PyObject* result = nullptr;
  if (cache->link.code == frame->f_executable && generator->gi_frame_state < FRAME_EXECUTING && framework::enabled() &&
      compiled_code_allowed() && port::is_only_interpreter()) [[likely]] {
    bool returned = false;
    result = resume_next(port::thread_with_gil(), generator, cache, &returned);
    if (result == nullptr || !returned) return result;
  } else {
    const uint8_t* target = takes(self, Py_None);
    if (target == nullptr) return of(self).iternext(self);
    remember_code(cache, frame);
    if (resume(self, Py_None, target, &result) != PYGEN_RETURN) return result;
  }
  if (result != Py_None) _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

// PyGen_am_send
PySendResult send_slot(PyObject* self, PyObject* sent, PyObject** result) {
  const uint8_t* target = sent != nullptr ? takes(self, sent) : nullptr;
  return target != nullptr ? resume(self, sent, target, result) : of(self).send_slot(self, sent, result);
}

// gen_send_ex
PyObject* send_method(PyObject* self, PyObject* sent) {
  const uint8_t* target = takes(self, sent);
  if (target == nullptr) return of(self).send_method(self, sent);
  PyObject* result = nullptr;
  if (resume(self, sent, target, &result) != PYGEN_RETURN) return result;
  if (result == Py_None)
    PyErr_SetNone(PyExc_StopIteration);
  else
    _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

// --- async generators: C code resumes them through the awaitables of asend() and __anext__()

iternextfunc asend_iternext = nullptr;  // CPython's
PyCFunction asend_send = nullptr;

// For the case that compiled code takes; `sent` is null for tp_iternext. False: CPython's turn.
bool resume_asend(PyObject* self, PyObject* sent, PyObject** result) {
  auto* awaitable = reinterpret_cast<port::AsyncSend*>(self);
  sent = sent_by_asend(awaitable, sent);
  const uint8_t* target = sent != nullptr ? takes(reinterpret_cast<PyObject*>(awaitable->generator), sent) : nullptr;
  if (target == nullptr) return false;
  if (resume_asend_at(port::thread_with_gil(), awaitable, sent, target, result) == PYGEN_RETURN) {
    _PyGen_SetStopIterationValue(*result);
    Py_CLEAR(*result);
  }
  return true;
}

PyObject* asend_iternext_redirected(PyObject* self) {
  PyObject* result = nullptr;
  return resume_asend(self, nullptr, &result) ? result : asend_iternext(self);
}

PyObject* asend_send_redirected(PyObject* self, PyObject* sent) {
  PyObject* result = nullptr;
  return resume_asend(self, sent, &result) ? result : asend_send(self, sent);
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
  PyMethodDef* method = find_method(&_PyAsyncGenASend_Type, "send");
  async_yield = port::async_yield_type();
  if (async_yield != nullptr && method != nullptr) {
    asend_iternext = _PyAsyncGenASend_Type.tp_iternext;
    _PyAsyncGenASend_Type.tp_iternext = asend_iternext_redirected;
    asend_send = method->ml_meth;
    method->ml_meth = asend_send_redirected;
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
  if (_PyAsyncGenASend_Type.tp_iternext == asend_iternext_redirected)
    _PyAsyncGenASend_Type.tp_iternext = asend_iternext;
  PyMethodDef* method = find_method(&_PyAsyncGenASend_Type, "send");
  if (method != nullptr && method->ml_meth == asend_send_redirected) method->ml_meth = asend_send;
  started = false;
}

}  // namespace whipsnake::entry
