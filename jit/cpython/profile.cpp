#include "jit/cpython/profile.h"

namespace whipsnake {

namespace {

// 3.13 Python/specialize.c, _PyCode_Quicken: the history of a jump that was never executed, a bit for each time, which
// more than 15 executions in the same direction have shifted out.
constexpr uint16_t kNoHistory = 0x5555;

bool is_conditional_jump(uint8_t opcode) {
  return opcode == POP_JUMP_IF_FALSE || opcode == POP_JUMP_IF_TRUE || opcode == POP_JUMP_IF_NONE ||
         opcode == POP_JUMP_IF_NOT_NONE;
}

}  // namespace

Ran has_run(const Instruction& instruction) {
  if (is_conditional_jump(instruction.opcode)) return instruction.cache->cache == kNoHistory ? Ran::kNever : Ran::kYes;
  if (kOpcodes[instruction.opcode].caches == 0 || instruction.opcode == JUMP_BACKWARD) return Ran::kUnknown;
  if (instruction.specialized != instruction.opcode) return Ran::kYes;
  return instruction.cache->cache == port::untouched_counter() ? Ran::kNever : Ran::kYes;
}

Jumped has_jumped(const Instruction& instruction) {
  if (!is_conditional_jump(instruction.opcode)) return Jumped::kEither;
  switch (instruction.cache->cache) {
    case 0: return Jumped::kNever;
    case 0xffff: return Jumped::kAlways;
    default: return Jumped::kEither;
  }
}

}  // namespace whipsnake
