// What ends in a bool: the answer in the processor's flags becomes the conditional jump that follows, or a bool object.
#pragma once

#include "jit/opcodes/families.h"

namespace whipsnake::opcodes {

// The branch behind a bool-producing instruction.
struct Branch {
  const Instruction* jump = nullptr;  // null: the bool itself is wanted
  bool when = false;                  // jumps when the bool is this
  bool turned = false;                // to where the jump does not go; see Emitter::turned_around()
};

// What machine code jumps to for a conditional jump.
inline Label label_of_jump(Emitter& e, const Instruction& jump, bool turned) {
  return e.label_of(turned ? static_cast<int>(jump.next) : jump.target);
}

inline Branch branch_behind(Emitter& e) {
  const Instruction* next = e.following();
  if (next == nullptr) return {};
  if (next->opcode != POP_JUMP_IF_TRUE && next->opcode != POP_JUMP_IF_FALSE) return {};
  const bool turned = e.turned_around(*next);
  return {next, turned != (next->opcode == POP_JUMP_IF_TRUE), turned};
}

// The end of a template whose operands are gone from the value stack (their references settled), with the answer in
// the flags: `cond` holds for True. Takes the branch, or pushes the bool.
class Answer {
 public:
  explicit Answer(Emitter& e) : e_(e), branch_(branch_behind(e)) {
    if (branch_.jump != nullptr) e.skip_following();
    result_ = e.allocate();
  }

  Reg waiting() const { return result_; }
  bool branches() const { return branch_.jump != nullptr; }

  // Fast path: flags are set, nothing is owned any more.
  void from_flags(Cond cond) {
    Masm& masm = e_.masm();
    if (branches()) {
      masm.jump_if(branch_.when ? cond : negate(cond), target());
      return;
    }
    load_bool(cond);
  }
  void from_float_flags(Cond cond) {
    Masm& masm = e_.masm();
    if (branches()) {
      if (branch_.when) {
        masm.fjump_if(cond, target());
      } else {
        const Label holds = masm.new_label();
        masm.fjump_if(cond, holds);
        masm.jump(target());
        masm.bind(holds);
      }
      return;
    }
    masm.fset_if(cond, Reg::kT0);
    masm.test(Reg::kT0, Reg::kT0);
    load_bool(Cond::kNotEqual);
  }
  // 0 or 1 in a register.
  void from_register(Reg reg) {
    e_.masm().test(reg, reg);
    from_flags(Cond::kNotEqual);
  }
  // Known.
  void is(bool truth) {
    Masm& masm = e_.masm();
    if (!branches())
      masm.load(result_, near_constant(truth ? Py_True : Py_False));
    else if (branch_.when == truth)
      masm.jump(target());
  }
  // A bool object in a register, or something else.
  void from_bool(Reg reg, Label other) {
    Masm& masm = e_.masm();
    const Label yes = branches() ? target() : masm.new_label();
    const bool first = !branches() || branch_.when;
    masm.cmp(reg, near_constant(first ? Py_True : Py_False));
    masm.jump_if(Cond::kEqual, yes);
    masm.cmp(reg, near_constant(first ? Py_False : Py_True));
    masm.jump_if(Cond::kNotEqual, other);
    if (branches()) return;
    masm.bind(yes);
    masm.mov(result_, reg);
  }
  // A bool object in a register.
  void from_object(Reg reg) {
    e_.masm().cmp(reg, near_constant(Py_True));
    from_flags(Cond::kEqual);
  }
  // The slow path's bool object is in kRet.
  void from_slow(const Emitter::Slow& slow) {
    e_.finish_slow(slow, [answer = *this]() mutable { answer.from_helper(); });
  }
  // The same in the slow path itself; goes on behind it, if there is no jump.
  void from_helper() {
    Masm& masm = e_.masm();
    if (branches()) {
      masm.cmp(Reg::kRet, near_constant(Py_True));
      masm.jump_if(branch_.when ? Cond::kEqual : Cond::kNotEqual, target());
    } else {
      masm.mov(result_, Reg::kRet);
    }
  }
  void finish() {
    if (!branches()) e_.stack().push(baseline::Value::in_register(result_));
    if (branch_.turned) e_.end_block();
  }

 private:
  Label target() { return label_of_jump(e_, *branch_.jump, branch_.turned); }
  void load_bool(Cond cond) {
    Masm& masm = e_.masm();
    masm.load(result_, near_constant(Py_False));
    masm.load(Reg::kT0, near_constant(Py_True));
    masm.select_if(cond, result_, Reg::kT0);
  }

  Emitter& e_;
  Branch branch_;
  Reg result_;  // survives calls; holds the bool in the end, where one is wanted
};

// The condition of COMPARE_OP's comparison, for ints and for floats.
inline Cond compare_cond(int op) {
  switch (op) {
    case Py_LT: return Cond::kLess;
    case Py_LE: return Cond::kLessEqual;
    case Py_EQ: return Cond::kEqual;
    case Py_NE: return Cond::kNotEqual;
    case Py_GT: return Cond::kGreater;
    default: return Cond::kGreaterEqual;
  }
}

inline Cond float_cond(int op) {
  switch (op) {
    case Py_LT: return Cond::kFLess;
    case Py_LE: return Cond::kFLessEqual;
    case Py_EQ: return Cond::kFEqual;
    case Py_NE: return Cond::kFNotEqual;
    case Py_GT: return Cond::kFGreater;
    default: return Cond::kFGreaterEqual;
  }
}

}  // namespace whipsnake::opcodes
