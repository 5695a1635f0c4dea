#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

// What was there is released last.
void store_local(Emitter& e, int index) {
  Masm& masm = e.masm();
  const Value& top = e.stack().peek(1);
  if (top.is(Value::Kind::kLocal) && top.index == index) {  // x = x
    e.stack().drop(1);
    return;
  }
  const Value value = e.stack().pop();
  e.forget_local(index);
  e.stack().push(value);
  Reg reg = Reg::kT1;
  if (value.is(Value::Kind::kRegister)) {
    reg = value.reg;
    e.stack().drop(1);
  } else {
    e.pop_owned(reg);
  }
  const Label bound = masm.new_label();
  const Label done = masm.new_label();
  masm.load(Reg::kArg0, e.local(index));
  masm.store(e.local(index), reg);
  masm.test(Reg::kArg0, Reg::kArg0);
  if (e.may_be_bound(index)) {
    masm.skip_if(Cond::kEqual, done);
    e.decref(Reg::kArg0);
  } else {
    masm.jump_if(Cond::kNotEqual, bound);
    e.cold([&e, bound, done] {
      e.masm().bind(bound);
      e.decref(Reg::kArg0);
      e.masm().jump(done);
    });
  }
  masm.bind(done);
}

void nop(Emitter&, const Instruction&) {}

void load_const(Emitter& e, const Instruction& i) { e.push_constant(e.constant(i.oparg)); }

void load_fast(Emitter& e, const Instruction& i) { e.push_local(i.oparg); }

void load_fast_load_fast(Emitter& e, const Instruction& i) {
  e.push_local(i.oparg >> 4);
  e.push_local(i.oparg & 15);
}

void load_fast_check(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  const Emitter::Slow unbound = e.slow_path(&op_load_fast_check, 0, 1, i.oparg);
  masm.cmp(e.local(i.oparg), 0);
  masm.jump_if(Cond::kEqual, unbound.label);
  masm.bind(unbound.resume);
  // It raises, except where guards fail for no reason; then the variable has the value, too, and it does not die.
  e.finish_slow(unbound, [&masm, unbound] { sequences::decref(masm, Reg::kRet, unbound.resume); });
  e.push_local(i.oparg);
}

// The value may be null (an unbound name that a comprehension shadows).
void load_fast_and_clear(Emitter& e, const Instruction& i) {
  e.forget_local(i.oparg);
  const Reg reg = e.allocate();
  e.masm().load(reg, e.local(i.oparg));
  e.masm().store_imm(e.local(i.oparg), 0);
  e.stack().push(Value::in_register(reg));
}

void store_fast(Emitter& e, const Instruction& i) { store_local(e, i.oparg); }

void store_fast_load_fast(Emitter& e, const Instruction& i) {
  store_local(e, i.oparg >> 4);
  e.push_local(i.oparg & 15);
}

void store_fast_store_fast(Emitter& e, const Instruction& i) {
  store_local(e, i.oparg >> 4);
  store_local(e, i.oparg & 15);
}

void delete_fast(Emitter& e, const Instruction& i) {
  e.forget_local(i.oparg);
  e.operation(&op_delete_fast, 0, 0, i.oparg);
}

void make_cell(Emitter& e, const Instruction& i) {
  e.forget_local(i.oparg);
  e.operation(&op_make_cell, 0, 0, i.oparg);
}

// The cells of the closure become the last variables of a new frame.
void copy_free_vars(Emitter& e, const Instruction& i) {
  constexpr int kInline = 6;
  if (i.oparg > kInline) return e.operation(&op_copy_free_vars, 0, 0, i.oparg);
  Masm& masm = e.masm();
  masm.load(Reg::kT0, Mem::at(Reg::kFrame, port::offset::kFrameFunction));
  masm.load(Reg::kT0, Mem::at(Reg::kT0, port::offset::kFunctionClosure));
  for (int cell = 0; cell < i.oparg; ++cell) {
    masm.load(Reg::kT1, Mem::at(Reg::kT0, port::offset::kTupleItems + cell * static_cast<int>(sizeof(PyObject*))));
    e.incref(Reg::kT1);
    masm.store(e.local(e.code()->co_nlocalsplus - i.oparg + cell), Reg::kT1);
  }
}

void load_deref(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  const Reg value = e.allocate();
  const Emitter::Slow empty = e.slow_path(&op_load_deref, 0, 1, i.oparg);
  masm.load(Reg::kT0, e.local(i.oparg));
  masm.load(value, Mem::at(Reg::kT0, port::offset::kCellValue));
  masm.test(value, value);
  masm.jump_if(Cond::kEqual, empty.label);
  e.incref(value);
  masm.bind(empty.resume);
  e.finish_slow(empty, value);
  e.stack().push(Value::in_register(value));
}

void store_deref(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  const Label unbound = masm.new_label();
  e.pop_owned(Reg::kT1);
  masm.load(Reg::kT0, e.local(i.oparg));
  masm.load(Reg::kArg0, Mem::at(Reg::kT0, port::offset::kCellValue));
  masm.store(Mem::at(Reg::kT0, port::offset::kCellValue), Reg::kT1);
  masm.test(Reg::kArg0, Reg::kArg0);
  masm.skip_if(Cond::kEqual, unbound);
  e.decref(Reg::kArg0);
  masm.bind(unbound);
}

// The value stands in a cell that a dictionary watcher empties when the name is rebound (runtime/invariants.h).
void load_global(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  PyObject* name = e.name(i.oparg >> 1);
  if (e.without_fast_path()) {
    e.operation(&op_load_global, 0, 1 + (i.oparg & 1), reinterpret_cast<intptr_t>(name));
    if ((i.oparg & 1) == 0) return;
    e.push_owned(Reg::kRet);
    return e.push_null();
  }
  GlobalCache* cache = new_global_cache(e, name);
  if (cache == nullptr) return;
  const Reg value = e.allocate();
  const int results = 1 + (i.oparg & 1);
  const Label changed = masm.new_label();
  const Label loaded = masm.new_label();
  const uint8_t* by_place = load_global_code();
  if (by_place == nullptr) return e.fail();
  cache->site = e.slow_site(&op_load_global_cached, 0, results, reinterpret_cast<intptr_t>(cache));
  masm.load(value, Mem::absolute(&cache->value));
  masm.test(value, value);
  masm.jump_if(Cond::kEqual, changed);
  e.incref(value);
  masm.bind(loaded);
  e.cold([&masm, cache, by_place, value, changed, loaded] {
    masm.bind(changed);
    masm.mov_ptr(Reg::kT2, cache);
    masm.call_code(by_place);
    masm.mov(value, Reg::kRet);
    masm.jump(loaded);
  });
  e.stack().push(Value::in_register(value));
  if ((i.oparg & 1) != 0) e.push_null();
}

}  // namespace whipsnake::opcodes
