// Iterators and awaitables. 3.13 Python/bytecodes.c: GET_ITER, GET_YIELD_FROM_ITER, GET_LEN, FOR_ITER, GET_AITER,
// GET_ANEXT, GET_AWAITABLE, END_SEND.
#include "jit/runtime/frames.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

// PyObject_GetIter(). Where the class has an __iter__() that is a function in machine code, tp_iter would do nothing
// but look it up and call it. 3.13 Objects/typeobject.c, slot_tp_iter.
PyObject* iterator_of(PyThreadState* ts, PyObject* iterable) {
  PyTypeObject* type = Py_TYPE(iterable);
  if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return PyObject_GetIter(iterable);
  PyObject* found = _PyType_Lookup(type, port::names.iter);  // borrowed
  if (found == nullptr || !Py_IS_TYPE(found, &PyFunction_Type) ||
      !enters_machine_code(reinterpret_cast<PyFunctionObject*>(found)))
    return PyObject_GetIter(iterable);
  PyObject* args[] = {nullptr, Py_NewRef(iterable)};
  PyObject* iterator = call_stealing(ts, Py_NewRef(found), args + 1, 1, nullptr);
  if (iterator == nullptr || PyGen_CheckExact(iterator) || PyIter_Check(iterator)) return iterator;
  PyErr_Format(PyExc_TypeError, "iter() returned non-iterator of type '%.100s'", Py_TYPE(iterator)->tp_name);
  Py_DECREF(iterator);
  return nullptr;
}

}  // namespace

PyObject* op_get_iter(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* iterable = top[-1];
  PyObject* iterator = iterator_of(ts, iterable);
  release(iterable);
  return after_escape(ts, iterator);
}

PyObject* op_get_yield_from_iter(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* iterable = top[-1];
  if (PyGen_CheckExact(iterable)) {
    return iterable;
  }
  if (PyCoro_CheckExact(iterable)) {
    const int flags = port::code_of(port::current_frame(ts))->co_flags;
    if ((flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE)) != 0) {
      return iterable;
    }
    PyErr_SetString(PyExc_TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator");
    release(iterable);
    return nullptr;
  }
  return op_get_iter(ts, top, 0);
}

PyObject* op_get_len(PyThreadState* ts, PyObject** top, intptr_t) {
  const Py_ssize_t length = PyObject_Length(top[-1]);
  return length < 0 ? nullptr : after_escape(ts, PyLong_FromSsize_t(length));
}

PyObject* op_get_aiter(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* object = top[-1];
  PyTypeObject* type = Py_TYPE(object);
  unaryfunc getter = type->tp_as_async != nullptr ? type->tp_as_async->am_aiter : nullptr;
  if (getter == nullptr) {
    PyErr_Format(PyExc_TypeError, "'async for' requires an object with __aiter__ method, got %.100s", type->tp_name);
    release(object);
    return nullptr;
  }
  PyObject* iterator = getter(object);
  release(object);
  if (iterator == nullptr) {
    return nullptr;
  }
  PyTypeObject* iterator_type = Py_TYPE(iterator);
  if (iterator_type->tp_as_async == nullptr || iterator_type->tp_as_async->am_anext == nullptr) {
    PyErr_Format(PyExc_TypeError,
                 "'async for' received an object from __aiter__ that does not implement __anext__: %.100s",
                 iterator_type->tp_name);
    release(iterator);
    return nullptr;
  }
  return after_escape(ts, iterator);
}

PyObject* op_get_anext(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* iterator = top[-1];
  PyTypeObject* type = Py_TYPE(iterator);
  if (PyAsyncGen_CheckExact(iterator)) {
    return after_escape(ts, type->tp_as_async->am_anext(iterator));
  }
  unaryfunc getter = type->tp_as_async != nullptr ? type->tp_as_async->am_anext : nullptr;
  if (getter == nullptr) {
    PyErr_Format(PyExc_TypeError, "'async for' requires an iterator with __anext__ method, got %.100s", type->tp_name);
    return nullptr;
  }
  PyObject* next = getter(iterator);
  if (next == nullptr) {
    return nullptr;
  }
  PyObject* awaitable = _PyCoro_GetAwaitableIter(next);
  if (awaitable == nullptr) {
    _PyErr_FormatFromCause(PyExc_TypeError, "'async for' received an invalid object from __anext__: %.100s",
                           Py_TYPE(next)->tp_name);
  }
  release(next);
  return after_escape(ts, awaitable);
}

PyObject* op_get_awaitable(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-1];
  PyObject* iterator = _PyCoro_GetAwaitableIter(value);
  if (iterator == nullptr) {
    _PyEval_FormatAwaitableError(ts, Py_TYPE(value), static_cast<int>(arg));
  }
  release(value);
  if (iterator != nullptr && PyCoro_CheckExact(iterator)) {
    PyObject* awaited = _PyGen_yf(reinterpret_cast<PyGenObject*>(iterator));
    if (awaited != nullptr) {
      release(awaited, iterator);
      PyErr_SetString(PyExc_RuntimeError, "coroutine is being awaited already");
      return nullptr;
    }
  }
  return after_escape(ts, iterator);
}

}  // namespace whipsnake
