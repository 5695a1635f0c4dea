#include "jit/runtime/shapes.h"

#include "jit/asm/masm.h"
#include "jit/runtime/arguments.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

namespace offset = port::offset;

constexpr int kMaxLocals = 64;  // more are copied and cleared in C++ as well
constexpr int kMaxReturnedLocals = 10;
constexpr int32_t kWord = sizeof(PyObject*);

Mem thread(int32_t field) { return Mem::at(Reg::kThread, field); }
Mem frame(int32_t field) { return Mem::at(Reg::kFrame, field); }
Mem local(int index) { return frame(offset::slot(index)); }

Mem entry(size_t field) { return Mem::at(Reg::kT0, static_cast<int32_t>(field)); }

// Whether frames may be entered here at all, and the globals, in kS1: a function has this vectorcall only if they are
// its own, but the code may have been retired since.
void check_state(Masm& masm, Label generic) {
  check_may_enter(masm, generic);
  masm.load(Reg::kS1, entry(offsetof(CodeEntry, globals)));
  masm.test(Reg::kS1, Reg::kS1);
  masm.jump_if(Cond::kEqual, generic);
}

// 3.13 Include/internal/pycore_frame.h, _PyFrame_PushUnchecked and _PyFrame_Initialize; Python/bytecodes.c,
// _CHECK_STACK_SPACE and _PUSH_FRAME. Keeps kRet, kT1 and the arguments' registers.
void push(Masm& masm, Label generic) {
  masm.load(Reg::kT2, thread(offset::kThreadDataStackTop));
  masm.load32(Reg::kS0, entry(offsetof(CodeEntry, frame_bytes)));
  masm.add(Reg::kS0, Reg::kT2);
  masm.cmp(Reg::kS0, thread(offset::kThreadDataStackLimit));
  masm.jump_if(Cond::kAboveEqual, generic);
  masm.store(thread(offset::kThreadDataStackTop), Reg::kS0);
  masm.store(Mem::at(Reg::kT2, offset::kFramePrevious), Reg::kFrame);
  masm.mov(Reg::kFrame, Reg::kT2);
  masm.store(thread(offset::kThreadCurrentFrame), Reg::kFrame);
  masm.store(frame(offset::kFrameGlobals), Reg::kS1);
  masm.load(Reg::kS0, entry(offsetof(CodeEntry, builtins)));
  masm.store(frame(offset::kFrameBuiltins), Reg::kS0);
  masm.store(frame(offset::kFrameFunction), Reg::kArg1);
  masm.load(Reg::kS0, entry(offsetof(CodeEntry, code)));
  masm.store(frame(offset::kFrameExecutable), Reg::kS0);
  sequences::incref(masm, Reg::kS0, Reg::kT2);
  masm.add(Reg::kS0, static_cast<int32_t>(offsetof(PyCodeObject, co_code_adaptive)));
  masm.store(frame(offset::kFrameInstrPtr), Reg::kS0);
  masm.store_imm(frame(offset::kFrameLocals), 0);
  masm.store_imm(frame(offset::kFrameObject), 0);
  static_assert(FRAME_OWNED_BY_THREAD == 0);
  masm.store_imm(frame(offset::kFrameStackTop), 0xffffffff);  // stacktop -1; return_offset, owner 0
  masm.add_mem32(thread(offset::kThreadRecursionRemaining), -1);
}

// kRet = the defaults of the function in kArg1, kT2 = how many they are; `none`: there is no tuple of them.
void load_defaults(Masm& masm, Label none) {
  masm.load(Reg::kRet, Mem::at(Reg::kArg1, offset::kFunctionDefaults));
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, none);
  masm.load(Reg::kT2, Mem::at(Reg::kRet, offset::kVarSize));
}

void start(Masm& masm) {
  masm.load(Reg::kT1, entry(offsetof(CodeEntry, start)));
  masm.enter_thunk();
  masm.jump_reg(Reg::kT1);
}

// Steps of taking the arguments; see calls.h for the registers. `generic` is where they are as at the beginning.
struct Entry {
  Masm& masm;
  int arguments, locals;
  Label generic = masm.new_label();

  // kRet = address behind the last default, when the function has as many as are missing.
  void check_defaults() {
    load_defaults(masm, generic);
    masm.lea(Reg::kS0, Mem::indexed(Reg::kT1, Reg::kT2, 1));
    masm.cmp(Reg::kS0, arguments);
    masm.jump_if(Cond::kLess, generic);
    masm.lea(Reg::kRet, Mem::indexed(Reg::kRet, Reg::kT2, 8, offset::kTupleItems));
  }

