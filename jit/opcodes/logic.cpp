// Truth, comparison, identity and containment. Where a conditional jump follows, the two are emitted as one: no bool
// object is made on the fast path.
#include "jit/opcodes/answer.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/truth.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// Two operands that were popped; the left one was at `slot`.
struct Operands {
  Value left, right;
  int slot;
  bool owned() const { return left.owned() || right.owned(); }
};

Operands pop_two(Emitter& e) {
  Operands operands;
  operands.right = e.stack().pop();
  operands.left = e.stack().pop();
  operands.slot = e.stack().depth();
  return operands;
}

// An opcode that always asks its helper for a bool object.
void ask_helper(Emitter& e, OpHelper helper, int pops, intptr_t arg) {
  e.flush_below(pops);
  Answer answer(e);
  e.operation_call(helper, pops, arg);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, e.error_exit());
  answer.from_object(Reg::kRet);
  answer.finish();
}

// After the fast path computed 0/1 into kT1 with operands still owned: releasing them may run any code, so the answer
// waits in a register that survives calls.
void settle_and_answer(Emitter& e, Answer& answer, const Operands& operands) {
  e.masm().mov(answer.waiting(), Reg::kT1);
  e.release(operands.left, operands.slot);
  e.release(operands.right, operands.slot + 1);
  answer.from_register(answer.waiting());
}

void compare_ints(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  e.flush_below(2);
  Answer answer(e);
  const Emitter::Slow slow = e.slow_path(&op_compare_op, 2, 1, i.oparg);
  const bool left_known = is_compact_constant(e.stack().peek(2));
  const bool right_known = is_compact_constant(e.stack().peek(1));
  const Reg left = left_known ? Reg::kNone : e.use(2, Reg::kArg0);
  const Reg right = right_known ? Reg::kNone : e.use(1, Reg::kArg1);
  if (!left_known) sequences::guard_type(masm, left, &PyLong_Type, Reg::kT0, slow.label);
  if (!right_known) sequences::guard_type(masm, right, &PyLong_Type, Reg::kT0, slow.label);
  if (left_known)
    masm.mov_imm(Reg::kT0, port::compact_value(e.stack().peek(2).constant));
  else
    sequences::compact_value(masm, Reg::kT0, left, Reg::kT2, slow.label);
  if (!right_known) sequences::compact_value(masm, Reg::kT1, right, Reg::kT2, slow.label);
  const Operands operands = pop_two(e);
  if (right_known)
    masm.cmp(Reg::kT0, static_cast<int32_t>(port::compact_value(operands.right.constant)));
  else
    masm.cmp(Reg::kT0, Reg::kT1);
  const Cond cond = compare_cond(i.oparg >> 5);
  if (operands.owned()) {
    masm.set_if(cond, Reg::kT1);
    settle_and_answer(e, answer, operands);
  } else {
    answer.from_flags(cond);
  }
  masm.bind(slow.resume);
  answer.from_slow(slow);
  answer.finish();
}

void compare_floats(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  e.flush_below(2);
  Answer answer(e);
  const Emitter::Slow slow = e.slow_path(&op_compare_op, 2, 1, i.oparg);
  const Reg left = e.use(2, Reg::kArg0);
  const Reg right = e.use(1, Reg::kArg1);
  sequences::guard_type(masm, left, &PyFloat_Type, Reg::kT0, slow.label);
  sequences::guard_type(masm, right, &PyFloat_Type, Reg::kT0, slow.label);
  masm.fload(FReg::kF0, Mem::at(left, port::offset::kFloatValue));
  masm.fload(FReg::kF1, Mem::at(right, port::offset::kFloatValue));
  masm.fcmp(FReg::kF0, FReg::kF1);
  const Operands operands = pop_two(e);
  const Cond cond = float_cond(i.oparg >> 5);
  if (operands.owned()) {
    masm.fset_if(cond, Reg::kT1);
    settle_and_answer(e, answer, operands);
  } else {
    answer.from_float_flags(cond);
  }
  masm.bind(slow.resume);
  answer.from_slow(slow);
  answer.finish();
}

}  // namespace

