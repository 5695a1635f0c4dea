#include "jit/opcodes/families.h"

namespace whipsnake::opcodes {

using baseline::Value;
using baseline::ValueStack;

void pop_top(Emitter& e, const Instruction&) { e.pop_release(); }

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
