#include "jit/cpython/loops.h"

#include "jit/cpython/opcodes.h"

namespace whipsnake::port {

bool has_backward_jump(PyCodeObject* code) {
  const CodeUnit* units = instructions(code);
  const int count = instruction_count(code);
  for (int i = 0; i < count; ++i) {
    const uint8_t opcode = units[i].op.code;
    const uint8_t base = kOpcodes[opcode].base;
    if (base == JUMP_BACKWARD) return true;
    // What a line event replaced is not to be seen here; then inline caches are looked at as if they were code, and
    // the worst that happens is an answer of true.
    if (opcode != INSTRUMENTED_LINE && opcode != INSTRUMENTED_INSTRUCTION) i += kOpcodes[base].caches;
  }
  return false;
}

}  // namespace whipsnake::port
