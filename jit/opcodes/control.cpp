#include "jit/baseline/frames.h"
#include "jit/opcodes/answer.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/frames.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// Jumps when the bool on top is `when`.
void jump_on_bool(Emitter& e, const Instruction& i, bool when) {
  Masm& masm = e.masm();
  e.flush_below(1);
  const bool turned = e.turned_around(i);
  PyObject* wanted = when != turned ? Py_True : Py_False;
  const Value condition = e.stack().peek(1);
  if (condition.is(Value::Kind::kConstant)) {
    e.stack().drop(1);
    if (condition.constant == wanted) masm.jump(label_of_jump(e, i, turned));
  } else {
    const Reg value = e.use(1, Reg::kT0);
    e.stack().drop(1);
    masm.cmp(value, near_constant(wanted));
    masm.jump_if(Cond::kEqual, label_of_jump(e, i, turned));
  }
  if (turned) e.end_block();
}

bool jumps_when_none(const Instruction& jump, bool turned) { return turned != (jump.opcode == POP_JUMP_IF_NONE); }

void jump_on_none(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  e.flush_below(1);
  const Value value = e.stack().peek(1);
  const int slot = e.stack().depth() - 1;
  const Reg reg = e.use(1, Reg::kT0);
  e.stack().drop(1);
  if (!value.owned()) return jump_by_none(e, reg, i);
  const bool turned = e.turned_around(i);
  const Label target = label_of_jump(e, i, turned);
  masm.cmp(reg, near_constant(Py_None));
  if (jumps_when_none(i, turned)) {
    masm.jump_if(Cond::kEqual, target);
    e.release(value, slot);
  } else if (turned) {
    const Label something = masm.new_label();
    masm.jump_if(Cond::kNotEqual, something);
    e.cold([&e, something, value, slot, target] {
      e.masm().bind(something);
      e.release(value, slot);
      e.masm().jump(target);
    });
  } else {
    const Label none = masm.new_label();
    masm.jump_if(Cond::kEqual, none);
    e.release(value, slot);
    masm.jump(target);
    masm.bind(none);
  }
  if (turned) e.end_block();
}

}  // namespace

void jump_by_none(Emitter& e, Reg value, const Instruction& jump) {
  const bool turned = e.turned_around(jump);
  e.masm().cmp(value, near_constant(Py_None));
  e.masm().jump_if(jumps_when_none(jump, turned) ? Cond::kEqual : Cond::kNotEqual, label_of_jump(e, jump, turned));
  if (turned) e.end_block();
}

void resume(Emitter& e, const Instruction& i) {
  e.flush();
  if (i.start != 0) e.store_position();  // there new frames are anyway
  e.check_breaker((i.oparg & RESUME_OPARG_LOCATION_MASK) < RESUME_AFTER_YIELD_FROM);
}

void jump_forward(Emitter& e, const Instruction& i) {
  e.flush();
  if (!e.falls_to_target(i)) e.masm().jump(e.label_of(i.target));
  e.end_block();
}

void jump_backward(Emitter& e, const Instruction& i) {
  e.flush();
  e.check_breaker(true);
  e.masm().jump(e.label_of(i.target));
  e.end_block();
}

void jump_backward_no_interrupt(Emitter& e, const Instruction& i) { jump_forward(e, i); }

void pop_jump_if_true(Emitter& e, const Instruction& i) { jump_on_bool(e, i, true); }
void pop_jump_if_false(Emitter& e, const Instruction& i) { jump_on_bool(e, i, false); }
void pop_jump_if_none(Emitter& e, const Instruction& i) { jump_on_none(e, i); }
void pop_jump_if_not_none(Emitter& e, const Instruction& i) { jump_on_none(e, i); }

void return_value(Emitter& e, const Instruction&) {
  e.store_position();
  e.pop_owned(Reg::kArg2);
  baseline::emit_return(e);
}

void return_const(Emitter& e, const Instruction& i) {
  e.push_constant(e.constant(i.oparg));
  return_value(e, i);
}

void yield_value(Emitter& e, const Instruction& i) {
  e.flush_below(1);
  e.pop_owned(Reg::kArg2);
  e.masm().store32_imm(Mem::at(Reg::kFrame, port::offset::kFrameStackTop),
                       e.code()->co_nlocalsplus + e.stack().depth());
  baseline::emit_yield(e, i.oparg);
}

void return_generator(Emitter& e, const Instruction&) {
  e.store_position();
  baseline::emit_return_generator(e);
}

}  // namespace whipsnake::opcodes
