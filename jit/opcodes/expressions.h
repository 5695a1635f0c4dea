// Arithmetic over several instructions: what one hands to the next is never made into an object.
#pragma once

#include "jit/opcodes/families.h"

namespace whipsnake::opcodes {

// Compiles `i` together with instructions behind it, if they compute with ints or floats and something is saved by
// it. False: nothing was emitted.
bool expression(Emitter& e, const Instruction& i);

}  // namespace whipsnake::opcodes
