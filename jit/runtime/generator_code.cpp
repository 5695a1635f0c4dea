#include "jit/runtime/generator_code.h"

#include "jit/runtime/code_record.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

namespace offset = port::offset;

Mem thread(int32_t field) { return Mem::at(Reg::kThread, field); }
Mem context(size_t field) { return Mem::at(Reg::kContext, static_cast<int32_t>(field)); }
Mem frame(int32_t field) { return Mem::at(Reg::kFrame, field); }
// A field of the generator that kFrame lies in.
Mem generator(int32_t field) { return frame(field - offset::kGeneratorFrame); }
Mem cache(size_t field) { return Mem::at(Reg::kT0, static_cast<int32_t>(field)); }

constexpr int32_t kOuterExcInfo = offset::kGeneratorExcInfo + offset::kExcInfoPrevious;
constexpr int32_t kUnit = sizeof(CodeUnit);

// Back from a generator's frame, its result in kRet, to machine code that has called, or to C++.
void emit_generator_returned(Masm& masm) {
  masm.load(Reg::kFrame, thread(offset::kThreadCurrentFrame));
  masm.leave_thunk();
  masm.ret();
}

// --- suspending

// The generator of kFrame is suspended but for its position: kS0 = who handled exceptions before it was resumed, kT0 =
// the frame before.
void emit_unlink(Masm& masm, int8_t state) {
  masm.store8_imm(generator(offset::kGeneratorState), state);
  masm.load(Reg::kS0, generator(kOuterExcInfo));
  masm.store_imm(generator(kOuterExcInfo), 0);
  masm.load(Reg::kT0, frame(offset::kFramePrevious));
  masm.store_imm(frame(offset::kFramePrevious), 0);
}

// What that is to the thread; kFrame = kT0.
void emit_unlinked(Masm& masm) {
  masm.mov(Reg::kFrame, Reg::kT0);
  masm.store(thread(offset::kThreadExcInfo), Reg::kS0);
  masm.store(thread(offset::kThreadCurrentFrame), Reg::kFrame);
  masm.mov(Reg::kRet, Reg::kArg2);
}

// Each generator that waits in SEND for the one that has yielded yields, too, and needs no machine code for it. kT0 =
// the first of them. Not where somebody listens, nor in a frame that the interpreter runs.
void emit_pass_on(Masm& masm) {
  const Label next = masm.new_label();
  const Label stop = masm.new_label();
  constexpr Reg kFrames = Reg::kS2;
  masm.mov_imm(kFrames, 1);
  masm.load(Reg::kS1, thread(offset::kThreadEvalBreaker));
  masm.cmp(Reg::kS1, Mem::absolute(&near_table->ok_breaker));
  masm.jump_if(Cond::kNotEqual, stop);
  masm.bind(next);
  masm.cmp(Reg::kT0, context(offsetof(ThreadContext, osr_frame)));
  masm.jump_if(Cond::kEqual, stop);
  masm.mov(Reg::kFrame, Reg::kT0);
  masm.load16(Reg::kS1, frame(offset::kFrameReturnOffset));
  masm.store32(frame(offset::kFrameStackTop), Reg::kS1);
  masm.add_mem(frame(offset::kFrameInstrPtr), kWaiting * kUnit);
  emit_unlink(masm, FRAME_SUSPENDED_YIELD_FROM);
  masm.add(kFrames, 1);
  masm.cmp8(frame(offset::kFrameDelegated), 0);
  masm.jump_if(Cond::kNotEqual, next);
  const auto settle = [&] {
    masm.load32_signed(Reg::kS1, thread(offset::kThreadRecursionRemaining));
    masm.add(Reg::kS1, kFrames);
    masm.store32(thread(offset::kThreadRecursionRemaining), Reg::kS1);
    emit_unlinked(masm);
  };
  settle();
  masm.leave_thunk();
  masm.ret();
  masm.bind(stop);
  settle();
  masm.jump_code(thunks.delegator);
}

// --- resuming: kT0 = ResumeCache or Resumption, kArg1 = the generator, kT1 = its frame, kArg2 = the value

// kArg3 = where machine code goes on with the frame, by what one of the two has; else to `other`.
void emit_find_machine_code(Masm& masm, Mem instructions, Mem offsets, Mem machine_code, Label other) {
  static_assert(2 * sizeof(CodeUnit) == sizeof(uint32_t));
  masm.load(Reg::kS0, Mem::at(Reg::kT1, offset::kFrameInstrPtr));
  masm.sub(Reg::kS0, instructions);
  masm.load(Reg::kArg3, offsets);
  masm.load32(Reg::kArg3, Mem::indexed(Reg::kArg3, Reg::kS0, 2));
  masm.test(Reg::kArg3, Reg::kArg3);
  masm.jump_if(Cond::kEqual, other);
  masm.add(Reg::kArg3, machine_code);
}

