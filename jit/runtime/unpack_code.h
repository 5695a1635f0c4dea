// Unpacking into many local variables, as shared machine code: inline it would be 80 bytes per variable, too many for
// functions that consist of it.
#pragma once

#include <cstdint>

namespace whipsnake {

// What follows the sequence's UNPACK_SEQUENCE: so many STORE_FAST. Lives as long as the machine code.
struct UnpackPlan {
  uint16_t count;        // of the items and of the stores
  uint16_t instruction;  // code unit index of UNPACK_SEQUENCE
  struct Store {
    uint16_t local;        // which variable
    uint16_t instruction;  // code unit index of the store
  } stores[1];             // `count` of them
};

// Called with kArg0 = the sequence, kArg1 = the plan, kArg2 = the sequence's home on the value stack, above which
// nothing lives. kRet = 0: done, and the sequence released if it `owns` it. kRet = 1: not an exact tuple or list of the
// right length, nothing was done. kS0 to kS2 are kept. Null: no memory for the code.
const uint8_t* unpack_code(bool owns);

// The stores alone: kArg1 = the plan, kArg2 = the home of the lowest value. kRet = 0.
const uint8_t* store_locals_code();

}  // namespace whipsnake
