// Machine code with names for the addresses in it, for tests and for people who read it in a disassembler.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake::observe {

// A dict for the machine code of ours that calls of `func` enter, or None where there is none:
//   code      its bytes
//   address   where they are
//   entries   list of (instruction, offset in code): where it can be entered, in order of the instructions
//   symbols   address to name: cells of the near table ("int_add", "PyLong_Type"), exit sites ("slow(op_binary_op)@4"),
//             code units ("@4"), constants, and what else the code may refer to
// New reference; null with an exception set. Runs no Python code.
PyObject* machine_code(PyFunctionObject* func);

}  // namespace whipsnake::observe
