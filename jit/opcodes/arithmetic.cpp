#include <optional>

#include "jit/cpython/profile.h"
#include "jit/opcodes/expressions/expressions.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/int_sequences.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// Whether other operands than ints are out of the ordinary.
enum class Ints : uint8_t { kExpected, kLikely };

// The end of a fast path: the result is in `result`, and the operands are released.
void finish(Emitter& e, const Emitter::Slow& others, Reg result) {
  e.masm().bind(others.resume);
  e.finish_slow(others, result);
  e.stack().push(Value::in_register(result));
}

// Of two ints that an operator is for; a constant that machine code knows the value of is in no register.
struct Operands {
  Value left, right;
  Reg a = Reg::kNone, b = Reg::kNone;

  bool is_for_compact(int operation) const {
    for (const Value& value : {left, right})
      if (is_constant_of(value, &PyLong_Type) && !port::is_compact(value.constant)) return false;
    std::optional<Py_ssize_t> known;
    if (is_compact_constant(right)) known = port::compact_value(right.constant);
    return sequences::has_int_sequence(operation, sequences::IntRange::kCompact, known);
  }
};

// kT1 = the result, if the operands are compact ints and it is one of those that machine code is for; else on to
// `otherwise`.
void operate_on_compact(Masm& masm, int operation, const Operands& operands, Label otherwise) {
  const auto load = [&](const Value& value, Reg object, Reg into) {
    if (object == Reg::kNone)
      masm.mov_imm(into, port::compact_value(value.constant));
    else
      sequences::compact_value(masm, into, object, Reg::kT0, otherwise);
  };
  load(operands.left, operands.a, Reg::kT1);
  sequences::IntOperand right;
  if (operands.b == Reg::kNone) {
    right.value = static_cast<int32_t>(port::compact_value(operands.right.constant));
  } else {
    right.reg = Reg::kT2;
    load(operands.right, operands.b, right.reg);
  }
  const sequences::IntScratch scratch{.temp = Reg::kT0, .temp2 = Reg::kNone, .rest = Reg::kArg2};
  sequences::operate_on_ints(masm, operation, sequences::IntRange::kCompact, Reg::kT1, right, scratch,
                             [otherwise] { return otherwise; });
}

// result = function(a, b); the operands are still on the stack where it fails, which is what the error exit describes.
void call_int_function(Emitter& e, const Operands& operands, IntFunction function, Reg result, Label failed) {
  const auto load = [&e](Reg into, Reg object, const Value& value) {
    if (object == Reg::kNone)
      e.masm().mov_ptr(into, value.constant);
    else if (object != into)
      e.masm().mov(into, object);
  };
  load(Reg::kArg0, operands.a, operands.left);
  load(Reg::kArg1, operands.b, operands.right);
  e.store_position();  // tracemalloc asks who allocates
  e.call(function);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, failed);
  e.masm().mov(result, Reg::kRet);
}

// Compact ints in place, others by a call.
void ints(Emitter& e, const Instruction& i, Ints likelihood) {
  Masm& masm = e.masm();
  const auto operation = static_cast<int>(port::without_in_place(i.oparg));
  const IntFunction function = int_function(i.oparg);
  const Reg result = e.allocate();
  const Emitter::Slow others =
      likelihood == Ints::kExpected ? e.slow_path(&op_binary_op, 2, 1, i.oparg) : e.aside(&op_binary_op, 2, 1, i.oparg);
  Operands operands{.left = e.stack().peek(2), .right = e.stack().peek(1)};
  const bool in_place = operands.is_for_compact(operation);
  if (!in_place || !is_compact_constant(operands.left)) operands.a = e.use(2, Reg::kArg0);
  if (!in_place || !is_compact_constant(operands.right)) operands.b = e.use(1, Reg::kArg1);
  if (!is_constant_of(operands.left, &PyLong_Type))
    sequences::guard_type(masm, operands.a, &PyLong_Type, Reg::kT0, others.label);
  if (!is_constant_of(operands.right, &PyLong_Type))
    sequences::guard_type(masm, operands.b, &PyLong_Type, Reg::kT0, others.label);
  const Label failed = e.error_exit();
  if (in_place) {
    const Label general = masm.new_label();
    const Label made = masm.new_label();
    operate_on_compact(masm, operation, operands, general);
    load_int(e, result, Reg::kT1, failed);
    masm.bind(made);
    e.cold([&e, operands, function, result, failed, general, made] {
      e.masm().bind(general);
      call_int_function(e, operands, function, result, failed);
      e.masm().jump(made);
    });
  } else {
    call_int_function(e, operands, function, result, failed);
  }
  e.stack().drop(2);
  const int slot = e.stack().depth();
  e.release(operands.right, slot + 1);
  e.release(operands.left, slot);
  finish(e, others, result);
}

