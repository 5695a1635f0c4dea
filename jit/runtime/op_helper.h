// The contract of an opcode helper: the C++ function that carries out one Python opcode on a value stack in memory,
// exactly as the interpreter does it. Machine code holds the fast paths; helpers are everything else.
//
//   PyObject* op_something(PyThreadState* ts, PyObject** top, intptr_t arg);
//
// * `top` points just past the operands: top[-1] is TOS. All operands are owned references in the running frame's own
//   stack area. The frame is port::current_frame(ts); its instr_ptr is already that of this opcode.
// * The helper consumes the opcode's operands in every case, in the order in which the interpreter releases them.
//   Operands that the opcode only looks at (the list of LIST_APPEND, the iterator of FOR_ITER) stay.
// * Result: exactly one value: a new reference is returned. No value: kDone. Several values: they are stored where
//   the operands were (lowest first) and kDone is returned. nullptr: an exception is set, nothing was stored.
// * A result may be an immortal (Py_True, Py_None); callers treat it as owned all the same.
// * May run any Python code unless its comment says otherwise.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake {

using OpHelper = PyObject* (*)(PyThreadState* ts, PyObject** top, intptr_t arg);

inline PyObject* const kDone = reinterpret_cast<PyObject*>(1);

}  // namespace whipsnake
