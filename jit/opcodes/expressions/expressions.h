// Arithmetic over several instructions: what one hands to the next is never made into an object. Three parts:
//
//   plan      looks ahead from an instruction, as far as operands are loaded, computed with, and used up, and decides
//             whether that is worth it: x * y + z, a[i + 1], s += a[i][j], if n % 2 == 0, self.x * other.x
//   compute   emits the fast path. Intermediate ints and floats are in registers; items of lists and tuples, and
//             attributes that are members of their owners, are not counted while they are looked at. Nothing in it can
//             run anybody's code, so what is borrowed stays, and what has to be released is released at the end.
//   by steps  the same in cold code, one slow path for each instruction, everything in memory in between. Where a
//             guard of the fast path fails, intermediate results become objects, and it goes on here, at the
//             instruction that failed, up to the end of the expression.
#pragma once

#include "jit/opcodes/families.h"

namespace whipsnake::opcodes {

// Compiles `i` together with instructions behind it, if they compute with ints or floats and something is saved by
// it. False: nothing was emitted.
bool expression(Emitter& e, const Instruction& i);

}  // namespace whipsnake::opcodes
