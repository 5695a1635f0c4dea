// Which instructions the interpreter never came to. Functions are full of them (errors that nobody makes,
// options that nobody gives); machine code for them costs time, memory and the reach of the caches.      [cold]
#pragma once

#include <vector>

#include "jit/cpython/decode.h"

namespace whipsnake::baseline {

// cold[i] = 1 where control came neither from the function's start nor to one of `warm` (code units, sorted), as far as
// the interpreter's counters can tell. Where a cold instruction follows one that is not, a jump or an exception leads
// there, so the value stack is in memory.
void find_cold_code(const std::vector<Instruction>& instructions, const std::vector<Handler>& handlers,
                    const std::vector<uint32_t>& warm, std::vector<uint8_t>& cold);

}  // namespace whipsnake::baseline