  void move_arguments() {
    for (int i = 0; i < arguments; ++i) {
      masm.load(Reg::kT2, Mem::at(Reg::kArg3, i * kWord));
      masm.store(local(i), Reg::kT2);
    }
  }

  // Fewer than there are variables for them, at least one less: the last of them come from the defaults.
  void move_arguments_and_defaults() {
    const Label next = masm.new_label();
    const Label next_default = masm.new_label();
    masm.mov_imm(Reg::kS0, 0);
    masm.test(Reg::kT1, Reg::kT1);
    masm.jump_if(Cond::kEqual, next_default);
    masm.bind(next);
    masm.load(Reg::kT2, Mem::indexed(Reg::kArg3, Reg::kS0, 8));
    masm.store(Mem::indexed(Reg::kFrame, Reg::kS0, 8, offset::slot(0)), Reg::kT2);
    masm.add(Reg::kS0, 1);
    masm.cmp(Reg::kS0, Reg::kT1);
    masm.jump_if(Cond::kLess, next);
    masm.bind(next_default);
    masm.load(Reg::kT2, Mem::indexed(Reg::kRet, Reg::kS0, 8, -arguments * kWord));
    sequences::incref(masm, Reg::kT2, Reg::kS1);
    masm.store(Mem::indexed(Reg::kFrame, Reg::kS0, 8, offset::slot(0)), Reg::kT2);
    masm.add(Reg::kS0, 1);
    masm.cmp(Reg::kS0, arguments);
    masm.jump_if(Cond::kLess, next_default);
  }

  void emit() {
    const Label other = masm.new_label();
    const Label moved = masm.new_label();
    masm.cmp(Reg::kT1, arguments);
    masm.jump_if(Cond::kNotEqual, other);
    check_state(masm, generic);
    push(masm, generic);
    move_arguments();
    masm.bind(moved);
    for (int i = arguments; i < locals; ++i) masm.store_imm(local(i), 0);
    start(masm);
    masm.bind(other);
    if (arguments > 0) {
      masm.jump_if(Cond::kGreater, generic);
      check_defaults();
      check_state(masm, generic);
      push(masm, generic);
      move_arguments_and_defaults();
      masm.jump(moved);
    }
    masm.bind(generic);
    masm.jump_code(thunks.call_generic);
  }
};

// The same for a function with stars; `arguments` are its parameters, and there are no keyword-only ones.
struct StarEntry {
  Masm& masm;
  int arguments, locals;
  bool args, kwargs;
  Label general = masm.new_label();

  // What they become is put where it will be. kS0 to kS2 keep what calls may lose.
  void call_make_stars() {
    masm.mov(Reg::kS0, Reg::kT0);
    masm.mov(Reg::kS1, Reg::kArg1);
    masm.mov(Reg::kS2, Reg::kArg3);
    masm.mov(Reg::kArg2, Reg::kT1);
    masm.mov(Reg::kArg1, Reg::kT0);
    masm.mov(Reg::kArg0, Reg::kThread);
    masm.enter_thunk();
    masm.call_mem(near_constant(address_of(&make_stars)));
    masm.leave_thunk();
    masm.mov(Reg::kT1, Reg::kRet);
    masm.mov(Reg::kT0, Reg::kS0);
    masm.mov(Reg::kArg1, Reg::kS1);
    masm.mov(Reg::kArg3, Reg::kS2);
    masm.test(Reg::kT1, Reg::kT1);
    masm.jump_if(Cond::kNotSign, general);
    masm.load(Reg::kS1, entry(offsetof(CodeEntry, globals)));
  }

  void emit() {
    masm.cmp(Reg::kT1, arguments);
    masm.jump_if(args ? Cond::kLess : Cond::kNotEqual, general);
    check_state(masm, general);
    call_make_stars();
    push(masm, general);
    Entry{masm, arguments, locals}.move_arguments();
    for (int i = arguments + (args ? 1 : 0) + (kwargs ? 1 : 0); i < locals; ++i) masm.store_imm(local(i), 0);
    start(masm);
    masm.bind(general);
    masm.jump_code(thunks.take_general);
  }
};

