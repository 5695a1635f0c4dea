// What templates emit through: the macro-assembler, the value stack, and the ways out of the fast path.
//
// Register use in templates: kRet, kArg0..3 and kT0..2 are free within one template and lost at any call;
// kS0..kS2 belong to the value stack (allocate()). Materializing entries clobbers kT0 and kT2, so a template first
// brings the stack into shape and then loads its operands.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "jit/asm/code_heap.h"
#include "jit/asm/masm.h"
#include "jit/baseline/bound_locals.h"
#include "jit/baseline/value_stack.h"
#include "jit/cpython/decode.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/site.h"

namespace whipsnake::baseline {

// What a function's machine code keeps alive: sites, snapshots of the value stack, cache cells.
class Resources : public CodeResources {
 public:
  ~Resources() override;
  void visit_sites(const std::function<void(const Site&)>& visit) const override;
  void visit_exits(void (*visit)(void* context, const char* reason, uint64_t taken), void* context) const override;
  bool visit_memory(const std::function<void(const void* begin, size_t bytes)>& visit) const override;
  Site* new_site();
  StackEntry* new_entries(int count);
  // Zeroed memory in the heap's data half, released with this object; null when refused.
  void* allocate_data(CodeHeap& heap, size_t bytes);
  // The same, aligned to 32 bytes, of which `bytes` is a multiple.
  void* allocate_aligned(CodeHeap& heap, size_t bytes);
  // Runs when the code is released (cells deregister themselves).
  void on_release(std::function<void()> action) { actions_.push_back(std::move(action)); }

  // Blocks are small enough for malloc's quick way, and for the many functions that need little.
  static constexpr size_t kBlock = 8;
  std::vector<std::unique_ptr<Site[]>> site_blocks_;
  size_t sites_used_ = 0;

 private:
  static constexpr size_t kEntryBlock = 32;
  std::vector<std::unique_ptr<StackEntry[]>> entry_blocks_;
  size_t entries_used_ = kEntryBlock;
  CodeHeap* heap_ = nullptr;
  struct Data {
    void* begin;
    size_t bytes;
  };
  std::vector<Data> data_;
  char* aligned_ = nullptr;  // what is left of the last block
  char* aligned_end_ = nullptr;
  std::vector<std::function<void()>> actions_;
};

class Emitter {
 public:
  Emitter(Masm& masm, CodeHeap& heap, PyCodeObject* code, PyObject* globals, PyObject* builtins, CodeRecord* record);

  Masm& masm() { return masm_; }
  ValueStack& stack() { return stack_; }
  PyCodeObject* code() const { return code_; }
  PyObject* globals() const { return globals_; }
  PyObject* builtins() const { return builtins_; }
  PyObject* constant(int index) const { return PyTuple_GET_ITEM(code_->co_consts, index); }
  PyObject* name(int index) const { return PyTuple_GET_ITEM(code_->co_names, index); }

  // --- the walk ---
  // The instruction so many behind the current one, when no jump can enter there or in between and the handler is the
  // same (so that they may be fused), else null.
  const Instruction* following(int distance = 1) const;
  // The one in front of the current instruction, wherever control comes from; null: there is none.
  const Instruction* preceding() const { return current_ == instructions_->data() ? nullptr : current_ - 1; }
  void skip_following(int count = 1) { skip_ = count; }  // they have been emitted with the current one
  // What is emitted behind this instruction is the target of its jump.
  bool falls_to_target(const Instruction& jump) const;
  // A conditional jump behind which the interpreter has never gone on, to what is emitted next: machine code falls
  // through to the target, jumps to label_of(jump.next) where it does not jump, and ends the block.
  bool turned_around(const Instruction& jump) const;
  // Whether this local variable may have a value before the current instruction; see bound_locals.h.
  bool may_be_bound(int local) const;
  // Templates that compile several instructions say which one the next code is about.
  void at(const Instruction& instruction) { current_ = &instruction; }
  Label label_of(int instruction);          // of a jump target or handler
  void end_block() { reachable_ = false; }  // control does not fall through
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }  // out of memory: declines the function

