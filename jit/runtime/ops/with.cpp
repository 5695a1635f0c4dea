// 3.13 Python/bytecodes.c: BEFORE_WITH, BEFORE_ASYNC_WITH, WITH_EXCEPT_START.
#include "jit/runtime/frames.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

struct Protocol {
  PyObject* enter;
  PyObject* exit;
  const char* no_enter;
  const char* no_exit;
};

PyObject* special_method(PyThreadState* ts, PyObject* manager, PyObject* name, const char* complaint) {
  PyObject* method = _PyObject_LookupSpecial(manager, name);
  if (method == nullptr && ts->current_exception == nullptr) {
    PyErr_Format(PyExc_TypeError, complaint, Py_TYPE(manager)->tp_name);
  }
  return method;
}

// What calls `manager`'s method of that name. *unbound: it is what its class has, a function, say, and is called with
// the manager, so that no bound method is needed. New reference; null with an exception set.
PyObject* method_to_call(PyThreadState* ts, PyObject* manager, PyObject* name, const char* complaint, bool* unbound) {
  PyObject* found = _PyType_Lookup(Py_TYPE(manager), name);
  *unbound = found != nullptr && _PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR);
  return *unbound ? Py_NewRef(found) : special_method(ts, manager, name, complaint);
}

PyObject* enter(PyThreadState* ts, PyObject** top, const Protocol& protocol) {
  PyObject* manager = top[-1];
  bool unbound = false;
  PyObject* enter = method_to_call(ts, manager, protocol.enter, protocol.no_enter, &unbound);
  PyObject* exit = nullptr;
  if (enter != nullptr) {
    exit = special_method(ts, manager, protocol.exit, protocol.no_exit);
  }
  if (exit == nullptr) {
    Py_XDECREF(enter);
    release(manager);
    return nullptr;
  }
  PyObject* entered = nullptr;
  if (unbound) {
    PyObject* arguments[] = {nullptr, Py_NewRef(manager)};
    entered = call_stealing(ts, enter, arguments + 1, 1, nullptr);
    release(manager);  // not before: a bound method would have held it
  } else {
    release(manager);
    entered = PyObject_CallNoArgs(enter);
    release(enter);
  }
  if (entered == nullptr) {
    release(exit);
    return nullptr;
  }
  top[-1] = exit;
  top[0] = entered;
  return after_escape(ts, kDone);
}

}  // namespace

PyObject* op_before_with(PyThreadState* ts, PyObject** top, intptr_t) {
  const Protocol protocol = {port::names.enter, port::names.exit,
                             "'%.200s' object does not support the context manager protocol",
                             "'%.200s' object does not support the context manager protocol (missed __exit__ method)"};
  return enter(ts, top, protocol);
}

PyObject* op_before_async_with(PyThreadState* ts, PyObject** top, intptr_t) {
  const Protocol protocol = {
      port::names.aenter, port::names.aexit,
      "'%.200s' object does not support the asynchronous context manager protocol",
      "'%.200s' object does not support the asynchronous context manager protocol (missed __aexit__ method)"};
  return enter(ts, top, protocol);
}

PyObject* op_with_except_start(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* exit = top[-4];
  PyObject* exception = top[-1];
  // Borrowed from the exception, like its class.
  PyObject* traceback = reinterpret_cast<PyBaseExceptionObject*>(exception)->traceback;
  PyObject* arguments[] = {nullptr, PyExceptionInstance_Class(exception), exception,
                           traceback != nullptr ? traceback : Py_None};
  PyObject* result = PyObject_Vectorcall(exit, arguments + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  return after_escape(ts, result);
}

}  // namespace whipsnake