// Steps of the same for a call with keywords. Registers as for Entry, and kArg2 = the site, kS2 = the top of the stack.
struct KeywordEntry {
  Masm& masm;
  Label generic = masm.new_label();

  static Mem site(size_t field) { return Mem::at(Reg::kArg2, static_cast<int32_t>(field)); }
  static Mem plan(size_t field) { return site(offsetof(KeywordSite, plan) + field); }

  // Whether the callable is a function for which the site has a plan that is simple.
  void find_function() {
    masm.load32_signed(Reg::kT1, site(offsetof(KeywordSite, oparg)));
    masm.neg(Reg::kT1);
    masm.lea(Reg::kArg3, Mem::indexed(Reg::kArg1, Reg::kT1, 8, -kWord));
    masm.mov(Reg::kS2, Reg::kArg1);
    masm.load(Reg::kArg1, Mem::at(Reg::kArg3, -2 * kWord));
    sequences::guard_type(masm, Reg::kArg1, &PyFunction_Type, Reg::kT2, generic);
    load_entrance(masm, Reg::kArg1, generic);
    load_entry(masm, Reg::kT2);
    masm.load(Reg::kT1, entry(offsetof(CodeEntry, serial)));
    masm.cmp(Reg::kT1, plan(offsetof(KeywordPlan, simple)));
    masm.jump_if(Cond::kNotEqual, generic);
  }

  // Whether the plan is for as many arguments; self, where there is one, becomes the first.
  void check_number() {
    const Label without_self = masm.new_label();
    masm.load32_signed(Reg::kT1, site(offsetof(KeywordSite, unnamed)));
    masm.cmp(Mem::at(Reg::kArg3, -kWord), 0);
    masm.skip_if(Cond::kEqual, without_self);
    masm.add(Reg::kArg3, -kWord);
    masm.add(Reg::kT1, 1);
    masm.bind(without_self);
    masm.cmp32(Reg::kT1, plan(offsetof(KeywordPlan, positional)));
    masm.jump_if(Cond::kNotEqual, generic);
  }

  // kRet = where the default of the parameter with number 0 would be, when the function has as many as are needed.
  void check_defaults() {
    const Label enough = masm.new_label();
    masm.load32_signed(Reg::kT1, plan(offsetof(KeywordPlan, defaults)));
    masm.test(Reg::kT1, Reg::kT1);
    masm.skip_if(Cond::kEqual, enough);
    load_defaults(masm, generic);
    masm.cmp(Reg::kT1, Reg::kT2);
    masm.jump_if(Cond::kGreater, generic);
    masm.load32_signed(Reg::kT1, plan(offsetof(KeywordPlan, places)));
    masm.sub(Reg::kT2, Reg::kT1);
    masm.lea(Reg::kRet, Mem::indexed(Reg::kRet, Reg::kT2, 8, offset::kTupleItems));
    masm.bind(enough);
  }

  // C++ makes what the stars become, and puts it where it will be.
  void make_stars() {
    constexpr int kSaved = 48;
    constexpr Reg kLost[] = {Reg::kT0, Reg::kArg1, Reg::kArg2, Reg::kArg3, Reg::kRet};
    masm.enter_thunk(kSaved);
    for (int i = 0; i < 5; ++i) masm.store(Mem::at(Reg::kNativeStack, i * kWord), kLost[i]);
    masm.mov(Reg::kArg1, Reg::kT0);
    masm.mov(Reg::kArg0, Reg::kThread);
    masm.call_mem(near_constant(address_of(&make_stars_by_plan)));
    masm.mov(Reg::kT1, Reg::kRet);
    for (int i = 0; i < 5; ++i) masm.load(kLost[i], Mem::at(Reg::kNativeStack, i * kWord));
    masm.leave_thunk(kSaved);
    masm.test(Reg::kT1, Reg::kT1);
    masm.jump_if(Cond::kEqual, generic);
    masm.load(Reg::kS1, entry(offsetof(CodeEntry, globals)));
  }

