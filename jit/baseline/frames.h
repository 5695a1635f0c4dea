// Ends of a function's frame.
#pragma once

#include "jit/baseline/emitter.h"

namespace whipsnake::baseline {

// What lies in front of the function's machine code, at the very beginning; see runtime/calls.h. Describes the function
// in `door`, but for its start.
void emit_entrance(Emitter& e, CodeEntry* door);

// Returns the owned reference in kArg2 from the frame; the value stack is empty and the position stored.
void emit_return(Emitter& e);

// RETURN_GENERATOR; the position is stored.
void emit_return_generator(Emitter& e);

// Yields the owned reference in kArg2; stack and stacktop are stored.
void emit_yield(Emitter& e, int oparg);

}  // namespace whipsnake::baseline
