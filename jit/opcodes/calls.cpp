#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

// Compiled functions are entered directly, everything else goes through the helper, which also fills the cache.
void call(Emitter& e, const Instruction& i) {
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
