// Machine code for the beginning and the end of a frame, shared by all functions of the same shape: so many arguments,
// so many variables. Real programs spread their time over thousands of functions, and what each of them would repeat
// drives the rest out of the processor's instruction cache.                                        [direct-call]
#pragma once

#include "jit/asm/masm.h"
#include "jit/runtime/code_record.h"

namespace whipsnake {

// Takes the arguments of a call for such an entry, whose address is in kT0, and goes to its start; see calls.h. That is
// thunks.take_general where C++ binds the arguments, thunks.call_generic where there is no memory for the code.
const uint8_t* entry_of_shape(const CodeEntry& entry);

// For thunks.begin_kw: enters a function for which the site, in kArg2, has a plan that is simple, else goes to `other`
// with kArg1 and kArg2 as they were. kArg1 is the top of the stack.
void emit_take_keywords(Masm& masm, Label other);

// Where machine code of this code object jumps to return the owned reference in kArg2: the value stack is empty, the
// position is stored. Null: through thunks.finish and finish_frame().
const uint8_t* return_of_shape(const PyCodeObject* code);

}  // namespace whipsnake
