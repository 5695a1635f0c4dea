// Machine code that makes and ends a function's frame without C++.
#pragma once

#include "jit/baseline/emitter.h"

namespace whipsnake::baseline {

// True for code objects whose calls from compiled code bind positional arguments one to one.
bool has_direct_entry(const PyCodeObject* code);

// The direct entry of calls.h; falls through to the function's first instruction.                      [direct-call]
void emit_direct_entry(Emitter& e, Label label);

// Returns the owned reference in kArg2 from the frame; the value stack is empty and the position stored.
void emit_return(Emitter& e);

}  // namespace whipsnake::baseline
