#include "jit/opcodes/families.h"

namespace whipsnake::opcodes {

using baseline::Value;
using baseline::ValueStack;

// A call whose result nobody wants has most likely returned None: then nothing is jumped over.
void pop_top(Emitter& e, const Instruction&) {
  const Value& top = e.stack().peek(1);
  const Instruction* before = e.preceding();
  const bool called = before != nullptr && (before->opcode == CALL || before->opcode == CALL_KW);
  if (!called || !top.is(Value::Kind::kRegister)) return e.pop_release();
  const Reg result = top.reg;
  const Label something = e.masm().new_label();
  const Label released = e.masm().new_label();
  e.masm().cmp(result, near_constant(Py_None));
  e.masm().jump_if(Cond::kNotEqual, something);
  e.masm().bind(released);
  e.stack().drop(1);
  e.cold([&e, result, something, released] {
    e.masm().bind(something);
    e.decref(result);
    e.masm().jump(released);
  });
}

void push_null(Emitter& e, const Instruction&) { e.push_null(); }

void copy(Emitter& e, const Instruction& i) {
  const Value source = e.stack().peek(i.oparg);
  if (!source.owned()) {
    e.stack().push(source);
    return;
  }
  const Reg reg = e.allocate();  // may have moved the source to memory
  const Reg from = e.use(i.oparg, reg);
  if (from != reg) e.masm().mov(reg, from);
  e.incref(reg);
  e.stack().push(Value::in_register(reg));
}

void swap(Emitter& e, const Instruction& i) {
  ValueStack& stack = e.stack();
  Value& top = stack.peek(1);
  Value& other = stack.peek(i.oparg);
  if (top.is(Value::Kind::kMemory) || other.is(Value::Kind::kMemory)) {
    const int high = stack.depth() - 1;
    const int low = stack.depth() - i.oparg;
    e.to_memory(high);
    e.to_memory(low);
    e.masm().load(Reg::kT0, e.home(high));
    e.masm().load(Reg::kT1, e.home(low));
    e.masm().store(e.home(high), Reg::kT1);
    e.masm().store(e.home(low), Reg::kT0);
    return;
  }
  const Value moved = top;
  top = other;
  other = moved;
}

void end_send(Emitter& e, const Instruction&) {
  const Reg value = e.allocate();
  e.pop_owned(value);
  e.stack().push(Value::in_register(value));
  // The receiver below goes; the value stays in its register.
  const Value receiver = e.stack().peek(2);
  const int slot = e.stack().depth() - 2;
  e.stack().drop(2);
  e.stack().push(Value::in_register(value));
  e.release(receiver, slot);
}

}  // namespace whipsnake::opcodes
