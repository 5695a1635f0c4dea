#include "jit/baseline/emitter.h"

#include <algorithm>
#include <utility>

#include "jit/cpython/opcodes.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/self_check.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/stress.h"
#include "jit/runtime/thunks.h"

namespace whipsnake::baseline {

namespace {
constexpr Reg kStackRegisters[] = {Reg::kS0, Reg::kS1, Reg::kS2};

int register_number(Reg reg) { return static_cast<int>(reg) - static_cast<int>(Reg::kS0); }

bool immortal(PyObject* object) { return _Py_IsImmortal(object) != 0; }
}  // namespace

// --- Resources ---

Resources::~Resources() {
  for (auto& action : actions_) action();
  for (const Data& data : data_) heap_->release_data(data.begin);
}

void Resources::visit_sites(const std::function<void(const Site&)>& visit) const {
  for (size_t i = 0; i < sites_used_; ++i) visit(site_blocks_[i / kBlock][i % kBlock]);
}

namespace {
const char* exit_name(const Site& site) {
  switch (site.kind) {
    case SiteKind::kError: return "exception";
    case SiteKind::kReraise: return "re-raise";
    case SiteKind::kSlow: return "slow path";
    case SiteKind::kDeopt:
    case SiteKind::kLeave:
    case SiteKind::kBreaker: return name(site.reason);
  }
  return "?";
}
}  // namespace

void Resources::visit_exits(void (*visit)(void* context, const char* reason, uint64_t taken), void* context) const {
  visit_sites([visit, context](const Site& site) {
    if (site.taken != 0) visit(context, exit_name(site), site.taken);
  });
}

bool Resources::visit_memory(const std::function<void(const void* begin, size_t bytes)>& visit) const {
  for (const auto& block : site_blocks_) visit(block.get(), kBlock * sizeof(Site));
  for (const Data& data : data_) visit(data.begin, data.bytes);
  return true;
}

Site* Resources::new_site() {
  if (sites_used_ % kBlock == 0) site_blocks_.push_back(std::make_unique<Site[]>(kBlock));
  return &site_blocks_.back()[sites_used_++ % kBlock];
}

StackEntry* Resources::new_entries(int count) {
  const auto wanted = static_cast<size_t>(count);
  if (entries_used_ + wanted > kEntryBlock || entry_blocks_.empty()) {
    entry_blocks_.push_back(std::make_unique<StackEntry[]>(wanted > kEntryBlock ? wanted : kEntryBlock));
    entries_used_ = 0;
  }
  StackEntry* entries = &entry_blocks_.back()[entries_used_];
  entries_used_ += wanted;
  return entries;
}

void* Resources::allocate_data(CodeHeap& heap, size_t bytes) {
  heap_ = &heap;
  void* data = heap.allocate_data(bytes);
  if (data != nullptr) data_.push_back({data, bytes});
  return data;
}

void* Resources::allocate_aligned(CodeHeap& heap, size_t bytes) {
  constexpr size_t kAlignment = 32;
  constexpr size_t kBlockBytes = 384;
  if (static_cast<size_t>(aligned_end_ - aligned_) < bytes) {
    const size_t block = std::max(kBlockBytes, bytes) + kAlignment;
    auto* memory = static_cast<char*>(allocate_data(heap, block));
    if (memory == nullptr) return nullptr;
    aligned_ = memory + (kAlignment - reinterpret_cast<uintptr_t>(memory) % kAlignment) % kAlignment;
    aligned_end_ = memory + block;
  }
  return std::exchange(aligned_, aligned_ + bytes);
}

// --- Emitter ---

Emitter::Emitter(Masm& masm, CodeHeap& heap, PyCodeObject* code, PyObject* globals, PyObject* builtins,
                 CodeRecord* record)
    : masm_(masm),
      heap_(heap),
      code_(code),
      globals_(globals),
      builtins_(builtins),
      record_(record),
      resources_(std::make_unique<Resources>()),
      labels_(static_cast<size_t>(port::instruction_count(code)) + 1) {}

Label Emitter::label_of(int instruction) {
  Label& label = labels_[static_cast<size_t>(instruction)];
  if (!label.valid()) label = masm_.new_label();
  return label;
}

const Instruction* Emitter::following(int distance) const {
  const Instruction* end = instructions_->data() + instructions_->size();
  const Instruction* next = current_;
  for (; distance > 0; --distance)
    if (++next == end || (*block_start_)[next->start] != 0 ||
        (*handler_of_)[next->index] != (*handler_of_)[current_->index])
      return nullptr;
  return next;
}

bool Emitter::falls_to_target(const Instruction& jump) const {
  const Instruction* first = instructions_->data();
  const Instruction* end = first + instructions_->size();
  const Instruction* next = &jump + 1;
  const auto left_out = [&](const Instruction* instruction) {
    const auto position = static_cast<size_t>(instruction - first);
    return (*left_out_)[position] != 0 || (*depths_)[position] < 0;
  };
  while (next != end && left_out(next)) ++next;
  return next != end && next->start == static_cast<uint32_t>(jump.target);
}

bool Emitter::turned_around(const Instruction& jump) const {
  const auto next = static_cast<size_t>(&jump + 1 - instructions_->data());
  return next < instructions_->size() && (*left_out_)[next] != 0 && falls_to_target(jump);
}

bool Emitter::may_be_bound(int local) const {
  return (*bound_)[static_cast<size_t>(current_ - instructions_->data())].has(local);
}

Mem Emitter::home(int slot) const { return Mem::at(Reg::kFrame, port::offset::slot(code_->co_nlocalsplus + slot)); }

void* Emitter::allocate_data(size_t bytes) {
  void* data = resources_->allocate_data(heap_, bytes);
  if (data == nullptr) fail();
  return data;
}

void* Emitter::allocate_aligned(size_t bytes) {
  void* data = resources_->allocate_aligned(heap_, bytes);
  if (data == nullptr) fail();
  return data;
}

Reg Emitter::allocate() {
  for (Reg reg : kStackRegisters)
    if (stack_.find_register(reg) < 0) return reg;
  for (int slot = 0; slot < stack_.depth(); ++slot) {  // the deepest entry is needed last
    if (!stack_.slot(slot).is(Value::Kind::kRegister)) continue;
    const Reg reg = stack_.slot(slot).reg;
    to_memory(slot);
    return reg;
  }
  Py_UNREACHABLE();
}

void Emitter::push_owned(Reg reg) {
  const Reg target = allocate();
  masm_.mov(target, reg);
  stack_.push(Value::in_register(target));
}

void Emitter::to_memory(int slot) {
  Value& value = stack_.slot(slot);
  switch (value.kind) {
    case Value::Kind::kMemory: return;
    case Value::Kind::kRegister: masm_.store(home(slot), value.reg); break;
    case Value::Kind::kLocal:
      masm_.load(Reg::kT0, local(value.index));
      sequences::incref(masm_, Reg::kT0, Reg::kT2);
      masm_.store(home(slot), Reg::kT0);
      break;
    case Value::Kind::kConstant:
      masm_.mov_ptr(Reg::kT0, value.constant);
      if (!immortal(value.constant)) sequences::incref(masm_, Reg::kT0, Reg::kT2);
      masm_.store(home(slot), Reg::kT0);
      break;
    case Value::Kind::kNull: masm_.store_imm(home(slot), 0); break;
  }
  value = Value::memory();
}

void Emitter::flush() {
  for (int slot = 0; slot < stack_.depth(); ++slot) to_memory(slot);
}

void Emitter::flush_top(int count) {
  for (int slot = stack_.depth() - count; slot < stack_.depth(); ++slot) to_memory(slot);
}

void Emitter::flush_below(int count) {
  for (int slot = 0; slot < stack_.depth() - count; ++slot) to_memory(slot);
}

void Emitter::protect_locals_below(int count) {
  for (int slot = 0; slot < stack_.depth() - count; ++slot)
    if (stack_.slot(slot).is(Value::Kind::kLocal)) to_memory(slot);
}

void Emitter::spill_registers_below(int count) {
  for (int slot = 0; slot < stack_.depth() - count; ++slot)
    if (stack_.slot(slot).is(Value::Kind::kRegister)) to_memory(slot);
}

void Emitter::forget_local(int index, int count) {
  for (int slot = 0; slot < stack_.depth() - count; ++slot)
    if (stack_.slot(slot).is(Value::Kind::kLocal) && stack_.slot(slot).index == index) to_memory(slot);
}

Reg Emitter::use(int from_top, Reg temp) { return use_value(stack_.peek(from_top), stack_.depth() - from_top, temp); }

Reg Emitter::use_value(const Value& value, int slot, Reg temp) {
  switch (value.kind) {
    case Value::Kind::kRegister: return value.reg;
    case Value::Kind::kMemory: masm_.load(temp, home(slot)); break;
    case Value::Kind::kLocal: masm_.load(temp, local(value.index)); break;
    case Value::Kind::kConstant: masm_.mov_ptr(temp, value.constant); break;
    case Value::Kind::kNull: masm_.mov_imm(temp, 0); break;
  }
  return temp;
}

void Emitter::pop_release() {
  const Value value = stack_.pop();
  release(value, stack_.depth());
}

void Emitter::release(const Value& value, int slot) {
  if (!value.owned()) return;
  decref(use_value(value, slot, Reg::kArg0));
}

void Emitter::pop_owned(Reg reg) {
  const Value value = stack_.pop();
  const Reg from = use_value(value, stack_.depth(), reg);
  if (from != reg) masm_.mov(reg, from);
  if (value.is(Value::Kind::kLocal) || (value.is(Value::Kind::kConstant) && !immortal(value.constant)))
    sequences::incref(masm_, reg, Reg::kT2);
}

void Emitter::incref(Reg object) { sequences::incref(masm_, object, Reg::kT2); }

void Emitter::decref(Reg object) {
  const Label dead = masm_.new_label();
  const Label done = masm_.new_label();
  sequences::decref(masm_, object, dead);
  masm_.bind(done);
  cold_.push_back({.at = current_, .entered = dead, .dead = object, .resume = done});
}

void Emitter::emit_death(Reg object, Label resume) {
  if (object != Reg::kArg0) masm_.mov(Reg::kArg0, object);
  store_position();
  call(&dealloc);
  masm_.jump(resume);
}

void Emitter::store_position(int units) {
  CodeUnit* unit = port::instructions(code_) + current_->index + units;
  const auto address = reinterpret_cast<uintptr_t>(unit);
  const auto first = reinterpret_cast<uintptr_t>(port::instructions(code_));
  const auto last = first + static_cast<uintptr_t>(port::instruction_count(code_)) * sizeof(CodeUnit);
  // The pointer has pointed into this code object since the frame was made: its high half stays.
  if (first >> 32 == last >> 32)
    masm_.store32_imm(Mem::at(Reg::kFrame, port::offset::kFrameInstrPtr), static_cast<int32_t>(address));
  else
    masm_.store_imm(Mem::at(Reg::kFrame, port::offset::kFrameInstrPtr), static_cast<int64_t>(address));
}

void Emitter::call_address(const void* function) { masm_.call_mem(near_constant(function)); }

void Emitter::operation_call(OpHelper helper, int pops, intptr_t arg) {
  put_stress_before(&helper, &arg, pops);
  flush_top(pops);
  protect_locals_below(pops);
  store_position();
  masm_.mov(Reg::kArg0, Reg::kThread);
  masm_.lea(Reg::kArg1, home(stack_.depth()));
  masm_.mov_imm(Reg::kArg2, arg);
  call(helper);
  stack_.drop(pops);
}

void Emitter::carry_out(OpHelper helper, int pops, int results, intptr_t arg) {
  operation_call(helper, pops, arg);
  masm_.test(Reg::kRet, Reg::kRet);
  masm_.jump_if(Cond::kEqual, error_exit(results));
}

void Emitter::operation(OpHelper helper, int pops, int results, intptr_t arg) {
  carry_out(helper, pops, results, arg);
  if (results == 1) push_owned(Reg::kRet);
}

void Emitter::operation_storing(OpHelper helper, int pops, int results, intptr_t arg) {
  carry_out(helper, pops, results, arg);
  for (int i = 0; i < results; ++i) stack_.push(Value::memory());
}

// --- exits ---

void Emitter::describe_stack(Site* site) {
  int count = 0;
  for (int slot = 0; slot < stack_.depth(); ++slot) count += !stack_.slot(slot).is(Value::Kind::kMemory);
  if (count == 0) return;
  StackEntry* entries = resources_->new_entries(count);
  site->entries = entries;
  site->entry_count = static_cast<uint16_t>(count);
  for (int slot = 0; slot < stack_.depth(); ++slot) {
    const Value& value = stack_.slot(slot);
    StackEntry entry{static_cast<uint16_t>(slot), StackEntry::Where::kNull, 0, nullptr};
    switch (value.kind) {
      case Value::Kind::kMemory: continue;
      case Value::Kind::kRegister:
        entry.where = StackEntry::Where::kRegister;
        entry.index = register_number(value.reg);
        break;
      case Value::Kind::kLocal:
        entry.where = StackEntry::Where::kLocal;
        entry.index = value.index;
        break;
      case Value::Kind::kConstant:
        entry.where = StackEntry::Where::kConstant;
        entry.constant = value.constant;
        break;
      case Value::Kind::kNull: break;
    }
    *entries++ = entry;
  }
}

Site* Emitter::make_site(SiteKind kind, int depth) {
  Site* site = resources_->new_site();
  site->kind = kind;
  site->depth = static_cast<uint16_t>(depth);
  site->instruction = current_->index;
  site->start = current_->start;
  site->next = current_->next;
  site->record = record_;
  const int handler = (*handler_of_)[current_->index];
  if (handler >= 0) {
    const Handler& found = (*handlers_)[static_cast<size_t>(handler)];
    site->handler_depth = found.depth;
    site->lasti = found.lasti;
    site->handler_instruction = found.target;
  }
  describe_stack(site);
  return site;
}

void Emitter::emit_site_jump(Label label, Site* site) {
  cold_.push_back({.at = current_, .entered = label, .exit = site});
}

void Emitter::emit_exit(const Site* site) {
  masm_.mov_ptr(Reg::kT0, site);
  masm_.jump_code(thunks.exit);
}

Label Emitter::error_exit(int results) {
  const Label label = masm_.new_label();
  Site* site = make_site(SiteKind::kError, stack_.depth());
  site->results = static_cast<uint16_t>(results);
  emit_site_jump(label, site);
  return label;
}

Label Emitter::reraise_exit() {
  const Label label = masm_.new_label();
  emit_site_jump(label, make_site(SiteKind::kReraise, stack_.depth()));
  return label;
}

void Emitter::emit_left_out(Label label, bool in_loop) {
  constexpr uint8_t kInLoop = 32;
  Site* site = make_site(SiteKind::kDeopt, stack_.depth());
  site->reason = ExitReason::kColdCode;
  if (in_loop) site->weight = kInLoop;
  masm_.bind(label);
  emit_exit(site);
}

Emitter::Slow Emitter::slow_path(OpHelper helper, int pops, int results, intptr_t arg) {
  if (results <= 1 && is_generic(*current_)) return aside(helper, pops, results, arg);
  Site* site = slow_site(helper, pops, results, arg);
  return {.label = new_guard(), .resume = masm_.new_label(), .site = site};
}

Emitter::Slow Emitter::aside(OpHelper helper, int pops, int results, intptr_t arg) {
  protect_locals_below(pops);  // here, so that both ways have the same below the operands
  const auto operate = [this, helper, pops, results, arg, before = stack_] {
    const ValueStack kept = std::exchange(stack_, before);
    carry_out(helper, pops, results, arg);
    stack_ = kept;
  };
  return {.label = new_guard(), .resume = masm_.new_label(), .operate = operate};
}

bool Emitter::is_generic(const Instruction& instruction) const {
  if (stress::expects_nothing(instruction.index)) return true;
  if (record_ == nullptr) return false;
  const std::vector<uint32_t>& generic = record_->generic;
  return std::binary_search(generic.begin(), generic.end(), instruction.index);
}

Label Emitter::new_guard() {
  const Label failed = masm_.new_label();
  if (without_fast_path_) masm_.jump(failed);
  fail_under_stress(failed);
  return failed;
}

Label Emitter::operation_aside(OpHelper helper, int pops, intptr_t arg, Reg result, Label resume) {
  const Label failed = new_guard();
  cold([this, helper, pops, arg, result, resume, failed, before = stack_] {
    masm_.bind(failed);
    const ValueStack kept = std::exchange(stack_, before);
    carry_out(helper, pops, 1, arg);
    masm_.mov(result, Reg::kRet);
    borrow_locals_again(before, result);
    masm_.jump(resume);
    stack_ = kept;
  });
  return failed;
}

void Emitter::borrow_locals_again(const ValueStack& before, Reg result) {
  std::vector<int> slots;
  for (int slot = 0; slot < stack_.depth(); ++slot)
    if (before.slot(slot).is(Value::Kind::kLocal)) slots.push_back(slot);
  if (slots.empty()) return;
  stack_.push(Value::in_register(result));
  const Label rebound = leave_exit(current_->next, ExitReason::kLocalsChanged);
  for (int slot : slots) {
    masm_.load(Reg::kT0, home(slot));
    masm_.cmp(Reg::kT0, local(before.slot(slot).index));
    masm_.jump_if(Cond::kNotEqual, rebound);
  }
  for (int slot : slots) {
    masm_.load(Reg::kT0, home(slot));
    sequences::decref(masm_, Reg::kT0, rebound);  // the variable has it, too: it does not die
  }
}

void Emitter::fail_under_stress(Label failed) {
  const uint32_t every = stress::settings.slow_every;
  if (every == 0) return;
  const Label taken = masm_.new_label();
  stress::emit_countdown(masm_, stress::guards, taken);
  cold([this, taken, every, failed] {
    masm_.bind(taken);
    stress::emit_restart(masm_, stress::guards, every);
    masm_.jump(failed);
  });
}

Site* Emitter::slow_site(OpHelper helper, int pops, int results, intptr_t arg) {
  put_stress_before(&helper, &arg, pops);
  Site* site = make_site(SiteKind::kSlow, stack_.depth());
  site->pops = static_cast<uint16_t>(pops);
  site->results = static_cast<uint16_t>(results);
  site->helper = helper;
  site->arg = arg;
  site->borrows_below = false;
  for (int slot = 0; slot < stack_.depth() - pops; ++slot)
    if (stack_.slot(slot).is(Value::Kind::kLocal)) site->borrows_below = true;
  return site;
}

void Emitter::finish_slow(const Slow& slow, std::function<void()> settle) {
  cold([this, slow, settle = std::move(settle)] {
    masm_.bind(slow.label);
    if (slow.site != nullptr) {
      masm_.mov_ptr(Reg::kT0, slow.site);
      masm_.call_code(thunks.slow);
    } else {
      slow.operate();
    }
    if (settle) settle();
    masm_.jump(slow.resume);
  });
}

void Emitter::finish_slow(const Slow& slow, Reg result) {
  finish_slow(slow, [this, result] { masm_.mov(result, Reg::kRet); });
}

// SEND, YIELD_VALUE, RESUME, and back: what CPython's compiler makes of `yield from` and `await`.
// 3.13 Python/compile.c, compiler_add_yield_from.
bool Emitter::merely_waits() const {
  constexpr ptrdiff_t kLength = 4;
  if (instructions_->data() + instructions_->size() - current_ < kLength) return false;
  const Instruction& yield = current_[1];
  const Instruction& resume = current_[2];
  const Instruction& jump = current_[3];
  return yield.opcode == YIELD_VALUE && yield.oparg == 1 && yield.next == current_->index + kWaiting &&
         resume.opcode == RESUME && (resume.oparg & RESUME_OPARG_LOCATION_MASK) >= RESUME_AFTER_YIELD_FROM &&
         jump.opcode == JUMP_BACKWARD_NO_INTERRUPT && jump.target == static_cast<int32_t>(current_->index);
}

void Emitter::bind_continuation() {
  const Label label = masm_.new_label();
  masm_.bind(label);
  continuations_.push_back({current_->index + 1, label, merely_waits()});
}

void Emitter::check_breaker(bool handle_requests) {
  const Label label = masm_.new_label();
  const Label resume = masm_.new_label();
  Site* site = make_site(SiteKind::kBreaker, stack_.depth());
  site->reason = ExitReason::kBreaker;
  site->handles_requests = handle_requests;
  masm_.load(Reg::kT0, Mem::at(Reg::kThread, port::offset::kThreadEvalBreaker));
  masm_.cmp(Reg::kT0, Mem::absolute(&near_table->ok_breaker));
  masm_.jump_if(Cond::kNotEqual, label);
  masm_.bind(resume);
  resumes_.emplace_back(site, resume);
  emit_site_jump(label, site);
}

namespace {
int must_leave(PyThreadState* ts, Frame* frame) { return breaker_slow(ts, frame, false) == BreakerAction::kLeave; }
}  // namespace

Label Emitter::leave_exit(uint32_t next, ExitReason reason) {
  const Label label = masm_.new_label();
  Site* site = make_site(SiteKind::kLeave, stack_.depth());
  site->reason = reason;
  site->next = next;
  emit_site_jump(label, site);
  return label;
}

void Emitter::jump_if_heard(Label exit) {
  const Label ask = masm_.new_label();
  const Label resume = masm_.new_label();
  masm_.load(Reg::kT0, Mem::at(Reg::kThread, port::offset::kThreadEvalBreaker));
  masm_.cmp(Reg::kT0, Mem::absolute(&near_table->ok_breaker));
  masm_.jump_if(Cond::kNotEqual, ask);
  masm_.bind(resume);
  cold([this, ask, resume, exit] {
    masm_.bind(ask);
    masm_.mov(Reg::kArg0, Reg::kThread);
    masm_.mov(Reg::kArg1, Reg::kFrame);
    call(&must_leave);
    masm_.test32(Reg::kRet, Reg::kRet);
    masm_.jump_if(Cond::kEqual, resume);
    masm_.jump(exit);
  });
}

// --- stress ---

void Emitter::emit_stress(bool entry) {
  if (const uint32_t every = stress::settings.jettison_every; every != 0 && entry) {
    const Label taken = masm_.new_label();
    const Label resume = masm_.new_label();
    stress::emit_countdown(masm_, stress::entries, taken);
    masm_.bind(resume);
    cold([this, taken, resume, every] {
      masm_.bind(taken);
      stress::emit_restart(masm_, stress::entries, every);
      call(&stress::jettison);
      masm_.jump(resume);
    });
  }
  if (const uint32_t every = stress::settings.exit_every; every != 0) {
    const Label taken = masm_.new_label();
    Site* site = make_site(SiteKind::kDeopt, stack_.depth());
    site->reason = ExitReason::kStress;
    stress::emit_countdown(masm_, stress::exits, taken);
    cold([this, taken, site, every] {
      masm_.bind(taken);
      stress::emit_restart(masm_, stress::exits, every);
      emit_exit(site);
    });
  }
}

void Emitter::emit_self_check() {
  if constexpr (kSelfChecks) {
    masm_.mov_ptr(Reg::kT0, make_site(SiteKind::kDeopt, stack_.depth()));
    masm_.call_code(thunks.check);
  }
}

void Emitter::put_stress_before(OpHelper* helper, intptr_t* arg, int pops) {
  if (!stress::wraps_helpers()) return;
  auto* wrapped = static_cast<stress::HelperCall*>(allocate_data(sizeof(stress::HelperCall)));
  if (wrapped == nullptr) return;
  // What the bytecode around the instruction takes for impossible cannot fail.
  const int handler = (*handler_of_)[current_->index];
  const bool possible = current_->opcode != PUSH_EXC_INFO && current_->opcode != POP_EXCEPT &&
                        (handler < 0 || (*handlers_)[static_cast<size_t>(handler)].depth <= stack_.depth() - pops);
  *wrapped = {*helper, *arg, possible ? pops : -1};
  *helper = &stress::op_stressed;
  *arg = reinterpret_cast<intptr_t>(wrapped);
}

void Emitter::collect_before_call() {
  if (stress::settings.collect) call(&stress::collect_garbage);
}

void Emitter::emit_cold() {
  for (size_t i = 0; i < cold_.size(); ++i) {  // cold code may add cold code
    const Cold cold = std::move(cold_[i]);
    current_ = cold.at;
    if (cold.entered.valid()) masm_.bind(cold.entered);
    if (cold.exit != nullptr)
      emit_exit(cold.exit);
    else if (cold.dead != Reg::kNone)
      emit_death(cold.dead, cold.resume);
    else
      cold.emit();
  }
  cold_.clear();
}

}  // namespace whipsnake::baseline