  void fill_variables() {
    const Label next = masm.new_label();
    const Label placed = masm.new_label();
    const Label bound = masm.new_label();
    const Label from_default = masm.new_label();
    const Label unbound = masm.new_label();
    const Label begin = masm.new_label();
    masm.mov_imm(Reg::kS0, 0);
    masm.load32_signed(Reg::kS1, plan(offsetof(KeywordPlan, parameters)));
    masm.bind(next);
    masm.cmp(Reg::kS0, Reg::kS1);
    masm.skip_if(Cond::kEqual, bound);
    masm.load8_signed(
        Reg::kT2, Mem::indexed(Reg::kArg2, Reg::kS0, 1, offsetof(KeywordSite, plan) + offsetof(KeywordPlan, sources)));
    masm.test(Reg::kT2, Reg::kT2);
    masm.skip_if(Cond::kSign, from_default);
    masm.load(Reg::kT2, Mem::indexed(Reg::kArg3, Reg::kT2, 8));
    masm.bind(placed);
    masm.store(Mem::indexed(Reg::kFrame, Reg::kS0, 8, offset::slot(0)), Reg::kT2);
    masm.add(Reg::kS0, 1);
    masm.jump(next);
    masm.bind(from_default);
    masm.load(Reg::kT2, Mem::indexed(Reg::kRet, Reg::kS0, 8));
    sequences::incref(masm, Reg::kT2, Reg::kT1);
    masm.jump(placed);
    masm.bind(bound);
    masm.load32_signed(Reg::kS0, plan(offsetof(KeywordPlan, bound)));
    masm.load32_signed(Reg::kS1, entry(offsetof(CodeEntry, locals)));
    masm.bind(unbound);
    masm.cmp(Reg::kS0, Reg::kS1);
    masm.skip_if(Cond::kEqual, begin);
    masm.store_imm(Mem::indexed(Reg::kFrame, Reg::kS0, 8, offset::slot(0)), 0);
    masm.add(Reg::kS0, 1);
    masm.jump(unbound);
    masm.bind(begin);
  }

  void emit(Label other) {
    const Label dead = masm.new_label();
    const Label stars = masm.new_label();
    const Label made = masm.new_label();
    find_function();
    check_number();
    check_defaults();
    check_state(masm, generic);
    masm.load32_signed(Reg::kT1, plan(offsetof(KeywordPlan, bound)));
    masm.cmp32(Reg::kT1, plan(offsetof(KeywordPlan, parameters)));
    masm.jump_if(Cond::kNotEqual, stars);
    masm.bind(made);
    push(masm, generic);
    fill_variables();
    masm.load(Reg::kT2, Mem::at(Reg::kS2, -kWord));
    sequences::decref(masm, Reg::kT2, dead);
    start(masm);
    masm.bind(stars);
    make_stars();
    masm.jump(made);
    masm.bind(dead);  // the names are a constant of the running code
    masm.trap();
    masm.bind(generic);
    masm.mov(Reg::kArg1, Reg::kS2);
    masm.jump(other);
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
    masm.jump_code(thunks.finish);
  }
};

}  // namespace

const uint8_t* entry_of_shape(const CodeEntry& entry) {
  const bool stars = binds_stars(entry.code);
  if ((entry.arguments < 0 && !stars) || entry.locals > kMaxLocals) return thunks.take_general;
  const int arguments = entry.code->co_argcount;
  const bool args = (entry.code->co_flags & CO_VARARGS) != 0;
  const bool kwargs = (entry.code->co_flags & CO_VARKEYWORDS) != 0;
  const std::string name = "take." + std::to_string(arguments) + "." + std::to_string(entry.locals) +
                           (args ? ".args" : "") + (kwargs ? ".kwargs" : "");
  const uint8_t* code = shared_code(name, [&](Masm& masm) {
    if (stars)
      StarEntry{masm, arguments, entry.locals, args, kwargs}.emit();
    else
      Entry{masm, arguments, entry.locals}.emit();
  });
  return code != nullptr ? code : thunks.call_generic;
}

void emit_take_keywords(Masm& masm, Label other) { KeywordEntry{masm}.emit(other); }

const uint8_t* return_of_shape(const PyCodeObject* code) {
  constexpr int kGenerators = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
  if ((code->co_flags & kGenerators) != 0 || (code->co_flags & CO_OPTIMIZED) == 0) return nullptr;
  if (code->co_nlocalsplus > kMaxReturnedLocals) return nullptr;
  static const uint8_t* made[kMaxReturnedLocals + 1] = {};  // asked for at each return
  const uint8_t*& shared = made[code->co_nlocalsplus];
  if (shared != nullptr) return shared;
  shared = shared_code("return." + std::to_string(code->co_nlocalsplus),
                       [&](Masm& masm) { Return{masm, code->co_nlocalsplus}.emit(); });
  return shared;
}

}  // namespace whipsnake
