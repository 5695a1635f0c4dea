// What the interpreter's own counters tell about an instruction. They are there for specialisation and cost us nothing;
// they say nothing about what machine code does later.
#pragma once

#include "jit/cpython/decode.h"

namespace whipsnake {

// Whether the interpreter has executed the instruction. Only instructions that it specialises and conditional jumps
// can tell.
enum class Ran : uint8_t { kUnknown, kNever, kYes };
Ran has_run(const Instruction& instruction);

// Whether the interpreter has an instruction for BINARY_OP's `operation`, which is not in place, on two ints and one
// for two floats. 3.13 Python/specialize.c, _Py_Specialize_BinaryOp.
inline bool specialises_numbers(int operation) {
  return operation == NB_ADD || operation == NB_SUBTRACT || operation == NB_MULTIPLY;
}

// So often the interpreter finds a specialised instruction to be wrong before it specialises it anew.
// 3.13 Include/internal/pycore_code.h, ADAPTIVE_COOLDOWN_VALUE.
inline constexpr uint32_t kMissesToSpecializeAnew = 53;

// What a conditional jump did, each of the last 16 times or so that the interpreter executed it.
enum class Jumped : uint8_t { kEither, kNever, kAlways };
Jumped has_jumped(const Instruction& instruction);

}  // namespace whipsnake
