#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// The helper for what the interpreter has seen at this site; null: a Python function, or not known yet.
OpHelper helper_for(uint8_t specialized) {
  switch (specialized) {
    case CALL_LEN: return &op_call_len;
    case CALL_ISINSTANCE: return &op_call_isinstance;
    case CALL_TYPE_1: return &op_call_type;
    case CALL_STR_1: return &op_call_str;
    case CALL_LIST_APPEND: return &op_call_list_append;
    case CALL_BUILTIN_O:
    case CALL_BUILTIN_FAST:
    case CALL_BUILTIN_FAST_WITH_KEYWORDS:
    case CALL_METHOD_DESCRIPTOR_O:
    case CALL_METHOD_DESCRIPTOR_NOARGS:
    case CALL_METHOD_DESCRIPTOR_FAST:
    case CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS: return &op_call_native;
    case CALL_TUPLE_1:
    case CALL_BUILTIN_CLASS:
    case CALL_NON_PY_GENERAL:
    case CALL_PY_GENERAL:
    case CALL_BOUND_METHOD_GENERAL: return &op_call;
    default: return nullptr;
  }
}

}  // namespace

// Compiled functions are entered directly, everything else goes through a helper.
void call(Emitter& e, const Instruction& i) {
  if (OpHelper helper = helper_for(i.specialized)) return e.operation(helper, i.oparg + 2, 1, i.oparg);
  if (i.specialized == CALL_ALLOC_AND_ENTER_INIT) {
    if (ClassCache* cache = new_class_cache(e, i.oparg))
      e.operation(&op_call_class, i.oparg + 2, 1, reinterpret_cast<intptr_t>(cache));
    return;
  }
  Masm& masm = e.masm();
  CallCache* cache = new_call_cache(e, i.oparg);
  if (cache == nullptr) return;
  const int operands = i.oparg + 2;
  e.flush_top(operands);
  e.protect_locals_below(operands);
  const Reg result = e.allocate();
  const int base = e.stack().depth() - operands;
  const Mem callable = e.home(base);
  const Mem self = e.home(base + 1);
  const Label start = masm.new_label();
  const Label not_function = masm.new_label();
  const Label general = masm.new_label();
  const Label called = masm.new_label();
  e.store_position();
  masm.bind(start);
  masm.load(Reg::kArg1, callable);
  sequences::guard_type(masm, Reg::kArg1, &PyFunction_Type, Reg::kT0, not_function);
  masm.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kFunctionCode));
  masm.cmp(Reg::kT0, Mem::absolute(&cache->code));
  masm.jump_if(Cond::kNotEqual, general);
  masm.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kFunctionVectorcall));
  masm.cmp(Reg::kT0, near_constant(address_of(&compiled_vectorcall)));
  masm.jump_if(Cond::kNotEqual, general);
  // With self, the arguments start one slot lower and are one more.
  masm.lea(Reg::kArg2, e.home(base + 2));
  masm.mov_imm(Reg::kT0, i.oparg);
  const Label no_self = masm.new_label();
  masm.cmp(self, 0);
  masm.jump_if(Cond::kEqual, no_self);
  masm.sub(Reg::kArg2, static_cast<int32_t>(sizeof(PyObject*)));
  masm.add(Reg::kT0, 1);
  masm.bind(no_self);
  masm.cmp32(Reg::kT0, Mem::absolute(&cache->nargs));
  masm.jump_if(Cond::kNotEqual, general);
  masm.call_mem(Mem::absolute(&cache->direct));
  masm.bind(called);
  e.stack().drop(operands);
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, e.error_exit());
  masm.mov(result, Reg::kRet);
  e.cold([&e, cache, start, not_function, general, called, callable, self, top = e.home(base + operands)] {
    Masm& cold = e.masm();
    // A bound method: its function and self take the two slots, and the call starts over.
    cold.bind(not_function);
    cold.cmp(Reg::kT0, near_constant(&PyMethod_Type));
    cold.jump_if(Cond::kNotEqual, general);
    cold.cmp(self, 0);
    cold.jump_if(Cond::kNotEqual, general);
    cold.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kMethodSelf));
    e.incref(Reg::kT0);
    cold.store(self, Reg::kT0);
    cold.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kMethodFunction));
    e.incref(Reg::kT0);
    cold.store(callable, Reg::kT0);
    e.decref(Reg::kArg1);
    cold.jump(start);
    cold.bind(general);
    cold.mov(Reg::kArg0, Reg::kThread);
    cold.lea(Reg::kArg1, top);
    cold.mov_ptr(Reg::kArg2, cache);
    e.call(&op_call_cached);
    cold.jump(called);
  });
  e.stack().push(Value::in_register(result));
  e.check_after_call();
}

}  // namespace whipsnake::opcodes
