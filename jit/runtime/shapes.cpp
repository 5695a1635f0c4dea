#include "jit/runtime/shapes.h"

#include <unordered_map>

#include "jit/asm/masm.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/records.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

namespace offset = port::offset;

constexpr int kMaxLocals = 64;         // more are copied and cleared in C++ as well
constexpr int kMaxReturnedLocals = 10;
constexpr int32_t kWord = sizeof(PyObject*);

Mem thread(int32_t field) { return Mem::at(Reg::kThread, field); }
Mem frame(int32_t field) { return Mem::at(Reg::kFrame, field); }
Mem local(int index) { return frame(offset::slot(index)); }

// Never destroyed: machine code outlives static objects.
std::unordered_map<uint32_t, const uint8_t*>& made() {
  static auto* map = new std::unordered_map<uint32_t, const uint8_t*>;
  return *map;
}

template <typename Emit>
const uint8_t* make_once(uint32_t key, Emit emit) {
  const auto found = made().find(key);
  if (found != made().end()) return found->second;
  const std::unique_ptr<Masm> masm = make_masm(kHostCpu, code_heap->near_range());
  if (!masm) return nullptr;
  emit(*masm);
  const CodeBuffer buffer = masm->finish();
  const uint8_t* code = masm->failed() ? nullptr : code_heap->install(buffer);
  if (code != nullptr) made().emplace(key, code);
  return code;
}

// Steps of the entry. kT0 is the CallCache, kArg2 the address of the callable on the caller's stack, kArg1 the callable.
struct Entry {
  Masm& masm;
  int arguments, locals, given;
  bool with_self;
  Label generic = masm.new_label();

  Mem cache(size_t field) const { return Mem::at(Reg::kT0, static_cast<int32_t>(field)); }
  Mem link(size_t field) const { return cache(offsetof(CallCache, link) + field); }

  // A bound method's function and self take the two slots, and the call starts over. In C++ if the method dies by it.
  void unpack_method(Label again) {
    masm.load(Reg::kT1, Mem::at(Reg::kArg1, offset::kType));
    masm.cmp(Reg::kT1, near_constant(&PyMethod_Type));
    masm.jump_if(Cond::kNotEqual, generic);
    masm.cmp(Mem::at(Reg::kArg2, kWord), 0);
    masm.jump_if(Cond::kNotEqual, generic);
    masm.cmp32(Mem::at(Reg::kArg1, offset::kRefcount), 1);
    masm.jump_if(Cond::kLessEqual, generic);
    masm.add_mem(Mem::at(Reg::kArg1, offset::kRefcount), -1);
    masm.load(Reg::kT1, Mem::at(Reg::kArg1, offset::kMethodSelf));
    sequences::incref(masm, Reg::kT1, Reg::kT2);
    masm.store(Mem::at(Reg::kArg2, kWord), Reg::kT1);
    masm.load(Reg::kArg1, Mem::at(Reg::kArg1, offset::kMethodFunction));
    sequences::incref(masm, Reg::kArg1, Reg::kT2);
    masm.store(Mem::at(Reg::kArg2, 0), Reg::kArg1);
    masm.jump(again);
  }

  void check_callable() {
    const Label function = masm.new_label();
    const Label other = masm.new_label();
    masm.load(Reg::kArg1, Mem::at(Reg::kArg2, 0));
    masm.bind(function);
    sequences::guard_type(masm, Reg::kArg1, &PyFunction_Type, Reg::kT1, with_self ? other : generic);
    masm.load(Reg::kT1, Mem::at(Reg::kArg1, offset::kFunctionCode));
    masm.cmp(Reg::kT1, link(offsetof(CodeLink, code)));
    masm.jump_if(Cond::kNotEqual, generic);
    masm.load(Reg::kT2, Mem::at(Reg::kArg1, offset::kFunctionVectorcall));
    masm.cmp(Reg::kT2, near_constant(address_of(&compiled_vectorcall)));
    masm.jump_if(Cond::kNotEqual, generic);
    masm.cmp(Mem::at(Reg::kArg2, kWord), 0);
    masm.jump_if(with_self ? Cond::kEqual : Cond::kNotEqual, generic);
    if (!with_self) return;
    const Label checked = masm.new_label();
    masm.jump(checked);
    masm.bind(other);
    unpack_method(function);
    masm.bind(checked);
  }

