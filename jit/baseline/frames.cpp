#include "jit/baseline/frames.h"

#include "jit/runtime/calls.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::baseline {

namespace {

namespace offset = port::offset;

constexpr int kMaxInlineLocals = 10;  // beyond these, clearing them in C++ is as good
constexpr int32_t kOsrFrame = static_cast<int32_t>(offsetof(ThreadContext, osr_frame));
constexpr int32_t kStackLimit = static_cast<int32_t>(offsetof(ThreadContext, stack_limit));

Mem thread(int32_t field) { return Mem::at(Reg::kThread, field); }
Mem frame(int32_t field) { return Mem::at(Reg::kFrame, field); }

template <typename Function>
void tail_call(Masm& masm, Function* function) {
  masm.unwind_frame(0);
  masm.jump_mem(near_constant(address_of(function)));
}

// Last act of a frame whose code object dies with it: none of its machine code runs after this.
PyObject* release_code(PyObject* code, PyObject* result) {
  _Py_Dealloc(code);
  return result;
}

}  // namespace

bool has_direct_entry(const PyCodeObject* code) {
  constexpr int kShape = CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS;
  return code->co_kwonlyargcount == 0 && (code->co_flags & kShape) == CO_OPTIMIZED && code->co_nlocalsplus <= 64;
}

// 3.13 Include/internal/pycore_frame.h, _PyFrame_PushUnchecked and _PyFrame_Initialize; Python/bytecodes.c,
// _CHECK_STACK_SPACE and _PUSH_FRAME.
void emit_direct_entry(Emitter& e, Label label) {
  Masm& masm = e.masm();
  PyCodeObject* code = e.code();
  const Label indirect = masm.new_label();
  const int nargs = code->co_argcount;
  masm.align(16);
  masm.bind(label);
  masm.enter(0);
  masm.cmp(Reg::kNativeStack, Mem::at(Reg::kContext, kStackLimit));
  masm.jump_if(Cond::kBelow, indirect);
  // PEP 523: somebody wants to see every frame.
  masm.load(Reg::kT0, Mem::absolute(&PyInterpreterState_Main()->eval_frame));
  masm.cmp(Reg::kT0, Mem::absolute(&near_table->ok_evaluator));
  masm.jump_if(Cond::kNotEqual, indirect);
  masm.mov_ptr(Reg::kT0, e.globals());
  masm.cmp(Reg::kT0, Mem::at(Reg::kArg1, offset::kFunctionGlobals));
  masm.jump_if(Cond::kNotEqual, indirect);
  masm.mov_ptr(Reg::kT1, e.builtins());
  masm.cmp(Reg::kT1, Mem::at(Reg::kArg1, offset::kFunctionBuiltins));
  masm.jump_if(Cond::kNotEqual, indirect);
  masm.cmp32(thread(offset::kThreadRecursionRemaining), 1);
  masm.jump_if(Cond::kLessEqual, indirect);
  masm.load(Reg::kT2, thread(offset::kThreadDataStackTop));
  masm.lea(Reg::kRet, Mem::at(Reg::kT2, code->co_framesize * static_cast<int32_t>(sizeof(PyObject*))));
  masm.cmp(Reg::kRet, thread(offset::kThreadDataStackLimit));
  masm.jump_if(Cond::kAboveEqual, indirect);
  masm.mov(Reg::kFrame, Reg::kT2);
  masm.store(thread(offset::kThreadDataStackTop), Reg::kRet);
  masm.store(frame(offset::kFrameGlobals), Reg::kT0);
  masm.store(frame(offset::kFrameBuiltins), Reg::kT1);
  masm.store(frame(offset::kFrameFunction), Reg::kArg1);
  masm.load(Reg::kT0, thread(offset::kThreadCurrentFrame));
  masm.store(frame(offset::kFramePrevious), Reg::kT0);
  masm.store(thread(offset::kThreadCurrentFrame), Reg::kFrame);
  masm.mov_ptr(Reg::kT0, code);
  masm.store(frame(offset::kFrameExecutable), Reg::kT0);
  sequences::incref(masm, Reg::kT0, Reg::kT1);
  masm.add(Reg::kT0, static_cast<int32_t>(offsetof(PyCodeObject, co_code_adaptive)));
  masm.store(frame(offset::kFrameInstrPtr), Reg::kT0);
  masm.store_imm(frame(offset::kFrameLocals), 0);
  masm.store_imm(frame(offset::kFrameObject), 0);
  static_assert(FRAME_OWNED_BY_THREAD == 0);
  masm.store_imm(frame(offset::kFrameStackTop), 0xffffffff);  // stacktop -1; return_offset, owner 0
  masm.add_mem32(thread(offset::kThreadRecursionRemaining), -1);
  for (int i = 0; i < nargs; ++i) {
    masm.load(Reg::kT0, Mem::at(Reg::kArg2, i * static_cast<int32_t>(sizeof(PyObject*))));
    masm.store(e.local(i), Reg::kT0);
  }
  for (int i = nargs; i < code->co_nlocalsplus; ++i) masm.store_imm(e.local(i), 0);
  e.cold([&masm, indirect, nargs] {
    masm.bind(indirect);
    masm.mov(Reg::kArg0, Reg::kThread);
    masm.mov_imm(Reg::kArg3, nargs);
    tail_call(masm, &call_function);
  });
}

