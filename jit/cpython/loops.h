// A quick look for loops, without decoding.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake::port {

// True if the code object has a backward jump of the kind that raises JUMP events. Takes about a nanosecond per
// instruction.
bool has_backward_jump(PyCodeObject* code);

}  // namespace whipsnake::port