  // --- value stack ---
  void push_constant(PyObject* object) { stack_.push(Value::of_constant(object)); }
  void push_local(int index) { stack_.push(Value::local(index)); }
  void push_null() { stack_.push(Value::null()); }
  void push_owned(Reg reg);  // from any register into one of the value stack's
  Reg allocate();            // a free kS register; may spill an entry
  void to_memory(int slot);  // owned, at home
  void flush();              // all entries to memory
  void flush_top(int count);
  void flush_below(int count);            // all but the top `count`
  void protect_locals_below(int count);   // borrowed locals below the top `count` become owned
  void spill_registers_below(int count);  // to memory what a call of compiled code would clobber
  // Borrowed references to this local, below the top `count`, become owned.
  void forget_local(int index, int count = 0);
  Mem home(int slot) const;  // the home of a stack slot
  Mem local(int index) const { return Mem::at(Reg::kFrame, port::offset::slot(index)); }
  // The register that holds entry `from_top` (1 = top): its own, or `temp` after loading it there. Borrowed.
  Reg use(int from_top, Reg temp);
  Reg use_value(const Value& value, int slot, Reg temp);
  // Pops the top; what it owned is given up. Clobbers kRet, kArg*, kT*.
  void pop_release();
  // Decrements what the entry (already popped, formerly at `slot`) owned.
  void release(const Value& value, int slot);
  // Moves the top into `reg` as an owned reference and pops it.
  void pop_owned(Reg reg);

  // --- reference counts ---
  void incref(Reg object);  // clobbers kT2
  void decref(Reg object);  // object must survive calls or be dead after; all temporaries lost

  // --- calls ---
  // frame->instr_ptr of the current instruction, or of so many units behind it.      [position]
  void store_position(int units = 0);
  template <typename Function>
  void call(Function* function) {
    call_address(reinterpret_cast<const void*>(function));
  }
  void call_address(const void* function);
  // An opcode carried out by its helper: operands to memory, call, result pushed.
  void operation(OpHelper helper, int pops, int results, intptr_t arg);
  // The same for helpers that store their results where the operands were, whatever their number.
  void operation_storing(OpHelper helper, int pops, int results, intptr_t arg);
  // Without pushing: after it, kRet holds the result and the operands are gone.
  void operation_call(OpHelper helper, int pops, intptr_t arg);
  // ... and it has not failed.
  void carry_out(OpHelper helper, int pops, int results, intptr_t arg);

  // --- exits ---
  Label error_exit(int results = 1);  // jump here with an exception set (or ThreadContext::leave)
  Label reraise_exit();
  // The helper carries out the whole current opcode on `pops` operands; jump to `label` in the state as it is at
  // slow_path(). finish_slow() emits the cold code: `settle` (may be empty) finds the helper's result in kRet and puts
  // it where the fast path has it; then it goes on at `resume`, which the template binds.
  struct Slow {
    Label label;
    Label resume;
    Site* site = nullptr;                     // null: the helper is called without counting
    std::function<void()> operate = nullptr;  // ... by this code, as operation_call() does
  };
  Slow slow_path(OpHelper helper, int pops, int results, intptr_t arg);
  // The same where other operands are as likely as those of the fast path, so that none is counted: the helper is
  // called as operation_call() does, in the state as it is here.
  Slow aside(OpHelper helper, int pops, int results, intptr_t arg);
  // The same with the result, one, in `result` at `resume`; locals that are borrowed below the operands stay so.
  Label operation_aside(OpHelper helper, int pops, intptr_t arg, Reg result, Label resume);
  // Whether guards of an instruction have failed so often, also in machine code that was made anew since, that its slow
  // paths are as good as any: the helper is called without leaving the function.                          [lessons]
  bool is_generic(const Instruction& instruction) const;
  // Only the description, for machine code elsewhere that goes to thunks.slow by itself.
  Site* slow_site(OpHelper helper, int pops, int results, intptr_t arg);
  void finish_slow(const Slow& slow, std::function<void()> settle);
  void finish_slow(const Slow& slow, Reg result);  // the common case: the result moves to a register
  // Code behind the function, as of this instruction.
  void cold(std::function<void()> emit) { cold_.push_back({.at = current_, .emit = std::move(emit)}); }
  // Whether the current instruction is to do without its fast path in machine code: its helper does it.     [stress]
  bool without_fast_path() const { return without_fast_path_; }
  // Goes to `failed` as if a guard had failed, now and then. Clobbers the flags alone.                       [stress]
  void fail_under_stress(Label failed);
  // Before a call that is not through operation_call() or a slow path; operands and position are stored.    [stress]
  void collect_before_call();