  // Whether frames may be entered here at all, and with what globals this one would be.
  void check_state() {
    check_may_enter(masm, generic);
    masm.load(Reg::kS1, link(offsetof(CodeLink, globals)));
    masm.cmp(Reg::kS1, Mem::at(Reg::kArg1, offset::kFunctionGlobals));
    masm.jump_if(Cond::kNotEqual, generic);
    masm.load(Reg::kS2, link(offsetof(CodeLink, builtins)));
    masm.cmp(Reg::kS2, Mem::at(Reg::kArg1, offset::kFunctionBuiltins));
    masm.jump_if(Cond::kNotEqual, generic);
  }

  // kArg3 = address behind the last default, when the function has as many as are missing.
  void check_defaults() {
    if (given == arguments) return;
    masm.load(Reg::kArg3, Mem::at(Reg::kArg1, offset::kFunctionDefaults));
    masm.test(Reg::kArg3, Reg::kArg3);
    masm.jump_if(Cond::kEqual, generic);
    masm.load(Reg::kT2, Mem::at(Reg::kArg3, offset::kVarSize));
    masm.cmp(Reg::kT2, arguments - given);
    masm.jump_if(Cond::kLess, generic);
    masm.lea(Reg::kArg3, Mem::indexed(Reg::kArg3, Reg::kT2, 8, offset::kTupleItems));
  }

  // 3.13 Include/internal/pycore_frame.h, _PyFrame_PushUnchecked and _PyFrame_Initialize; Python/bytecodes.c,
  // _CHECK_STACK_SPACE and _PUSH_FRAME. kT1 is the code object.
  void push() {
    masm.load(Reg::kT2, thread(offset::kThreadDataStackTop));
    masm.load32(Reg::kS0, cache(offsetof(CallCache, frame_bytes)));
    masm.add(Reg::kS0, Reg::kT2);
    masm.cmp(Reg::kS0, thread(offset::kThreadDataStackLimit));
    masm.jump_if(Cond::kAboveEqual, generic);
    masm.store(thread(offset::kThreadDataStackTop), Reg::kS0);
    masm.store(Mem::at(Reg::kT2, offset::kFramePrevious), Reg::kFrame);
    masm.mov(Reg::kFrame, Reg::kT2);
    masm.store(thread(offset::kThreadCurrentFrame), Reg::kFrame);
    masm.store(frame(offset::kFrameGlobals), Reg::kS1);
    masm.store(frame(offset::kFrameBuiltins), Reg::kS2);
    masm.store(frame(offset::kFrameFunction), Reg::kArg1);
    masm.store(frame(offset::kFrameExecutable), Reg::kT1);
    sequences::incref(masm, Reg::kT1, Reg::kT2);
    masm.add(Reg::kT1, static_cast<int32_t>(offsetof(PyCodeObject, co_code_adaptive)));
    masm.store(frame(offset::kFrameInstrPtr), Reg::kT1);
    masm.store_imm(frame(offset::kFrameLocals), 0);
    masm.store_imm(frame(offset::kFrameObject), 0);
    static_assert(FRAME_OWNED_BY_THREAD == 0);
    masm.store_imm(frame(offset::kFrameStackTop), 0xffffffff);  // stacktop -1; return_offset, owner 0
    masm.add_mem32(thread(offset::kThreadRecursionRemaining), -1);
  }

  void fill_locals() {
    for (int i = 0; i < given; ++i) {
      masm.load(Reg::kT2, Mem::at(Reg::kArg2, (i + (with_self ? 1 : 2)) * kWord));
      masm.store(local(i), Reg::kT2);
    }
    for (int i = given; i < arguments; ++i) {
      masm.load(Reg::kT2, Mem::at(Reg::kArg3, (i - arguments) * kWord));
      sequences::incref(masm, Reg::kT2, Reg::kT1);
      masm.store(local(i), Reg::kT2);
    }
    for (int i = arguments; i < locals; ++i) masm.store_imm(local(i), 0);
  }

