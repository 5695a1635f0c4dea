#include <algorithm>

#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/thunks.h"

namespace whipsnake::opcodes {

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
    case CALL_NON_PY_GENERAL: return &op_call;
    default: return nullptr;
  }
}

// The operands of a call to memory, and everything else there that a call of compiled code would clobber.
void prepare_operands(Emitter& e, int operands) {
  e.flush_top(operands);
  e.protect_locals_below(operands);
  e.spill_registers_below(operands);
  e.store_position();
  e.collect_before_call();
}

// Calls what lies at `callable` with so many arguments behind it and its self; the result is in kRet.
void call_python(Emitter& e, int arguments, Mem callable) {
  const int kind = std::min(arguments, Thunks::kCalls);
  if (kind == Thunks::kCalls) e.masm().mov_imm(Reg::kT1, arguments);
  e.masm().lea(Reg::kArg2, callable);
  e.masm().call_code(thunks.call[kind]);
}

// Machine code calls __init__ in between making the instance and taking it as the result.
void call_class(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  ClassCache* cache = new_class_cache(e, i.oparg);
  if (cache == nullptr) return;
  constexpr int32_t kKept = 16;  // bytes of native stack for the instance; keeps it aligned
  const int operands = i.oparg + 2;
  const Label over = masm.new_label();
  const Label failed = masm.new_label();
  const Label done = masm.new_label();
  prepare_operands(e, operands);
  const Mem callable = e.home(e.stack().depth() - operands);
  const Mem self = e.home(e.stack().depth() - operands + 1);
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.lea(Reg::kArg1, e.home(e.stack().depth()));
  masm.mov_ptr(Reg::kArg2, cache);
  e.call(&op_begin_class);
  e.stack().drop(operands);
  const Label error = e.error_exit();
  const Reg result = e.allocate();
  masm.cmp(Reg::kRet, 1);
  masm.jump_if(Cond::kNotEqual, over);
  // Whoever takes the arguments leaves None in their slots, see may_take_arguments().
  masm.load(Reg::kT0, self);
  masm.add(Reg::kNativeStack, -kKept);
  masm.store(Mem::at(Reg::kNativeStack), Reg::kT0);
  call_python(e, i.oparg, callable);
  masm.load(result, Mem::at(Reg::kNativeStack));
  masm.add(Reg::kNativeStack, kKept);
  masm.add_mem32(Mem::at(Reg::kThread, port::offset::kThreadRecursionRemaining), 1);
  masm.cmp(Reg::kRet, near_constant(Py_None));
  masm.jump_if(Cond::kNotEqual, failed);
  masm.bind(done);
  e.cold([&e, over, failed, done, error, result] {
    Masm& cold = e.masm();
    cold.bind(failed);
    if (kHostCpu == Cpu::kX64) cold.mov(Reg::kArg0, Reg::kRet);
    cold.mov(Reg::kArg1, result);
    e.call(&op_init_failed);
    cold.bind(over);
    cold.test(Reg::kRet, Reg::kRet);
    cold.jump_if(Cond::kEqual, error);
    cold.mov(result, Reg::kRet);
    cold.jump(done);
  });
  e.stack().push(baseline::Value::in_register(result));
}

}  // namespace

// Compiled functions are entered directly, everything else goes through a helper.
void call(Emitter& e, const Instruction& i) {
  if (e.without_fast_path()) return e.operation(&op_call, i.oparg + 2, 1, i.oparg);
  if (OpHelper helper = helper_for(i.specialized)) return e.operation(helper, i.oparg + 2, 1, i.oparg);
  if (i.specialized == CALL_ALLOC_AND_ENTER_INIT) return call_class(e, i);
  const int operands = i.oparg + 2;
  prepare_operands(e, operands);
  call_python(e, i.oparg, e.home(e.stack().depth() - operands));
  e.stack().drop(operands);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, e.error_exit());
  e.push_owned(Reg::kRet);
}

}  // namespace whipsnake::opcodes
