// Calls of C functions, method descriptors and classes made in C as shared machine code: one piece for each convention
// and number of arguments.
#pragma once

#include <cstdint>

namespace whipsnake {

// The code for a CALL that the interpreter has specialised for a convention, with so many arguments, self not counted.
// Called with kArg1 = the address of the callable on the value stack, the operands in memory, the position stored.
// Consumes the operands, whatever they are. Result in kRet, null with an exception; kS0 to kS2 are kept. Null: there is
// none for this CALL, or no memory for the code.
const uint8_t* native_call_code(uint8_t specialized, int arguments);

}  // namespace whipsnake
