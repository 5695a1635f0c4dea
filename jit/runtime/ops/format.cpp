// 3.13 Python/bytecodes.c: CONVERT_VALUE, FORMAT_SIMPLE, FORMAT_WITH_SPEC.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_convert_value(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-1];
  PyObject* result = _PyEval_ConversionFuncs[arg](value);
  release(value);
  return after_escape(ts, result);
}

PyObject* op_format_simple(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-1];
  if (PyUnicode_CheckExact(value)) {
    return value;
  }
  PyObject* result = PyObject_Format(value, nullptr);
  release(value);
  return after_escape(ts, result);
}

PyObject* op_format_with_spec(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-2];
  PyObject* spec = top[-1];
  PyObject* result = PyObject_Format(value, spec);
  release(value, spec);
  return after_escape(ts, result);
}

}  // namespace whipsnake
