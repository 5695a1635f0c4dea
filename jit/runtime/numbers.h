// Number objects for machine code. None of these runs Python code; null means MemoryError is set.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake {

PyObject* int_from_signed(int64_t value);
PyObject* float_from_double(double value);

// Exact ints, borrowed operands, new result.
PyObject* int_add(PyObject* left, PyObject* right);
PyObject* int_subtract(PyObject* left, PyObject* right);
PyObject* int_multiply(PyObject* left, PyObject* right);

}  // namespace whipsnake