// What the interpreter has specialised for is tested here; other objects by shared code (runtime/truth.h), so that a
// site that sees many kinds is no slow one; and what is left asks the helper.
void to_bool(Emitter& e, const Instruction& i) {
  if (truth_code() == nullptr) return e.fail();
  Masm& masm = e.masm();
  const Value value = e.stack().peek(1);
  e.flush_below(1);
  Answer answer(e);
  const Emitter::Slow slow = e.slow_path(&op_to_bool, 1, 1, 0);
  const int slot = e.stack().depth() - 1;
  const Reg reg = e.use(1, Reg::kArg0);
  e.stack().drop(1);
  // kT1 has the truth, and the value is still owned.
  const auto settle = [value, slot](Emitter& emitter, Answer& to) {
    if (value.owned())
      settle_and_answer(emitter, to, {value, Value::null(), slot});
    else
      to.from_register(Reg::kT1);
  };
  const auto ask = [reg, slow](Masm& m) {
    if (reg != Reg::kArg0) m.mov(Reg::kArg0, reg);
    m.call_code(truth_code());
    m.test(Reg::kRet, Reg::kRet);
    m.jump_if(Cond::kNotEqual, slow.label);
  };
  const Label other = masm.new_label();
  bool others_ask = true;
  switch (i.specialized) {
    case TO_BOOL_NONE:
      masm.cmp(reg, near_constant(Py_None));
      masm.jump_if(Cond::kNotEqual, other);
      answer.is(false);
      break;
    case TO_BOOL_INT:
      sequences::guard_type(masm, reg, &PyLong_Type, Reg::kT0, other);
      sequences::int_truth(masm, Reg::kT1, reg);
      settle(e, answer);
      break;
    case TO_BOOL_LIST:
    case TO_BOOL_STR: {
      const bool list = i.specialized == TO_BOOL_LIST;
      sequences::guard_type(masm, reg, list ? &PyList_Type : &PyUnicode_Type, Reg::kT0, other);
      masm.load(Reg::kT1,
                Mem::at(reg, list ? port::offset::kVarSize : static_cast<int32_t>(offsetof(PyASCIIObject, length))));
      settle(e, answer);
      break;
    }
    case TO_BOOL_BOOL: answer.from_bool(reg, other); break;
    default:
      others_ask = false;
      ask(masm);
      settle(e, answer);
      break;
  }
  masm.bind(slow.resume);
  if (others_ask) {
    e.cold([&e, other, ask, settle, answer, slow]() mutable {
      e.masm().bind(other);
      ask(e.masm());
      settle(e, answer);
      e.masm().jump(slow.resume);
    });
  }
  answer.from_slow(slow);
  answer.finish();
}

void unary_not(Emitter& e, const Instruction&) {
  e.flush_below(1);
  Answer answer(e);
  const Reg value = e.use(1, Reg::kT1);
  e.stack().drop(1);
  e.masm().cmp(value, near_constant(Py_False));
  answer.from_flags(Cond::kEqual);
  answer.finish();
}

void compare_op(Emitter& e, const Instruction& i) {
  if (i.specialized == COMPARE_OP_INT) return compare_ints(e, i);
  if (i.specialized == COMPARE_OP_FLOAT) return compare_floats(e, i);
  if ((i.oparg & 16) != 0) return ask_helper(e, &op_compare_op, 2, i.oparg);
  e.operation(&op_compare_op, 2, 1, i.oparg);
}

void is_op(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  e.flush_below(2);
  Answer answer(e);
  const Reg left = e.use(2, Reg::kArg0);
  const Reg right = e.use(1, Reg::kArg1);
  const Operands operands = pop_two(e);
  masm.cmp(left, right);
  const Cond cond = i.oparg == 0 ? Cond::kEqual : Cond::kNotEqual;
  if (operands.owned()) {
    masm.set_if(cond, Reg::kT1);
    settle_and_answer(e, answer, operands);
  } else {
    answer.from_flags(cond);
  }
  answer.finish();
}

void contains_op(Emitter& e, const Instruction& i) { ask_helper(e, &op_contains_op, 2, i.oparg); }

}  // namespace whipsnake::opcodes
