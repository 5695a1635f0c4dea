// Bytecode as a list of instructions, with the stack depth before each. What code objects hold is not to be trusted
// (anyone can make one, with any bytes): each function answers false for bytecode that the interpreter itself would
// run into undefined behaviour with, or that no compiler makes, and such a function stays interpreted.
#pragma once

#include <vector>

#include "jit/cpython/opcodes.h"
#include "jit/cpython/port.h"

namespace whipsnake {

struct Instruction {
  uint32_t index;         // code unit of the opcode itself
  uint32_t start;         // code unit of its first EXTENDED_ARG, or index
  uint32_t next;          // code unit after its caches
  uint8_t opcode;         // base opcode: never a specialised or instrumented one
  uint8_t specialized;    // what the interpreter has made of it by now; == opcode when it is not specialised
  int32_t oparg;          // with the EXTENDED_ARGs before it
  int32_t target;         // where its jump goes (a code unit that starts an instruction), or -1
  const CodeUnit* cache;  // its first cache cell in the code object (the opcode's next unit when it has none)
};

// One entry of the exception table: instructions whose last code unit is in [start, end) unwind to `target` with
// `depth` values left on the stack, then the instruction's index (if lasti) and the exception are pushed.
struct Handler {
  uint32_t start;
  uint32_t end;
  uint32_t target;
  int depth;
  bool lasti;
};

// The target of FOR_ITER is where it goes on after the last item: behind the END_FOR and POP_TOP of its loop, with the
// iterator popped. All opargs that index the code object's tuples, locals and cells are in range.
bool decode(PyCodeObject* code, std::vector<Instruction>& instructions);

// In order of `start`, without overlaps.
bool decode_exception_table(PyCodeObject* code, std::vector<Handler>& handlers);

// Index of the instruction that starts at code unit `unit`, or of the next one where none does.
size_t find_instruction(const std::vector<Instruction>& instructions, uint32_t unit);

// The handler of an exception that `instruction` raises, or null.
const Handler* find_handler(const std::vector<Handler>& handlers, const Instruction& instruction);

// depth_at[i]: values on the stack before instructions[i], -1 where control cannot come. Never above co_stacksize,
// also between instructions. Parallel to `instructions`.
bool compute_stack_depths(PyCodeObject* code, const std::vector<Instruction>& instructions,
                          const std::vector<Handler>& handlers, std::vector<int>& depth_at);

// Whether no instruction finds NULL on the stack where it needs a value, what is raised again is an exception, and only
// code that is said to be a generator's becomes one, with nothing on its stack. After compute_stack_depths() has
// succeeded.
bool check_stack_kinds(PyCodeObject* code, const std::vector<Instruction>& instructions,
                       const std::vector<Handler>& handlers, const std::vector<int>& depth_at);

// What an instruction takes off the stack and puts there; values that it only looks at count as both, and in `kept`:
// they are there as well when it raises (of its operands only they are, if it is done by an opcode helper). `jump`:
// when it jumps. Base opcodes only; popped is -1 for one that no code object may contain.
struct StackUse {
  int popped;
  int pushed;
  int kept = 0;
};
StackUse stack_use(uint8_t opcode, int32_t oparg, bool jump);

// The change of depth.
int stack_effect(uint8_t opcode, int32_t oparg, bool jump);

// True when control never goes on to the following instruction.
bool ends_flow(uint8_t opcode);

}  // namespace whipsnake