// The same for the code of a ResumeCache.
void emit_find_cached(Masm& masm, Label uncached) {
  const auto same = [&](int32_t field, size_t wanted) {
    masm.load(Reg::kS0, Mem::at(Reg::kT1, field));
    masm.cmp(Reg::kS0, cache(offsetof(ResumeCache, link) + wanted));
    masm.jump_if(Cond::kNotEqual, uncached);
  };
  same(offset::kFrameExecutable, offsetof(CodeLink, code));
  same(offset::kFrameGlobals, offsetof(CodeLink, globals));
  same(offset::kFrameBuiltins, offsetof(CodeLink, builtins));
  emit_find_machine_code(masm, cache(offsetof(ResumeCache, instructions)), cache(offsetof(ResumeCache, offsets)),
                         cache(offsetof(ResumeCache, machine_code)), uncached);
}

// kT0 = the Resumption of the code of the frame at `frame`, which has its globals and builtins; else to `other`. Where
// kT0 may be that `already`, it is looked at first. kRet is lost.
void emit_find_resumption(Masm& masm, Reg frame, bool already, Label other) {
  const Label known = masm.new_label();
  const auto same = [&](int32_t field, size_t wanted) {
    masm.load(Reg::kRet, Mem::at(frame, field));
    masm.cmp(Reg::kRet, cache(wanted));
    masm.jump_if(Cond::kNotEqual, other);
  };
  const auto load = [&](Reg into, int32_t field) {
    masm.load(into, Mem::at(Reg::kRet, field));
    masm.test(into, into);
    masm.jump_if(Cond::kEqual, other);
  };
  const Py_ssize_t index = port::own_code_extra_index();
  constexpr auto kItems = static_cast<int32_t>(offsetof(port::CodeExtra, items));
  masm.load(Reg::kRet, Mem::at(frame, offset::kFrameExecutable));
  if (index < 0) return masm.jump(other);
  if (already) {
    masm.cmp(Reg::kRet, cache(offsetof(Resumption, code)));
    masm.jump_if(Cond::kEqual, known);
  }
  load(Reg::kRet, offset::kCodeExtra);
  masm.cmp(Mem::at(Reg::kRet, static_cast<int32_t>(offsetof(port::CodeExtra, size))), static_cast<int32_t>(index));
  masm.jump_if(Cond::kLessEqual, other);
  load(Reg::kRet, kItems + static_cast<int32_t>(index) * static_cast<int32_t>(sizeof(void*)));
  load(Reg::kT0, static_cast<int32_t>(offsetof(CodeRecordHead, resumption)));
  masm.bind(known);
  same(offset::kFrameGlobals, offsetof(Resumption, globals));
  same(offset::kFrameBuiltins, offsetof(Resumption, builtins));
}

// The frame becomes kFrame's successor, and kFrame; kS1 = who handles exceptions, before and after. kS0 is lost.
void emit_link(Masm& masm, bool delegated) {
  masm.store32_imm(Mem::at(Reg::kT1, offset::kFrameStackTop), -1);
  masm.store8_imm(Mem::at(Reg::kT1, offset::kFrameDelegated), static_cast<int8_t>(delegated));
  masm.store(Mem::at(Reg::kArg1, kOuterExcInfo), Reg::kS1);
  masm.lea(Reg::kS1, Mem::at(Reg::kArg1, offset::kGeneratorExcInfo));
  masm.store8_imm(Mem::at(Reg::kArg1, offset::kGeneratorState), FRAME_EXECUTING);
  masm.store(Mem::at(Reg::kT1, offset::kFramePrevious), Reg::kFrame);
  masm.mov(Reg::kFrame, Reg::kT1);
}

// The same for the last one, which gets the value and is entered at kArg3.
void emit_enter(Masm& masm, bool delegated) {
  masm.load32_signed(Reg::kS0, Mem::at(Reg::kT1, offset::kFrameStackTop));
  masm.store(Mem::indexed(Reg::kT1, Reg::kS0, 8, offset::kFrameSlots), Reg::kArg2);
  emit_link(masm, delegated);
  masm.store(thread(offset::kThreadExcInfo), Reg::kS1);
  masm.store(thread(offset::kThreadCurrentFrame), Reg::kFrame);
}

