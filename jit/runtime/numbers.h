// Number objects for machine code. None of these but dealloc() runs Python code; null means MemoryError is set.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake {

// False when the interpreter's small ints are not where they are expected; then there is no compiled code.
bool init_numbers();

// What a reference count of zero calls for: as _Py_Dealloc(), but ints are kept for reuse.
void dealloc(PyObject* object);

PyObject* int_from_signed(int64_t value);
PyObject* float_from_double(double value);

// Exact ints, borrowed operands, new result.
PyObject* int_add(PyObject* left, PyObject* right);
PyObject* int_subtract(PyObject* left, PyObject* right);
PyObject* int_multiply(PyObject* left, PyObject* right);

}  // namespace whipsnake
