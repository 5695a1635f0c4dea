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
  const Emitter::Slow slow = e.slow_path(&op_call_cached, operands, 1, reinterpret_cast<intptr_t>(cache));
  const int base = e.stack().depth() - operands;
  masm.load(Reg::kArg1, e.home(base));
  sequences::guard_type(masm, Reg::kArg1, &PyFunction_Type, Reg::kT0, slow.label);
  masm.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kFunctionCode));
  masm.cmp(Reg::kT0, Mem::absolute(&cache->code));
  masm.jump_if(Cond::kNotEqual, slow.label);
  masm.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kFunctionVectorcall));
  masm.cmp(Reg::kT0, near_constant(address_of(&compiled_vectorcall)));
  masm.jump_if(Cond::kNotEqual, slow.label);
  // With self, the arguments start one slot lower and are one more.
  masm.lea(Reg::kArg2, e.home(base + 2));
  masm.mov_imm(Reg::kT0, i.oparg);
  const Label no_self = masm.new_label();
  masm.cmp(e.home(base + 1), 0);
  masm.jump_if(Cond::kEqual, no_self);
  masm.sub(Reg::kArg2, static_cast<int32_t>(sizeof(PyObject*)));
  masm.add(Reg::kT0, 1);
  masm.bind(no_self);
  masm.cmp32(Reg::kT0, Mem::absolute(&cache->nargs));
  masm.jump_if(Cond::kNotEqual, slow.label);
  e.store_position();
  e.stack().drop(operands);
  const Label failed = e.error_exit();
  masm.call_mem(Mem::absolute(&cache->direct));
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, failed);
  masm.mov(result, Reg::kRet);
  e.stack().push(Value::in_register(result));
  e.check_after_call();
  masm.bind(slow.resume);
  e.finish_slow(slow, result);
}

}  // namespace whipsnake::opcodes
