#include "jit/baseline/bound_locals.h"

#include "jit/cpython/opcodes.h"

namespace whipsnake::baseline {

namespace {

LocalSet bound_at_start(PyCodeObject* code) {
  const int arguments = code->co_argcount + code->co_kwonlyargcount + ((code->co_flags & CO_VARARGS) != 0 ? 1 : 0) +
                        ((code->co_flags & CO_VARKEYWORDS) != 0 ? 1 : 0);
  LocalSet bound;
  for (int local = 0; local < code->co_nlocalsplus; ++local)
    if (local < arguments || local >= code->co_nlocals) bound.add(local);
  return bound;
}

void change(LocalSet& bound, const Instruction& instruction) {
  switch (instruction.opcode) {
    case STORE_FAST: bound.add(instruction.oparg); break;
    case STORE_FAST_LOAD_FAST: bound.add(instruction.oparg >> 4); break;
    case STORE_FAST_STORE_FAST:
      bound.add(instruction.oparg >> 4);
      bound.add(instruction.oparg & 15);
      break;
    case MAKE_CELL: bound.add(instruction.oparg); break;
    case DELETE_FAST:
    case LOAD_FAST_AND_CLEAR: bound.remove(instruction.oparg); break;
    default: break;
  }
}

}  // namespace

void find_bound_locals(PyCodeObject* code, const std::vector<Instruction>& instructions,
                       const std::vector<Handler>& handlers, std::vector<LocalSet>& bound) {
  bound.assign(instructions.size(), LocalSet());
  if (instructions.empty()) return;
  bound[0] = bound_at_start(code);
  bool again = true;  // as long as loops bring back more
  while (again) {
    again = false;
    for (size_t i = 0; i < instructions.size(); ++i) {
      const Instruction& instruction = instructions[i];
      LocalSet after = bound[i];
      const auto come_to = [&](uint32_t unit) {
        const size_t target = find_instruction(instructions, unit);
        if (target < instructions.size() && bound[target].merge(after) && target <= i) again = true;
      };
      if (const Handler* handler = find_handler(handlers, instruction)) come_to(handler->target);
      change(after, instruction);
      if (instruction.target >= 0) come_to(static_cast<uint32_t>(instruction.target));
      if (!ends_flow(instruction.opcode) && i + 1 < instructions.size()) bound[i + 1].merge(after);
    }
  }
}

}  // namespace whipsnake::baseline
