#include "jit/opcodes/expressions/expressions.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// kT1 = the result, if the operands, in `a` and `b`, are compact ints; else on to `otherwise`.
void operate_on_compact(Masm& masm, int operation, Reg a, Reg b, const Value& right, Label otherwise) {
  sequences::compact_value(masm, Reg::kT1, a, Reg::kT0, otherwise);
  if (right.is(Value::Kind::kConstant))
    masm.mov_imm(Reg::kT2, port::compact_value(right.constant));
  else
    sequences::compact_value(masm, Reg::kT2, b, Reg::kT0, otherwise);
  switch (operation) {
    case NB_ADD: return masm.add(Reg::kT1, Reg::kT2);
    case NB_SUBTRACT: return masm.sub(Reg::kT1, Reg::kT2);
    case NB_MULTIPLY: return masm.mul(Reg::kT1, Reg::kT2);
    case NB_AND: return masm.and_(Reg::kT1, Reg::kT2);
    case NB_OR: return masm.or_(Reg::kT1, Reg::kT2);
    case NB_XOR: return masm.xor_(Reg::kT1, Reg::kT2);
    default: Py_UNREACHABLE();
  }
}

bool is_for_compact(int operation, const Value& right) {
  return is_total_on_ints(operation) && (!is_constant_of(right, &PyLong_Type) || port::is_compact(right.constant));
}

// Small results of small operands in place, others by a call.
void ints(Emitter& e, const Instruction& i, IntFunction function) {
  Masm& masm = e.masm();
  const Label general = masm.new_label();
  const Label made = masm.new_label();
  const Reg result = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_binary_op, 2, 1, i.oparg);
  const Value left = e.stack().peek(2);
  const Value right = e.stack().peek(1);
  const Reg a = e.use(2, Reg::kArg0);
  const Reg b = e.use(1, Reg::kArg1);
  if (!is_constant_of(left, &PyLong_Type)) sequences::guard_type(masm, a, &PyLong_Type, Reg::kT0, slow.label);
  if (!is_constant_of(right, &PyLong_Type)) sequences::guard_type(masm, b, &PyLong_Type, Reg::kT0, slow.label);
  const auto call = [&e, function, a, b, result, failed = e.error_exit()] {
    if (a != Reg::kArg0) e.masm().mov(Reg::kArg0, a);
    if (b != Reg::kArg1) e.masm().mov(Reg::kArg1, b);
    e.store_position();  // tracemalloc asks who allocates
    e.call(function);
    // Out of memory: the operands are still on the stack, which is what the error exit describes.
    e.masm().test(Reg::kRet, Reg::kRet);
    e.masm().jump_if(Cond::kEqual, failed);
    e.masm().mov(result, Reg::kRet);
  };
  const auto operation = static_cast<int>(port::without_in_place(i.oparg));
  if (is_for_compact(operation, right)) {
    operate_on_compact(masm, operation, a, b, right, general);
    load_if_small_int(masm, result, Reg::kT1, Reg::kT0, general);
    e.cold([&masm, general, made, call] {
      masm.bind(general);
      call();
      masm.jump(made);
    });
    masm.bind(made);
  } else {
    call();
  }
  e.stack().drop(2);
  const int slot = e.stack().depth();
  e.release(right, slot + 1);
  e.release(left, slot);
  masm.bind(slow.resume);
  e.finish_slow(slow, result);
  e.stack().push(Value::in_register(result));
}

// The interpreter does not specialise divisions; by a constant other than zero they are like multiplications.
bool divides_by_constant(Emitter& e) {
  const Value& divisor = e.stack().peek(1);
  return is_constant_of(divisor, &PyFloat_Type) && PyFloat_AS_DOUBLE(divisor.constant) != 0.0;
}

void release_float(Emitter& e, const Value& value, int slot) {
  if (!value.owned()) return;
  const Reg reg = e.use_value(value, slot, Reg::kArg0);
  if (reg != Reg::kArg0) e.masm().mov(Reg::kArg0, reg);
  e.masm().call_code(release_float_code());
}

// Nor does it specialise what else ints do; with an int constant such operations are hardly ever about anything else.
bool is_about_ints(Emitter& e) {
  int constants = 0;
  for (int from_top : {1, 2}) {
    const Value& operand = e.stack().peek(from_top);
    if (!operand.is(Value::Kind::kConstant)) continue;
    if (!is_constant_of(operand, &PyLong_Type)) return false;
    ++constants;
  }
  return constants > 0;
}