// A generator that merely waits for another, which can be resumed: kArg3 = that one, kS0 = its own stack top, kT2 = its
// own position. Else to `other`. kRet is lost.
void emit_find_delegate(Masm& masm, Label other) {
  constexpr int32_t kContinuation = (1 - kWaiting) * static_cast<int32_t>(sizeof(uint32_t));
  static_assert(-kContinuation <= static_cast<int32_t>(CompiledCode::kBefore * sizeof(uint32_t)));
  const Label known = masm.new_label();
  masm.cmp8(Mem::at(Reg::kArg1, offset::kGeneratorState), FRAME_SUSPENDED_YIELD_FROM);
  masm.jump_if(Cond::kNotEqual, other);
  masm.load(Reg::kT2, Mem::at(Reg::kT1, offset::kFrameInstrPtr));
  masm.mov(Reg::kS0, Reg::kT2);
  masm.sub(Reg::kS0, cache(offsetof(Resumption, instructions)));
  masm.load(Reg::kArg3, cache(offsetof(Resumption, offsets)));
  masm.cmp32(Mem::indexed(Reg::kArg3, Reg::kS0, 2, kContinuation), 0);
  static_assert(CompiledCode::kMerelyWaits == 1u << 31);  // the sign
  masm.jump_if(Cond::kGreaterEqual, other);
  masm.load32_signed(Reg::kS0, Mem::at(Reg::kT1, offset::kFrameStackTop));
  masm.load(Reg::kArg3, Mem::indexed(Reg::kT1, Reg::kS0, 8, offset::slot(-1)));
  masm.load(Reg::kRet, Mem::at(Reg::kArg3, offset::kType));
  masm.cmp(Reg::kRet, near_constant(&PyGen_Type));
  masm.jump_if(Cond::kEqual, known);
  masm.cmp(Reg::kRet, near_constant(&PyCoro_Type));
  masm.jump_if(Cond::kNotEqual, other);
  masm.bind(known);
  masm.cmp8(Mem::at(Reg::kArg3, offset::kGeneratorState), FRAME_EXECUTING);
  masm.jump_if(Cond::kGreaterEqual, other);
}

}  // namespace

void emit_leave_generator(Masm& masm) {
  masm.load(Reg::kRet, context(offsetof(ThreadContext, exit_result)));
  emit_generator_returned(masm);
}

void emit_leave_delegated(Masm& masm) {
  masm.load(Reg::kRet, context(offsetof(ThreadContext, exit_result)));
  masm.load(Reg::kFrame, thread(offset::kThreadCurrentFrame));
  masm.jump_code(thunks.delegator);
}

void emit_finish_generator(Masm& masm) {
  const Label delegated = masm.new_label();
  masm.load16(Reg::kS0, frame(offset::kFrameOwner));  // and is_delegated()'s byte
  emit_call_finish(masm);
  masm.cmp32(Reg::kS0, FRAME_OWNED_BY_GENERATOR | 1 << 8);
  masm.jump_if(Cond::kEqual, delegated);
  emit_generator_returned(masm);
  masm.bind(delegated);
  masm.load(Reg::kFrame, thread(offset::kThreadCurrentFrame));
  masm.jump_code(thunks.delegator);
}

// 3.13 Python/bytecodes.c, YIELD_VALUE. The position is behind the instruction already.
template <int kOparg>
void emit_yield(Masm& masm) {
  const Label in_loop = masm.new_label();
  const Label delegated = masm.new_label();
  masm.cmp(Reg::kFrame, context(offsetof(ThreadContext, osr_frame)));
  masm.jump_if(Cond::kEqual, in_loop);
  emit_unlink(masm, FRAME_SUSPENDED + kOparg);
  masm.cmp8(frame(offset::kFrameDelegated), 0);
  masm.jump_if(Cond::kNotEqual, delegated);
  masm.add_mem32(thread(offset::kThreadRecursionRemaining), 1);
  emit_unlinked(masm);
  masm.leave_thunk();
  masm.ret();
  masm.bind(delegated);
  emit_pass_on(masm);
  masm.bind(in_loop);
  masm.add_mem(frame(offset::kFrameInstrPtr), -kUnit);
  masm.load(Reg::kT0, near_constant(address_of(&yield_value)));
  emit_finish_generator(masm);
}
template void emit_yield<0>(Masm& masm);
template void emit_yield<1>(Masm& masm);

// 3.13 Objects/genobject.c, gen_send_ex2; Python/bytecodes.c, SEND_GEN.
void emit_resume(Masm& masm) {
  const Label uncached = masm.new_label();
  masm.lea(Reg::kT1, Mem::at(Reg::kArg1, offset::kGeneratorFrame));
  check_may_enter(masm, uncached);
  emit_find_cached(masm, uncached);
  masm.load(Reg::kS1, thread(offset::kThreadExcInfo));
  emit_enter(masm, false);
  masm.add_mem32(thread(offset::kThreadRecursionRemaining), -1);
  masm.enter_thunk();
  masm.jump_reg(Reg::kArg3);
  masm.bind(uncached);
  masm.mov(Reg::kArg3, Reg::kT0);
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.jump_mem(near_constant(address_of(&resume_uncached)));
}

