// The machine code that every function shares: into compiled code, out of it, and the two ways to C++ in between.
#include "jit/runtime/thunks.h"

#include "jit/asm/code_heap.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/exits.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/generator_code.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/self_check.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shapes.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake {

Thunks thunks;

namespace {

constexpr int32_t context_field(size_t offset) { return static_cast<int32_t>(offset); }
constexpr int32_t kSaved = context_field(offsetof(ThreadContext, saved));
constexpr int32_t kExitResult = context_field(offsetof(ThreadContext, exit_result));
constexpr int32_t kJumpTarget = context_field(offsetof(ThreadContext, jump_target));

void save_registers(Masm& masm) {
  masm.store(Mem::at(Reg::kContext, kSaved), Reg::kS0);
  masm.store(Mem::at(Reg::kContext, kSaved + 8), Reg::kS1);
  masm.store(Mem::at(Reg::kContext, kSaved + 16), Reg::kS2);
}

// kT0 holds the Site.
void call_dispatch(Masm& masm, const void* function) {
  masm.mov(Reg::kArg2, Reg::kT0);
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.mov(Reg::kArg1, Reg::kFrame);
  masm.mov(Reg::kArg3, Reg::kContext);
  masm.mov_ptr(Reg::kT1, function);
  masm.call(Reg::kT1);
}

}  // namespace

void emit_returned(Masm& masm) {
  const Label ask = masm.new_label();
  masm.load(Reg::kFrame, Mem::at(Reg::kThread, port::offset::kThreadCurrentFrame));
  masm.load(Reg::kT0, Mem::at(Reg::kThread, port::offset::kThreadEvalBreaker));
  masm.cmp(Reg::kT0, Mem::absolute(&near_table->ok_breaker));
  masm.jump_if(Cond::kNotEqual, ask);
  masm.leave_thunk();
  masm.ret();
  masm.bind(ask);
  masm.mov(Reg::kArg1, Reg::kRet);
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.leave_thunk();
  masm.jump_mem(near_constant(address_of(&after_return)));
}

void emit_call_finish(Masm& masm) {
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.mov(Reg::kArg1, Reg::kFrame);
  masm.mov(Reg::kArg3, Reg::kContext);
  masm.call(Reg::kT0);
}

void check_may_enter(Masm& masm, Label refused) {
  masm.cmp(Reg::kNativeStack, Mem::at(Reg::kContext, context_field(offsetof(ThreadContext, stack_limit))));
  masm.jump_if(Cond::kBelow, refused);
  masm.load(Reg::kT2, Mem::absolute(&PyInterpreterState_Main()->eval_frame));
  masm.cmp(Reg::kT2, Mem::absolute(&near_table->ok_evaluator));
  masm.jump_if(Cond::kNotEqual, refused);
  masm.cmp32(Mem::at(Reg::kThread, port::offset::kThreadRecursionRemaining), 1);
  masm.jump_if(Cond::kLessEqual, refused);
}

namespace {

// run(thread, frame, context, target): from C++ into compiled code.
void emit_run(Masm& masm) {
  const Label inside = masm.new_label();
  masm.enter(0);
  masm.mov(Reg::kThread, Reg::kArg0);
  masm.mov(Reg::kFrame, Reg::kArg1);
  masm.mov(Reg::kContext, Reg::kArg2);
  masm.lea_label(Reg::kT0, inside);
  masm.call(Reg::kT0);
  masm.leave(0);
  masm.bind(inside);
  masm.enter_thunk();
  masm.jump_reg(Reg::kArg3);
}

void emit_leave(Masm& masm) {
  masm.load(Reg::kRet, Mem::at(Reg::kContext, kExitResult));
  emit_returned(masm);
}

void emit_finish(Masm& masm) {
  emit_call_finish(masm);
  emit_returned(masm);
}

void emit_exit(Masm& masm) {
  save_registers(masm);
  call_dispatch(masm, reinterpret_cast<const void*>(&exit_dispatch));
  masm.jump_reg(Reg::kRet);
}

// Keeps the registers of the value stack.
void emit_check(Masm& masm) {
  masm.enter_thunk();
  save_registers(masm);
  call_dispatch(masm, reinterpret_cast<const void*>(&self_check));
  masm.leave_thunk();
  masm.ret();
}

// Returns to the code behind the call, unless the helper failed: then the return address is dropped.
void emit_slow(Masm& masm) {
  const Label failed = masm.new_label();
  masm.enter_thunk();
  save_registers(masm);
  call_dispatch(masm, reinterpret_cast<const void*>(&slow_dispatch));
  masm.leave_thunk();
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, failed);
  masm.ret();
  masm.bind(failed);
  masm.drop_return_address();
  masm.load(Reg::kT0, Mem::at(Reg::kContext, kJumpTarget));
  masm.jump_reg(Reg::kT0);
}