  // Here the current SEND goes on that has delegated.                                                 [delegation]
  void bind_continuation();

  // Leaves when signals, the GIL or tracing want something; the stack must be flushed.
  void check_breaker(bool handle_requests);

  // The current instruction is complete, in this state: go on in the interpreter at code unit `next`.
  Label leave_exit(uint32_t next, ExitReason reason = ExitReason::kTracing);
  // To `exit` if somebody listens who did not when the instruction began. Registers of the value stack are kept.
  void jump_if_heard(Label exit);

  void* allocate_data(size_t bytes);     // zeroed; null after fail()
  void* allocate_aligned(size_t bytes);  // the same, aligned to 32 bytes; for multiples of that
  Resources& resources() { return *resources_; }
  int line_depth() const { return stack_.depth(); }
  const Instruction& instruction() const { return *current_; }

 private:
  friend class Walk;
  Site* make_site(SiteKind kind, int depth);
  void describe_stack(Site* site);
  void emit_site_jump(Label label, Site* site);
  void emit_exit(const Site* site);
  void emit_death(Reg object, Label resume);
  void emit_cold();
  // A helper has run with the locals that `before` borrows in memory, owned: they are given back, unless one was
  // rebound, so that the frame is left with `result` on top.
  void borrow_locals_again(const ValueStack& before, Reg result);
  // What stress wants before the current instruction, and in front of a helper that consumes `pops` operands.
  void emit_stress(bool entry);
  Label new_guard();          // what guards of the current instruction lead to; now and then it is gone to   [stress]
  bool merely_waits() const;  // see CompiledCode
  void emit_self_check();     // in builds that check themselves
  void put_stress_before(OpHelper* helper, intptr_t* arg, int pops);
  // Control comes to `label`, before the current instruction, and goes on in the interpreter.
  void emit_left_out(Label label, bool in_loop);

  Masm& masm_;
  CodeHeap& heap_;
  PyCodeObject* code_;
  PyObject* globals_;
  PyObject* builtins_;
  CodeRecord* record_;
  ValueStack stack_;
  std::unique_ptr<Resources> resources_;
  // The two kinds that there are most of are described without memory of their own.
  struct Cold {
    const Instruction* at = nullptr;
    std::function<void()> emit = {};
    Label entered = {};
    Site* exit = nullptr;   // `entered`: on to this site
    Reg dead = Reg::kNone;  // `entered`: this object dies; on at `resume`
    Label resume = {};
  };
  std::vector<Cold> cold_;
  std::vector<Label> labels_;                     // by instruction index
  std::vector<std::pair<Site*, Label>> resumes_;  // kBreaker sites
  struct Continuation {
    uint32_t unit;
    Label label;
    bool merely_waits;
  };
  std::vector<Continuation> continuations_;       // see CompiledCode
  const std::vector<int>* handler_of_ = nullptr;  // index into *handlers_ by instruction index, -1 none
  const std::vector<Handler>* handlers_ = nullptr;
  const Instruction* current_ = nullptr;
  const std::vector<Instruction>* instructions_ = nullptr;
  const std::vector<uint8_t>* left_out_ = nullptr;     // by instruction: it is cold
  const std::vector<LocalSet>* bound_ = nullptr;       // by instruction
  const std::vector<int>* depths_ = nullptr;           // by instruction: of the stack; -1: nothing gets there
  const std::vector<uint8_t>* block_start_ = nullptr;  // by instruction index
  int skip_ = 0;
  bool without_fast_path_ = false;
  bool reachable_ = true;
  bool failed_ = false;
};

}  // namespace whipsnake::baseline