  void emit() {
    check_callable();
    check_state();
    check_defaults();
    push();
    fill_locals();
    masm.load(Reg::kT1, cache(offsetof(CallCache, start)));
    masm.enter_thunk();
    masm.jump_reg(Reg::kT1);
    masm.bind(generic);
    masm.jump_mem(near_constant(thunks.call_unlinked));
  }
};

// 3.13 Python/ceval.c, clear_thread_frame; Python/frame.c, _PyFrame_ClearExceptCode: the function is released after the
// locals, the code last. kS0 holds the result meanwhile.
struct Return {
  Masm& masm;
  int locals;

  void decref(Label dead, Label done) {
    sequences::decref(masm, Reg::kArg0, dead);
    masm.bind(done);
  }

  void emit() {
    const Label general = masm.new_label();
    std::vector<std::pair<Label, Label>> deaths;  // where kArg0 dies, and where it goes on
    const auto release = [&] {
      deaths.emplace_back(masm.new_label(), masm.new_label());
      decref(deaths.back().first, deaths.back().second);
    };
    masm.cmp(frame(offset::kFrameObject), 0);
    masm.jump_if(Cond::kNotEqual, general);
    masm.cmp(Reg::kFrame, Mem::at(Reg::kContext, static_cast<int32_t>(offsetof(ThreadContext, osr_frame))));
    masm.jump_if(Cond::kEqual, general);
    masm.load(Reg::kT0, thread(offset::kThreadDataStackChunk));
    masm.add(Reg::kT0, offset::kStackChunkData);
    masm.cmp(Reg::kFrame, Reg::kT0);
    masm.jump_if(Cond::kEqual, general);
    masm.load(Reg::kT1, frame(offset::kFramePrevious));
    masm.mov(Reg::kS0, Reg::kArg2);
    masm.add_mem32(thread(offset::kThreadRecursionRemaining), 1);
    masm.store(thread(offset::kThreadCurrentFrame), Reg::kT1);
    for (int i = 0; i < locals; ++i) {
      const Label unbound = masm.new_label();
      masm.load(Reg::kArg0, local(i));
      masm.test(Reg::kArg0, Reg::kArg0);
      masm.jump_if(Cond::kEqual, unbound);
      release();
      masm.bind(unbound);
    }
    masm.load(Reg::kArg0, frame(offset::kFrameFunction));
    release();
    masm.store(thread(offset::kThreadDataStackTop), Reg::kFrame);
    masm.load(Reg::kArg0, frame(offset::kFrameExecutable));
    release();
    masm.mov(Reg::kRet, Reg::kS0);
    emit_returned(masm);
    for (const auto& [dead, done] : deaths) {
      masm.bind(dead);
      masm.call_mem(near_constant(address_of(&dealloc)));
      masm.jump(done);
    }
    masm.bind(general);
    masm.load(Reg::kT0, near_constant(address_of(&finish_frame)));
    masm.jump_mem(near_constant(thunks.finish));
  }
};

}  // namespace

const uint8_t* entry_of_shape(const PyCodeObject* code, int given, bool with_self) {
  constexpr int kShape = CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS;
  if (code->co_kwonlyargcount != 0 || (code->co_flags & kShape) != CO_OPTIMIZED) return nullptr;
  if (code->co_nlocalsplus > kMaxLocals || given > code->co_argcount || given < (with_self ? 1 : 0)) return nullptr;
  const uint32_t key = 1u | (with_self ? 2u : 0u) | static_cast<uint32_t>(given) << 2 |
                       static_cast<uint32_t>(code->co_argcount) << 10 | static_cast<uint32_t>(code->co_nlocalsplus) << 20;
  return make_once(key, [&](Masm& masm) {
    Entry{masm, code->co_argcount, code->co_nlocalsplus, given, with_self}.emit();
  });
}

const uint8_t* return_of_shape(const PyCodeObject* code) {
  constexpr int kGenerators = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
  if ((code->co_flags & kGenerators) != 0 || (code->co_flags & CO_OPTIMIZED) == 0) return nullptr;
  if (code->co_nlocalsplus > kMaxReturnedLocals) return nullptr;
  const uint32_t key = static_cast<uint32_t>(code->co_nlocalsplus) << 20;
  return make_once(key, [&](Masm& masm) { Return{masm, code->co_nlocalsplus}.emit(); });
}

}  // namespace whipsnake
