// Number objects for machine code and helpers. None of these but dealloc() runs Python code; null means MemoryError is
// set.
#pragma once

#include "jit/asm/masm.h"
#include "jit/cpython/port.h"

namespace whipsnake {

// False when the interpreter's small ints are not where they are expected; then there is no compiled code.
bool init_numbers();

// What a reference count of zero calls for: as _Py_Dealloc(), but ints are kept for reuse, and floats kept in a shorter
// way; for all other objects end_object() of objects.h.
void dealloc(PyObject* object);

PyObject* int_from_signed(int64_t value);
// Emits: `result` = the object of `value`, which is lost, one of the small ints that the interpreter shares.
void load_small_int(Masm& masm, Reg result, Reg value);
// The same for any value; what is not one of those leads to `larger`, with the value kept.
void load_if_small_int(Masm& masm, Reg result, Reg value, Reg temp, Label larger);
PyObject* float_from_double(double value);

// Shared machine code for floats: kF0 -> kRet = a new one, null when out of memory; and giving up one reference to the
// exact float at kArg0. Clobber kT0 to kT2 besides, or what a C function does. Null: no memory for the code.
const uint8_t* new_float_code();
const uint8_t* release_float_code();

// A call of new_float_code(), which is there: kRet = a new float of kF0. `failed`: MemoryError is set.
void call_new_float(Masm& masm, Label failed);

// Shared machine code: kF0 and kF1 = the values of kArg0 and kArg1, of which one is an exact float and the other an
// exact int of one digit, and kRet = 0. kRet = 1: they are others. Clobbers kT0 and kT1. Null: no memory for the code.
const uint8_t* load_mixed_code();

// Gives up a reference to an exact int or float.
void release_int(PyObject* object);
void release_float(PyObject* object);

// The function for operation `oparg` of BINARY_OP on exact ints of any size: borrowed operands, new result; null with
// an exception. Null: there is none for it.
using IntFunction = PyObject* (*)(PyObject* left, PyObject* right);
IntFunction int_function(intptr_t oparg);

}  // namespace whipsnake