// The result goes into an operand that nobody else has, else into a new float.
void floats(Emitter& e, const Instruction& i, void (Masm::*operation)(FReg, FReg)) {
  if (new_float_code() == nullptr || release_float_code() == nullptr || load_mixed_code() == nullptr) return e.fail();
  Masm& masm = e.masm();
  const Reg result = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_binary_op, 2, 1, i.oparg);
  const Value left = e.stack().peek(2);
  const Value right = e.stack().peek(1);
  const Reg a = e.use(2, Reg::kArg0);
  const Reg b = e.use(1, Reg::kArg1);
  const Label mixed = masm.new_label();
  if (!is_constant_of(left, &PyFloat_Type)) sequences::guard_type(masm, a, &PyFloat_Type, Reg::kT0, mixed);
  if (!is_constant_of(right, &PyFloat_Type)) sequences::guard_type(masm, b, &PyFloat_Type, Reg::kT0, mixed);
  masm.fload(FReg::kF0, Mem::at(a, port::offset::kFloatValue));
  masm.fload(FReg::kF1, Mem::at(b, port::offset::kFloatValue));
  (masm.*operation)(FReg::kF0, FReg::kF1);
  const Label made = masm.new_label();
  const Label fresh = masm.new_label();
  const Label reuse_right = masm.new_label();
  const int slot = e.stack().depth() - 2;
  if (left.owned()) {
    masm.cmp(Mem::at(a, port::offset::kRefcount), 1);
    masm.jump_if(Cond::kNotEqual, right.owned() ? reuse_right : fresh);
    masm.fstore(Mem::at(a, port::offset::kFloatValue), FReg::kF0);
    masm.mov(result, a);
    release_float(e, right, slot + 1);
    masm.jump(made);
  }
  if (right.owned()) {
    masm.bind(reuse_right);
    const Reg again = e.use_value(right, slot + 1, Reg::kArg1);
    masm.cmp(Mem::at(again, port::offset::kRefcount), 1);
    masm.jump_if(Cond::kNotEqual, fresh);
    masm.fstore(Mem::at(again, port::offset::kFloatValue), FReg::kF0);
    masm.mov(result, again);
    release_float(e, left, slot);
    masm.jump(made);
  }
  masm.bind(fresh);
  e.store_position();  // tracemalloc asks who allocates
  masm.call_code(new_float_code());
  masm.test(Reg::kRet, Reg::kRet);
  const Label failed = e.error_exit();
  masm.jump_if(Cond::kEqual, failed);
  masm.mov(result, Reg::kRet);
  e.stack().drop(2);
  release_float(e, right, slot + 1);
  release_float(e, left, slot);
  masm.bind(made);
  e.cold([&e, operation, mixed, a, b, left, right, slot, result, failed, made, slow] {
    Masm& cold = e.masm();
    cold.bind(mixed);
    if (a != Reg::kArg0) cold.mov(Reg::kArg0, a);
    if (b != Reg::kArg1) cold.mov(Reg::kArg1, b);
    cold.call_code(load_mixed_code());
    cold.test32(Reg::kRet, Reg::kRet);
    cold.jump_if(Cond::kNotEqual, slow.label);
    (cold.*operation)(FReg::kF0, FReg::kF1);
    e.store_position();
    cold.call_code(new_float_code());
    cold.test(Reg::kRet, Reg::kRet);
    cold.jump_if(Cond::kEqual, failed);
    cold.mov(result, Reg::kRet);
    e.release(right, slot + 1);
    e.release(left, slot);
    cold.jump(made);
  });
  masm.bind(slow.resume);
  e.finish_slow(slow, result);
  e.stack().push(Value::in_register(result));
}

}  // namespace

void binary_op(Emitter& e, const Instruction& i) {
  if (expression(e, i)) return;
  switch (i.specialized) {
    case BINARY_OP_ADD_INT:
    case BINARY_OP_SUBTRACT_INT:
    case BINARY_OP_MULTIPLY_INT: return ints(e, i, int_function(i.oparg));
    case BINARY_OP_ADD_FLOAT: return floats(e, i, &Masm::fadd);
    case BINARY_OP_SUBTRACT_FLOAT: return floats(e, i, &Masm::fsub);
    case BINARY_OP_MULTIPLY_FLOAT: return floats(e, i, &Masm::fmul);
    default: break;
  }
  if (port::without_in_place(i.oparg) == NB_TRUE_DIVIDE && divides_by_constant(e)) return floats(e, i, &Masm::fdiv);
  IntFunction function = int_function(i.oparg);
  if (function != nullptr && is_about_ints(e)) return ints(e, i, function);
  e.operation(&op_binary_op, 2, 1, i.oparg);
}

}  // namespace whipsnake::opcodes
