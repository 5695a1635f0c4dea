// The interpreter that wrote the table must be the one whose headers are included.
#include "jit/cpython/opcodes.h"

#include "jit/cpython/port.h"

namespace whipsnake {

#define WS_OPCODE(name, number, caches, has_arg, is_jump, base) \
  static_assert((name) == (number), "opcode.h and the interpreter disagree");
#include "jit/cpython/opcode_table.inc"
#undef WS_OPCODE

static_assert(is_base_opcode(CACHE) && opcode_info(LOAD_ATTR)->caches == INLINE_CACHE_ENTRIES_LOAD_ATTR);
static_assert(opcode_info(LOAD_GLOBAL_BUILTIN)->base == LOAD_GLOBAL && opcode_info(INSTRUMENTED_CALL)->base == CALL);

}  // namespace whipsnake