void emit_slow_failed(Masm& masm) {
  masm.drop_return_address();
  save_registers(masm);
  masm.load(Reg::kT0, Mem::at(Reg::kContext, context_field(offsetof(ThreadContext, failed_site))));
  call_dispatch(masm, reinterpret_cast<const void*>(&slow_failed));
  masm.jump_reg(Reg::kRet);
}

// A bound method's function and self take the two slots at kArg2. Not if the method dies by it, or where there is
// something in the second slot.
void emit_unpack_method(Masm& masm, Label generic) {
  namespace offset = port::offset;
  constexpr int32_t kWord = sizeof(PyObject*);
  sequences::guard_type(masm, Reg::kArg1, &PyMethod_Type, Reg::kT2, generic);
  masm.cmp(Mem::at(Reg::kArg2, kWord), 0);
  masm.jump_if(Cond::kNotEqual, generic);
  masm.cmp32(Mem::at(Reg::kArg1, offset::kRefcount), 1);
  masm.jump_if(Cond::kLessEqual, generic);
  masm.add_mem(Mem::at(Reg::kArg1, offset::kRefcount), -1);
  masm.load(Reg::kT2, Mem::at(Reg::kArg1, offset::kMethodSelf));
  sequences::incref(masm, Reg::kT2, Reg::kT0);
  masm.store(Mem::at(Reg::kArg2, kWord), Reg::kT2);
  masm.load(Reg::kArg1, Mem::at(Reg::kArg1, offset::kMethodFunction));
  sequences::incref(masm, Reg::kArg1, Reg::kT0);
  masm.store(Mem::at(Reg::kArg2, 0), Reg::kArg1);
}

void emit_call(Masm& masm, int arguments) {
  const Label function = masm.new_label();
  const Label other = masm.new_label();
  const Label generic = masm.new_label();
  const Label without_self = masm.new_label();
  constexpr int32_t kWord = sizeof(PyObject*);
  if (arguments < Thunks::kCalls) masm.mov_imm(Reg::kT1, arguments);
  masm.load(Reg::kArg1, Mem::at(Reg::kArg2, 0));
  masm.lea(Reg::kArg3, Mem::at(Reg::kArg2, 2 * kWord));
  masm.bind(function);
  sequences::guard_type(masm, Reg::kArg1, &PyFunction_Type, Reg::kT2, other);
  load_entrance(masm, Reg::kArg1, generic);
  masm.cmp(Mem::at(Reg::kArg2, kWord), 0);
  masm.jump_if(Cond::kEqual, without_self);
  masm.add(Reg::kArg3, -kWord);
  masm.add(Reg::kT1, 1);
  masm.bind(without_self);
  masm.jump_mem(take_behind(masm, Reg::kT2));
  masm.bind(other);
  emit_unpack_method(masm, generic);
  masm.jump(function);
  masm.bind(generic);
  masm.jump_code(thunks.call_generic);
}

// What kBegin has begun goes on, or is over; see calls.h. The other arguments are in their registers.
template <auto kBegin>
void emit_begun(Masm& masm) {
  const Label over = masm.new_label();
  masm.enter_thunk();
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.call_mem(near_constant(address_of(kBegin)));
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, over);
  masm.load(Reg::kFrame, Mem::at(Reg::kThread, port::offset::kThreadCurrentFrame));
  masm.jump_reg(Reg::kRet);
  masm.bind(over);
  masm.load(Reg::kRet, Mem::at(Reg::kContext, context_field(offsetof(ThreadContext, call_result))));
  masm.leave_thunk();
  masm.ret();
}

// kArg1 = the top of the stack, kArg2 = the operand.
template <auto kBegin>
void emit_begin(Masm& masm) {
  masm.mov(Reg::kArg3, Reg::kContext);
  emit_begun<kBegin>(masm);
}