// 3.13 Python/ceval.c, clear_thread_frame; Python/frame.c, _PyFrame_ClearExceptCode.
void emit_return(Emitter& e) {
  Masm& masm = e.masm();
  PyCodeObject* code = e.code();
  constexpr int kGenerators = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
  const Label general = masm.new_label();
  const auto finish = [&masm] {
    masm.mov(Reg::kArg0, Reg::kThread);
    masm.mov(Reg::kArg1, Reg::kFrame);
    masm.mov(Reg::kArg3, Reg::kContext);
    tail_call(masm, &finish_frame);
  };
  if ((code->co_flags & kGenerators) != 0 || (code->co_flags & CO_OPTIMIZED) == 0 ||
      code->co_nlocalsplus > kMaxInlineLocals) {
    finish();
    return;
  }
  masm.cmp(frame(offset::kFrameObject), 0);
  masm.jump_if(Cond::kNotEqual, general);
  masm.cmp(Reg::kFrame, Mem::at(Reg::kContext, kOsrFrame));
  masm.jump_if(Cond::kEqual, general);
  masm.load(Reg::kT0, thread(offset::kThreadDataStackChunk));
  masm.add(Reg::kT0, offset::kStackChunkData);
  masm.cmp(Reg::kFrame, Reg::kT0);
  masm.jump_if(Cond::kEqual, general);
  masm.load(Reg::kT1, frame(offset::kFramePrevious));
  masm.mov(Reg::kS0, Reg::kArg2);
  masm.add_mem32(thread(offset::kThreadRecursionRemaining), 1);
  masm.store(thread(offset::kThreadCurrentFrame), Reg::kT1);
  for (int i = 0; i < code->co_nlocalsplus; ++i) {
    const Label unbound = masm.new_label();
    masm.load(Reg::kArg0, e.local(i));
    masm.test(Reg::kArg0, Reg::kArg0);
    masm.jump_if(Cond::kEqual, unbound);
    e.decref(Reg::kArg0);
    masm.bind(unbound);
  }
  masm.load(Reg::kArg0, frame(offset::kFrameFunction));
  e.decref(Reg::kArg0);
  const Label last = masm.new_label();
  masm.mov_ptr(Reg::kArg0, code);
  masm.store(thread(offset::kThreadDataStackTop), Reg::kFrame);
  sequences::decref(masm, Reg::kArg0, last);
  masm.mov(Reg::kRet, Reg::kS0);
  masm.leave(0);
  e.cold([&masm, last, general, finish] {
    masm.bind(last);
    masm.mov(Reg::kArg1, Reg::kS0);
    tail_call(masm, &release_code);
    masm.bind(general);
    finish();
  });
}

}  // namespace whipsnake::baseline