// Minus and ~ of compact ints in place. The interpreter does not specialise them.
void unary(Emitter& e, const Instruction& i, OpHelper helper, void (Masm::*operation)(Reg)) {
  Masm& masm = e.masm();
  const Reg result = e.allocate();
  const Emitter::Slow others = e.aside(helper, 1, 1, i.oparg);
  const Value operand = e.stack().peek(1);
  const Reg object = e.use(1, Reg::kArg0);
  sequences::guard_type(masm, object, &PyLong_Type, Reg::kT0, others.label);
  sequences::compact_value(masm, Reg::kT1, object, Reg::kT0, others.label);
  (masm.*operation)(Reg::kT1);
  load_int(e, result, Reg::kT1, e.error_exit());
  e.stack().drop(1);
  e.release(operand, e.stack().depth());
  finish(e, others, result);
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

// The interpreter does not specialise what else ints do. Next to an int constant such operations are hardly ever about
// anything else, and without constants they are so more often than not; additions and the like it would have
// specialised.
std::optional<Ints> about_ints(Emitter& e, const Instruction& i, int operation) {
  if (int_function(operation) == nullptr) return std::nullopt;
  if (specialises_numbers(operation) && has_run(i) == Ran::kYes) return std::nullopt;
  int constants = 0;
  for (int from_top : {1, 2}) {
    const Value& operand = e.stack().peek(from_top);
    if (!operand.is(Value::Kind::kConstant)) continue;
    if (!is_constant_of(operand, &PyLong_Type)) return std::nullopt;
    ++constants;
  }
  if (constants > 0) return Ints::kExpected;
  return specialises_numbers(operation) ? std::nullopt : std::optional(Ints::kLikely);
}

// Next to a number it then is of a float and an int.
bool about_mixed(Emitter& e, const Instruction& i, int operation) {
  if (!specialises_numbers(operation) || has_run(i) != Ran::kYes) return false;
  const auto is_number = [&e](int from_top) {
    const Value& operand = e.stack().peek(from_top);
    return is_compact_constant(operand) || is_constant_of(operand, &PyFloat_Type);
  };
  return is_number(1) || is_number(2);
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
  const Label failed = e.error_exit();
  call_new_float(masm, failed);
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
    call_new_float(cold, failed);
    cold.mov(result, Reg::kRet);
    e.release(right, slot + 1);
    e.release(left, slot);
    cold.jump(made);
  });
  finish(e, slow, result);
}

}  // namespace

void binary_op(Emitter& e, const Instruction& i) {
  if (expression(e, i)) return;
  switch (i.specialized) {
    case BINARY_OP_ADD_INT:
    case BINARY_OP_SUBTRACT_INT:
    case BINARY_OP_MULTIPLY_INT: return ints(e, i, Ints::kExpected);
    case BINARY_OP_ADD_FLOAT: return floats(e, i, &Masm::fadd);
    case BINARY_OP_SUBTRACT_FLOAT: return floats(e, i, &Masm::fsub);
    case BINARY_OP_MULTIPLY_FLOAT: return floats(e, i, &Masm::fmul);
    default: break;
  }
  const auto operation = static_cast<int>(port::without_in_place(i.oparg));
  if (operation == NB_TRUE_DIVIDE && divides_by_constant(e)) return floats(e, i, &Masm::fdiv);
  if (about_mixed(e, i, operation)) {
    const auto emit = operation == NB_ADD ? &Masm::fadd : operation == NB_SUBTRACT ? &Masm::fsub : &Masm::fmul;
    return floats(e, i, emit);
  }
  if (const auto likelihood = about_ints(e, i, operation)) return ints(e, i, *likelihood);
  e.operation(&op_binary_op, 2, 1, i.oparg);
}

void unary_negative(Emitter& e, const Instruction& i) { unary(e, i, &op_unary_negative, &Masm::neg); }

void unary_invert(Emitter& e, const Instruction& i) { unary(e, i, &op_unary_invert, &Masm::not_); }

void load_int(Emitter& e, Reg result, Reg value, Label failed) {
  const Label larger = e.masm().new_label();
  const Label made = e.masm().new_label();
  load_if_small_int(e.masm(), result, value, Reg::kT0, larger);
  e.masm().bind(made);
  e.cold([&e, result, value, failed, larger, made] {
    Masm& masm = e.masm();
    masm.bind(larger);
    masm.mov(Reg::kArg0, value);
    e.store_position();  // tracemalloc asks who allocates
    e.call(&int_from_signed);
    masm.test(Reg::kRet, Reg::kRet);
    masm.jump_if(Cond::kEqual, failed);
    if (result != Reg::kRet) masm.mov(result, Reg::kRet);
    masm.jump(made);
  });
}

}  // namespace whipsnake::opcodes
