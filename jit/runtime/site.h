// Sites: how compiled code describes to C++ the moment at which it leaves the fast path.            [exit-state]
//
// Machine code that meets something rare loads the address of a Site and jumps to (or calls) a shared thunk. The site
// says which instruction it is, where every entry of the value stack lives, and what is wanted. Everything else -
// rebuilding the interpreter's stack, tracebacks, handlers, carrying out an opcode - happens in exits.cpp.
#pragma once

#include <cstdint>

#include "jit/runtime/code_record.h"
#include "jit/runtime/op_helper.h"

namespace whipsnake {

// Where a stack entry lives that is not already in its home slot of the frame's stack area.
struct StackEntry {
  enum class Where : uint8_t {
    kRegister,  // owned reference in kS0 + index
    kLocal,     // borrowed: local variable `index`; null never occurs
    kConstant,  // borrowed: `constant`, kept alive by the code object or immortal
    kNull,      // a null pointer (PUSH_NULL)
  };
  uint16_t slot;  // depth in the value stack, 0 = bottom
  Where where;
  int32_t index;
  PyObject* constant;
};

enum class SiteKind : uint8_t {
  kError,    // jumped to: an exception is set, or ThreadContext::leave; operands are consumed
  kDeopt,    // jumped to: go on in the interpreter at `start`; what has been left out begins there
  kSlow,     // called: carry out `helper`, return its result to the code behind the call
  kBreaker,  // jumped to: the eval breaker is not quiet; `resume` is where to go on; the stack is in memory
  kLeave,    // jumped to: the instruction is complete, its results are described; go on in the interpreter at `next`
  kReraise,  // jumped to: as kError, without a new traceback entry (RERAISE and bare raise)
};

// Why compiled code was left for good; statistics count these.
enum class ExitReason : uint8_t { kGuard, kBreaker, kTracing, kColdCode, kLocalsChanged, kStress, kCount };
const char* name(ExitReason reason);

struct Site {
  SiteKind kind = SiteKind::kError;
  ExitReason reason = ExitReason::kGuard;
  bool handles_requests = true;  // kBreaker: signals, GIL and the like are served here
  bool lasti = false;            // the handler wants the instruction offset below the exception
  uint8_t weight = 1;            // of an exit to code that was left out; see count_cold_exit()
  bool borrows_below = true;     // kSlow: below the operands there are borrowed local variables
  uint16_t depth = 0;            // stack entries described (kSlow: operands included; kError: excluded)
  uint16_t pops = 0;             // kSlow: operands that the helper consumes
  uint16_t results = 1;          // values that the instruction pushes when it completes
  uint16_t entry_count = 0;
  int32_t handler_depth = -1;        // stack depth that the handler wants; -1: no handler in this function
  uint32_t instruction = 0;          // code unit index of the opcode
  uint32_t start = 0;                // ... of its first EXTENDED_ARG: where the interpreter would begin with it
  uint32_t next = 0;                 // ... of the instruction behind it; kLeave: of the one that it goes to
  uint32_t finished = 0;             // kSlow of SEND: ... where a finished receiver leads to; else 0
  uint32_t handler_instruction = 0;  // of the handler, when handler_depth >= 0
  uint32_t taken = 0;                // statistics; kSlow: without those that raised
  uint32_t raised = 0;               // ... of kSlow: these
  const uint8_t* handler = nullptr;  // machine code of the handler
  const uint8_t* resume = nullptr;   // kBreaker
  OpHelper helper = nullptr;         // kSlow
  intptr_t arg = 0;
  const StackEntry* entries = nullptr;
  CodeRecord* record = nullptr;
};

}  // namespace whipsnake
