#include "jit/runtime/numbers.h"

namespace whipsnake {

PyObject* int_from_signed(int64_t value) { return PyLong_FromLongLong(value); }
PyObject* float_from_double(double value) { return PyFloat_FromDouble(value); }

PyObject* int_add(PyObject* left, PyObject* right) {
  return _PyLong_Add(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}
PyObject* int_subtract(PyObject* left, PyObject* right) {
  return _PyLong_Subtract(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}
PyObject* int_multiply(PyObject* left, PyObject* right) {
  return _PyLong_Multiply(reinterpret_cast<PyLongObject*>(left), reinterpret_cast<PyLongObject*>(right));
}

}  // namespace whipsnake
