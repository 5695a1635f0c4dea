// Expressions whose fast path has failed: one slow path for each instruction, everything in memory in between.
#pragma once

#include <functional>
#include <vector>

#include "jit/opcodes/expressions/plan.h"

namespace whipsnake::opcodes {

// Where a guard fails, with the entries as they are there.
struct Failure {
  size_t step;
  Label label;
  std::vector<Cell> cells;
  std::vector<Cell> used;  // to be released
};

// Emits, in cold code, the steps from the first failure on. `before`: the value stack without the operands in front of
// the expression. The result is in kRet where `finished` is called; a store is left to it.
void emit_by_steps(Emitter& e, const std::vector<Step>& steps, const baseline::ValueStack& before,
                   const std::vector<Failure>& failures, const std::function<void()>& finished);

}  // namespace whipsnake::opcodes