// For functions whose arguments machine code does not bind; the state of `take`, see calls.h.
void emit_take_general(Masm& masm) {
  masm.mov(Reg::kArg2, Reg::kT1);
  if (kHostCpu != Cpu::kX64) masm.mov(Reg::kArg4, Reg::kT0);
  emit_begun<&begin_function>(masm);
}

// kArg2 = the KeywordSite.
void emit_begin_kw(Masm& masm) {
  const Label other = masm.new_label();
  emit_take_keywords(masm, other);
  masm.bind(other);
  emit_begin<&begin_op_call_kw>(masm);
}

// The operands lie from kArg2 up to the end of the kT1 arguments at kArg3.
void emit_call_generic(Masm& masm) {
  masm.lea(Reg::kArg1, Mem::indexed(Reg::kArg3, Reg::kT1, 8));
  masm.mov(Reg::kT2, Reg::kArg1);
  masm.sub(Reg::kT2, Reg::kArg2);
  masm.shr(Reg::kT2, 3);
  masm.lea(Reg::kArg2, Mem::at(Reg::kT2, -2));
  emit_begin<&begin_op_call>(masm);
}

}  // namespace

bool make_thunks(CodeHeap& heap) {
  const std::unique_ptr<Masm> masm = make_masm(kHostCpu, heap.near_range());
  if (!masm) return false;
  // One after the other in one piece of code memory: making that writable and executable takes longer than the rest.
  struct Part {
    std::string name;
    const uint8_t** address;
    Label begin;
  };
  std::vector<Part> parts;
  const auto begin = [&](std::string name, const uint8_t** address) {
    masm->align(16);
    parts.push_back({std::move(name), address, masm->new_label()});
    masm->bind(parts.back().begin);
  };
  const auto make = [&](const char* name, const uint8_t** address, void (*emit)(Masm&)) {
    begin(name, address);
    emit(*masm);
  };
  const auto install = [&] {
    const CodeBuffer buffer = masm->finish();
    const uint8_t* code = masm->failed() ? nullptr : heap.install(buffer);
    if (code == nullptr) return false;
    size_t end = buffer.size;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      const size_t offset = masm->offset_of(part->begin);
      *part->address = code + offset;
      add_shared_code("thunk." + part->name, code + offset, end - offset);
      end = offset;
    }
    masm->reset();
    parts.clear();
    return true;
  };
  Thunks made;
  make("call_generic", &made.call_generic, emit_call_generic);
  make("delegator", &made.delegator, emit_delegator);
  if (!install()) return false;
  thunks.call_generic = made.call_generic;  // which the others go to
  thunks.delegator = made.delegator;
  const uint8_t* run = nullptr;
  make("run", &run, emit_run);
  make("leave", &made.leave, emit_leave);
  make("finish", &made.finish, emit_finish);
  make("exit", &made.exit, emit_exit);
  make("slow", &made.slow, emit_slow);
  if (kSelfChecks) make("check", &made.check, emit_check);
  make("slow_failed", &made.slow_failed, emit_slow_failed);
  for (int arguments = 0; arguments <= Thunks::kCalls; ++arguments) {
    begin("call." + std::to_string(arguments), &made.call[arguments]);
    emit_call(*masm, arguments);
  }
  make("take_general", &made.take_general, emit_take_general);
  make("begin_kw", &made.begin_kw, emit_begin_kw);
  make("begin_ex", &made.begin_ex, emit_begin<&begin_op_call_function_ex>);
  make("leave_generator", &made.leave_generator, emit_leave_generator);
  make("leave_delegated", &made.leave_delegated, emit_leave_delegated);
  make("finish_generator", &made.finish_generator, emit_finish_generator);
  make("yield.0", &made.yield[0], emit_yield<0>);
  make("yield.1", &made.yield[1], emit_yield<1>);
  make("resume", &made.resume, emit_resume);
  make("delegate", &made.delegate, emit_delegate);
  const uint8_t* resume_next = nullptr;
  make("resume_next", &resume_next, emit_resume_next);
  if (!install()) return false;
  made.run = reinterpret_cast<decltype(made.run)>(reinterpret_cast<uintptr_t>(run));
  made.resume_next = reinterpret_cast<decltype(made.resume_next)>(reinterpret_cast<uintptr_t>(resume_next));
  thunks = made;
  return true;
}

}  // namespace whipsnake
