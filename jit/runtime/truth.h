// The truth of any object, as far as it can be told without running code.
#pragma once

#include <cstdint>

namespace whipsnake {

// Shared machine code: kArg0 = the object, borrowed. kRet = 0: kT1 is 0 or not, as the object is false or true. kRet =
// 1: its type has to be asked. Clobbers kT0, kT1, kF0 and kF1 only. Null: no memory for the code.
const uint8_t* truth_code();

}  // namespace whipsnake
