// Ranks the places where compiled code leaves its fast path.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake::observe {

// A list of tuples (taken, qualified name, line, opcode as the interpreter has it now, kind, instruction), most taken first, at most `limit` rows.
// Null with an exception set.
PyObject* hot_sites(size_t limit);

}  // namespace whipsnake::observe
