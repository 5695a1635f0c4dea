// Ranks the places where compiled code leaves its fast path.
#pragma once

#include "jit/cpython/port.h"
#include "jit/runtime/site.h"

namespace whipsnake::observe {

// A list of tuples (taken, qualified name, line, opcode as the interpreter has it now, kind, instruction), most taken
// first, and behind all others those where an exception was raised (kind "error" or "reraise"); at most `limit` rows.
// New reference; null with an exception set.
PyObject* hot_sites(size_t limit);

// In lower case, as the rows have it.
const char* kind_name(SiteKind kind);

}  // namespace whipsnake::observe
