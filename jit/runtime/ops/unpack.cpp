// 3.13 Python/bytecodes.c: UNPACK_SEQUENCE and specialised forms, UNPACK_EX.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

PyObject* unpack(PyThreadState* ts, PyObject** top, int before, int after) {
  PyObject* iterable = top[-1];
  // One value per name and, if some go after it, the list: written downwards from the end.
  PyObject** end = top - 1 + before + (after < 0 ? 0 : 1 + after);
  const int good = _PyEval_UnpackIterable(ts, iterable, before, after, end);
  release(iterable);
  return after_escape(ts, done_if(good != 0));
}

// A single value is, by the contract, also what the helper returns.
PyObject* unpacked(PyObject** top, intptr_t count, PyObject* result) {
  return count == 1 && result == kDone ? top[-1] : result;
}

}  // namespace

PyObject* op_unpack_sequence(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* sequence = top[-1];
  PyObject** items = nullptr;
  if (PyTuple_CheckExact(sequence) && PyTuple_GET_SIZE(sequence) == arg) {
    items = _PyTuple_ITEMS(sequence);
  } else if (PyList_CheckExact(sequence) && PyList_GET_SIZE(sequence) == arg) {
    items = _PyList_ITEMS(sequence);
  } else {
    return unpacked(top, arg, unpack(ts, top, static_cast<int>(arg), -1));
  }
  PyObject** result = top - 1;
  for (intptr_t i = arg; --i >= 0;) {
    *result++ = Py_NewRef(items[i]);
  }
  release(sequence);
  return unpacked(top, arg, kDone);
}

PyObject* op_unpack_ex(PyThreadState* ts, PyObject** top, intptr_t arg) {
  const intptr_t count = (arg & 0xff) + 1 + (arg >> 8);
  return unpacked(top, count, unpack(ts, top, static_cast<int>(arg & 0xff), static_cast<int>(arg >> 8)));
}

}  // namespace whipsnake
