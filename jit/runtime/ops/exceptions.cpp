// Handling and raising. 3.13 Python/bytecodes.c: PUSH_EXC_INFO, POP_EXCEPT, CHECK_EXC_MATCH, CHECK_EG_MATCH,
// RAISE_VARARGS, CLEANUP_THROW, END_ASYNC_FOR.
#include "jit/runtime/objects.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_push_exc_info(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* exception = top[-1];
  PyObject* previous = ts->exc_info->exc_value;
  top[-1] = previous != nullptr ? previous : Py_None;
  top[0] = exception;
  ts->exc_info->exc_value = Py_NewRef(exception);
  return kDone;
}

PyObject* op_pop_except(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* previous = top[-1];
  PyObject* handled = ts->exc_info->exc_value;
  ts->exc_info->exc_value = Py_IsNone(previous) ? nullptr : previous;
  release_or_null(handled);
  return after_escape(ts, kDone);
}

PyObject* op_check_exc_match(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* type = top[-1];
  PyObject* result = nullptr;
  if (_PyEval_CheckExceptTypeValid(ts, type) == 0) {
    result = boolean(PyErr_GivenExceptionMatches(top[-2], type) != 0);
  }
  release(type);
  return after_escape(ts, result);
}

PyObject* op_check_eg_match(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* exception = top[-2];
  PyObject* type = top[-1];
  PyObject* match = nullptr;
  PyObject* rest = nullptr;
  int failed = _PyEval_CheckExceptStarTypeValid(ts, type);
  if (failed == 0) {
    failed = _PyEval_ExceptionGroupMatch(exception, type, &match, &rest);
  }
  release(exception, type);
  if (failed < 0 || match == nullptr) {
    return nullptr;
  }
  if (!Py_IsNone(match)) {
    PyErr_SetHandledException(match);
  }
  top[-2] = rest;
  top[-1] = match;
  return after_escape(ts, kDone);
}

namespace {

// Calls an exception class for `raise Class` and `from Class`. New reference.
PyObject* call_class(PyThreadState* ts, PyObject* type) {
  auto* plain = reinterpret_cast<PyTypeObject*>(type);
  if (is_plain_exception_class(plain)) return new_exception(ts, plain, PyTuple_New(0));
  PyObject* value = PyObject_CallNoArgs(type);
  if (value != nullptr && !PyExceptionInstance_Check(value)) {
    PyErr_Format(PyExc_TypeError, "calling %R should have returned an instance of BaseException, not %R", type,
                 Py_TYPE(value));
    Py_CLEAR(value);
  }
  return value;
}

// Gives value its __cause__. Steals cause. False: an exception is set.
bool set_cause(PyThreadState* ts, PyObject* value, PyObject* cause) {
  if (PyExceptionClass_Check(cause)) {
    PyObject* instance = call_class(ts, cause);
    release(cause);
    if (instance == nullptr) {
      return false;
    }
    cause = instance;
  } else if (Py_IsNone(cause)) {
    cause = nullptr;
  } else if (!PyExceptionInstance_Check(cause)) {
    PyErr_SetString(PyExc_TypeError, "exception causes must derive from BaseException");
    release(cause);
    return false;
  }
  PyException_SetCause(value, cause);
  return true;
}

// 3.13 Python/errors.c, _PyErr_SetObject, with an instance of `type`: where no exception is being handled there is
// nothing to chain. A metaclass of its own may have something to say about subclasses.
void set_exception(PyThreadState* ts, PyObject* type, PyObject* value) {
  const _PyErr_StackItem* handled = ts->exc_info;
  while (handled != nullptr && (handled->exc_value == nullptr || Py_IsNone(handled->exc_value)))
    handled = handled->previous_item;
  if (handled == nullptr && ts->current_exception == nullptr && PyType_CheckExact(type) &&
      Py_IS_TYPE(value, reinterpret_cast<PyTypeObject*>(type)))
    return port::give_exception(ts, Py_NewRef(value));
  PyErr_SetObject(type, value);
}

bool reraise() {
  PyObject* handled = PyErr_GetHandledException();
  if (handled == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "No active exception to reraise");
    return false;
  }
  PyErr_SetRaisedException(handled);
  return true;
}

}  // namespace

// 3.13 Python/ceval.c, do_raise.
bool op_raise(PyThreadState* ts, PyObject* exc, PyObject* cause) {
  if (exc == nullptr) {
    return reraise();
  }
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  if (PyExceptionClass_Check(exc)) {
    type = exc;
    value = call_class(ts, exc);
  } else if (PyExceptionInstance_Check(exc)) {
    type = Py_NewRef(PyExceptionInstance_Class(exc));
    value = exc;
  } else {
    release(exc);
    PyErr_SetString(PyExc_TypeError, "exceptions must derive from BaseException");
  }
  if (value == nullptr) {
    Py_XDECREF(cause);
  } else if (cause == nullptr || set_cause(ts, value, cause)) {
    set_exception(ts, type, value);
  }
  Py_XDECREF(value);
  Py_XDECREF(type);
  return false;
}

PyObject* op_raise_varargs(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject** operands = top - arg;
  op_raise(ts, arg >= 1 ? operands[0] : nullptr, arg >= 2 ? operands[1] : nullptr);
  return nullptr;
}

int op_cleanup_throw(PyThreadState*, PyObject** top) {
  PyObject* iterator = top[-3];
  PyObject* last_sent = top[-2];
  PyObject* exception = top[-1];
  if (PyErr_GivenExceptionMatches(exception, PyExc_StopIteration) == 0) {
    // The unwinding that follows releases the operands, from the top down.
    PyErr_SetRaisedException(exception);
    release(last_sent, iterator);
    return 0;
  }
  PyObject* value = Py_NewRef(reinterpret_cast<PyStopIterationObject*>(exception)->value);
  release(iterator, last_sent, exception);
  top[-3] = Py_None;
  top[-2] = value;
  return 1;
}

int op_end_async_for(PyThreadState*, PyObject** top) {
  PyObject* awaitable = top[-2];
  PyObject* exception = top[-1];
  if (PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration) == 0) {
    PyErr_SetRaisedException(exception);
    release(awaitable);
    return 0;
  }
  release(awaitable, exception);
  return 1;
}

}  // namespace whipsnake