void emit_resume_next(Masm& masm) {
  const Label inside = masm.new_label();
  masm.enter(0);
  masm.mov(Reg::kThread, Reg::kArg0);
  masm.mov(Reg::kContext, Reg::kArg2);
  masm.mov(Reg::kT0, Reg::kArg3);
  masm.load(Reg::kArg2, near_constant(Py_None));
  masm.load(Reg::kFrame, thread(offset::kThreadCurrentFrame));
  masm.lea_label(Reg::kT1, inside);
  masm.call(Reg::kT1);
  masm.leave(0);
  masm.bind(inside);
  emit_resume(masm);
}

void emit_delegate(Masm& masm) {
  const Label found = masm.new_label();
  const Label last = masm.new_label();
  const Label otherwise = masm.new_label();
  constexpr Reg kRemaining = Reg::kS2;
  const Mem frame_in_generator = Mem::at(Reg::kArg1, offset::kGeneratorFrame);
  masm.lea(Reg::kT1, frame_in_generator);
  masm.load(Reg::kS1, thread(offset::kThreadExcInfo));
  masm.load32_signed(kRemaining, thread(offset::kThreadRecursionRemaining));
  check_may_enter(masm, otherwise);
  emit_find_resumption(masm, Reg::kT1, false, otherwise);
  masm.load(Reg::kT2, thread(offset::kThreadEvalBreaker));
  masm.cmp(Reg::kT2, Mem::absolute(&near_table->ok_breaker));
  masm.jump_if(Cond::kNotEqual, last);
  masm.bind(found);
  emit_find_delegate(masm, last);
  masm.cmp(kRemaining, 2);  // this one and another
  masm.jump_if(Cond::kLessEqual, last);
  masm.sub(kRemaining, 1);
  masm.store16(Mem::at(Reg::kT1, offset::kFrameReturnOffset), Reg::kS0);
  masm.add(Reg::kT2, -kWaiting * kUnit);
  masm.store(Mem::at(Reg::kT1, offset::kFrameInstrPtr), Reg::kT2);
  emit_link(masm, true);
  masm.mov(Reg::kArg1, Reg::kArg3);
  masm.lea(Reg::kT1, frame_in_generator);
  emit_find_resumption(masm, Reg::kT1, true, otherwise);
  masm.jump(found);
  masm.bind(last);
  emit_find_machine_code(masm, cache(offsetof(Resumption, instructions)), cache(offsetof(Resumption, offsets)),
                         cache(offsetof(Resumption, machine_code)), otherwise);
  emit_enter(masm, true);
  masm.sub(kRemaining, 1);
  masm.store32(thread(offset::kThreadRecursionRemaining), kRemaining);
  masm.jump_reg(Reg::kArg3);
  masm.bind(otherwise);
  masm.store(thread(offset::kThreadExcInfo), Reg::kS1);
  masm.store(thread(offset::kThreadCurrentFrame), Reg::kFrame);
  masm.store32(thread(offset::kThreadRecursionRemaining), kRemaining);
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.call_mem(near_constant(address_of(&delegate_otherwise)));
  masm.load(Reg::kFrame, thread(offset::kThreadCurrentFrame));
  masm.mov(Reg::kT0, Reg::kRet);
  masm.load(Reg::kRet, context(offsetof(ThreadContext, exit_result)));
  masm.jump_reg(Reg::kT0);
}

void emit_delegator(Masm& masm) {
  const Label otherwise = masm.new_label();
  masm.mov(Reg::kS0, Reg::kRet);
  emit_find_resumption(masm, Reg::kFrame, false, otherwise);
  masm.load(Reg::kS1, frame(offset::kFrameInstrPtr));
  masm.sub(Reg::kS1, cache(offsetof(Resumption, instructions)));
  masm.load(Reg::kArg3, cache(offsetof(Resumption, offsets)));
  masm.load32(Reg::kArg3, Mem::indexed(Reg::kArg3, Reg::kS1, 2, sizeof(uint32_t)));
  static_assert(CompiledCode::kMerelyWaits == 1u << 31);
  masm.and_(Reg::kArg3, static_cast<int32_t>(~CompiledCode::kMerelyWaits));
  masm.jump_if(Cond::kEqual, otherwise);
  masm.add(Reg::kArg3, cache(offsetof(Resumption, machine_code)));
  masm.mov(Reg::kRet, Reg::kS0);
  masm.jump_reg(Reg::kArg3);
  masm.bind(otherwise);
  masm.mov(Reg::kArg0, Reg::kFrame);
  masm.mov_ptr(Reg::kT1, address_of(&continue_delegator));
  masm.call(Reg::kT1);
  masm.mov(Reg::kT0, Reg::kRet);
  masm.mov(Reg::kRet, Reg::kS0);
  masm.jump_reg(Reg::kT0);
}

}  // namespace whipsnake
