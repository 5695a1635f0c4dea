// The machine code that every function shares: into compiled code, out of it, and the two ways to C++ in between.
#include "jit/asm/code_heap.h"
#include "jit/asm/masm.h"
#include "jit/runtime/exits.h"
#include "jit/runtime/frames.h"

namespace whipsnake {

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

const uint8_t* install(Masm& masm, CodeHeap& heap) {
  const CodeBuffer buffer = masm.finish();
  const uint8_t* code = masm.failed() ? nullptr : heap.install(buffer);
  masm.reset();
  return code;
}

}  // namespace

bool make_thunks(CodeHeap& heap) {
  const std::unique_ptr<Masm> owned = make_masm(kHostCpu, heap.near_range());
  if (!owned) return false;
  Masm& masm = *owned;
  Thunks made;

  // run(ts, frame, context, target)
  masm.enter(0);
  masm.mov(Reg::kThread, Reg::kArg0);
  masm.mov(Reg::kFrame, Reg::kArg1);
  masm.mov(Reg::kContext, Reg::kArg2);
  masm.jump_reg(Reg::kArg3);
  const uint8_t* run = install(masm, heap);

  // The frame is finished: back to whoever ran it.
  masm.load(Reg::kRet, Mem::at(Reg::kContext, kExitResult));
  masm.leave(0);
  made.leave = install(masm, heap);

  save_registers(masm);
  call_dispatch(masm, reinterpret_cast<const void*>(&exit_dispatch));
  masm.jump_reg(Reg::kRet);
  made.exit = install(masm, heap);

  // Returns to the code behind the call, unless the helper failed: then the return address is dropped.
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
  made.slow = install(masm, heap);

  if (run == nullptr || made.leave == nullptr || made.exit == nullptr || made.slow == nullptr) return false;
  made.run = reinterpret_cast<decltype(made.run)>(reinterpret_cast<uintptr_t>(run));
  thunks = made;
  return true;
}

}  // namespace whipsnake
