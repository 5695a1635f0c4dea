#include "jit/baseline/compile.h"

#include <algorithm>

#include "jit/baseline/bound_locals.h"
#include "jit/baseline/cold_code.h"
#include "jit/baseline/emitter.h"
#include "jit/baseline/frames.h"
#include "jit/cpython/opcodes.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/shapes.h"
#include "jit/runtime/thunks.h"

namespace whipsnake::baseline {

namespace {

// Larger functions run once or are generated tables; machine code for them is not worth its memory.
constexpr int kMaxInstructions = 20000;
// Sites have 16 bits for a depth. CPython's compiler keeps to a few hundred.
constexpr int kMaxStack = 0x7fff;

constexpr uint8_t kBlockStart = 1;  // control arrives by a jump, an exception or a resumption
constexpr uint8_t kLoopHead = 2;    // by a back edge
constexpr int kLoopAlignment = 16;  // what processors fetch at a time

// Buffers kept from one compilation to the next (with the GIL held, compilations never overlap).
struct Scratch {
  std::unique_ptr<Masm> masm;
  NearRange near;
  std::vector<Instruction> instructions;
  std::vector<Handler> handlers;
  std::vector<int> handler_of;
  std::vector<int> depths;
  std::vector<uint8_t> block_start;  // by instruction index: kBlockStart, kLoopHead
  std::vector<uint8_t> cold;
  std::vector<LocalSet> bound;
};

Scratch& scratch() {
  static Scratch instance;
  return instance;
}

Masm* prepared_masm(CodeHeap& heap) {
  Scratch& buffers = scratch();
  const NearRange near = heap.near_range();
  if (!buffers.masm || buffers.near.begin != near.begin || buffers.near.end != near.end) {
    buffers.masm = make_masm(kHostCpu, near);
    buffers.near = near;
  }
  if (buffers.masm) buffers.masm->reset();
  return buffers.masm.get();
}

bool decline(std::string* reason, std::string text) {
  *reason = std::move(text);
  return false;
}

}  // namespace

// One compilation: the instructions in order, each through its template.
class Walk {
 public:
  Walk(Emitter& emitter, const TemplateTable& table) : emitter_(emitter), table_(table) {}

  bool analyze(PyCodeObject* code, const CompileOptions& options, std::string* reason) {
    Scratch& s = scratch();
    s.instructions.clear();
    s.handlers.clear();
    s.depths.clear();
    if (port::instruction_count(code) > kMaxInstructions) return decline(reason, "code object too large");
    if (code->co_stacksize > kMaxStack) return decline(reason, "stack too deep");
    if (!decode(code, s.instructions)) return decline(reason, "bytecode not understood");
    if (!decode_exception_table(code, s.handlers)) return decline(reason, "exception table not understood");
    if (!compute_stack_depths(code, s.instructions, s.handlers, s.depths))
      return decline(reason, "stack depths are inconsistent");
    if (!check_stack_kinds(code, s.instructions, s.handlers, s.depths))
      return decline(reason, "no value where one is needed, or no exception, or no generator");
    for (size_t i = 0; i < s.instructions.size(); ++i) {
      const Instruction& instruction = s.instructions[i];
      if (s.depths[i] < 0 || table_.templates[instruction.opcode] != nullptr) continue;
      const char* why = table_.reasons[instruction.opcode];
      return decline(reason, why != nullptr ? why : "opcode without a template");
    }
    const auto size = static_cast<size_t>(port::instruction_count(code)) + 1;
    s.block_start.assign(size, 0);
    s.handler_of.assign(size, -1);
    for (size_t i = 0; i < s.handlers.size(); ++i) {
      const Handler& handler = s.handlers[i];
      s.block_start[handler.target] |= kBlockStart;
    }
    for (const Instruction& instruction : s.instructions) {
      const Handler* handler = find_handler(s.handlers, instruction);
      if (handler != nullptr) s.handler_of[instruction.index] = static_cast<int>(handler - s.handlers.data());
    }
    for (const Instruction& instruction : s.instructions) {
      if (instruction.target >= 0)
        s.block_start[static_cast<size_t>(instruction.target)] |=
            instruction.opcode == JUMP_BACKWARD ? kBlockStart | kLoopHead : kBlockStart;
      if (instruction.opcode == YIELD_VALUE || instruction.opcode == RETURN_GENERATOR)
        s.block_start[instruction.next] |= kBlockStart;
    }
    if (options.leave_out_cold)
      find_cold_code(s.instructions, s.handlers, options.record->warm, s.cold);
    else
      s.cold.assign(s.instructions.size(), 0);
    find_bound_locals(code, s.instructions, s.handlers, s.bound);
    emitter_.instructions_ = &s.instructions;
    emitter_.left_out_ = &s.cold;
    emitter_.bound_ = &s.bound;
    emitter_.depths_ = &s.depths;
    emitter_.block_start_ = &s.block_start;
    emitter_.handler_of_ = &s.handler_of;
    emitter_.handlers_ = &s.handlers;
    return true;
  }

  bool emit() {
    Scratch& s = scratch();
    door_ = static_cast<CodeEntry*>(emitter_.allocate_data(sizeof(CodeEntry)));
    if (door_ == nullptr) return false;
    emit_entrance(emitter_, door_);
    for (size_t i = 0; i < s.instructions.size() && !emitter_.failed_; ++i) {
      const Instruction& instruction = s.instructions[i];
      const int depth = s.depths[i];
      if (depth < 0 || s.cold[i] != 0) {  // a jump may still name it
        if (s.cold[i] != 0 && emitter_.reachable_)
          emitter_.masm_.jump(emitter_.label_of(static_cast<int>(instruction.start)));
        emitter_.reachable_ = false;
        continue;
      }
      emitter_.current_ = &instruction;
      if (s.block_start[instruction.start] != 0 || i == 0 || !emitter_.reachable_) {
        if (emitter_.reachable_ && i != 0) emitter_.flush();
        emitter_.stack_.reset(depth);
        emitter_.reachable_ = true;
        if ((s.block_start[instruction.start] & kLoopHead) != 0) emitter_.masm_.align(kLoopAlignment);
        emitter_.masm_.bind(emitter_.label_of(static_cast<int>(instruction.start)));
      }
      emitter_.skip_ = 0;
      emitter_.without_fast_path_ = stress::left_out(table_.families[instruction.opcode]);
      emitter_.emit_self_check();
      emitter_.emit_stress(i == 0 || instruction.opcode == JUMP_BACKWARD);
      table_.templates[instruction.opcode](emitter_, instruction);
      i += static_cast<size_t>(emitter_.skip_);
    }
    emitter_.emit_cold();
    emit_left_out();
    return !emitter_.failed_ && !emitter_.masm_.failed();
  }

  std::unique_ptr<CompiledCode> install(CodeHeap& heap) {
    Scratch& s = scratch();
    Masm& masm = emitter_.masm_;
    const CodeBuffer buffer = masm.finish();
    if (masm.failed()) return nullptr;
    const uint8_t* code = heap.install(buffer);
    if (code == nullptr) return nullptr;
    auto compiled = std::make_unique<CompiledCode>();
    compiled->code = code;
    compiled->size = buffer.size;
    compiled->globals = emitter_.globals_;
    compiled->builtins = emitter_.builtins_;
    compiled->engine = "baseline";
    for (size_t i = 0; i < s.instructions.size(); ++i) {
      const Instruction& instruction = s.instructions[i];
      const Label label = emitter_.labels_[instruction.start];
      if (s.cold[i] == 0 && label.valid() && masm.is_bound(label))
        compiled->entries.emplace_back(instruction.start, masm.offset_of(label));
    }
    for (const auto& [unit, label, waits] : emitter_.continuations_)
      compiled->continuations.emplace_back(unit, masm.offset_of(label) | (waits ? CompiledCode::kMerelyWaits : 0));
    compiled->start_entry = masm.offset_of(emitter_.labels_[0]);
    door_->start = compiled->start();
    compiled->door = door_;
    resolve(code);
    compiled->resources = std::move(emitter_.resources_);
    return compiled;
  }

 private:
  // Jumps to cold code end up here.
  void emit_left_out() {
    Scratch& s = scratch();
    for (size_t i = 0; i < s.instructions.size(); ++i) {
      const Instruction& instruction = s.instructions[i];
      if (s.cold[i] == 0 || s.depths[i] < 0 || !emitter_.labels_[instruction.start].valid()) continue;
      emitter_.current_ = &instruction;
      emitter_.stack_.reset(s.depths[i]);
      emitter_.emit_left_out(emitter_.labels_[instruction.start], in_loop(instruction));
    }
  }

  static bool in_loop(const Instruction& instruction) {
    const std::vector<Instruction>& all = scratch().instructions;
    return std::any_of(all.begin(), all.end(), [&](const Instruction& jump) {
      return jump.opcode == JUMP_BACKWARD && jump.start >= instruction.start &&
             static_cast<uint32_t>(jump.target) <= instruction.start;
    });
  }

  void resolve(const uint8_t* code) {
    Masm& masm = emitter_.masm_;
    Resources& resources = *emitter_.resources_;
    for (size_t i = 0; i < resources.sites_used_; ++i) {
      Site& site = resources.site_blocks_[i / Resources::kBlock][i % Resources::kBlock];
      if (site.handler_depth < 0) continue;
      constexpr uint8_t kHandlerWeight = 8;  // the exception itself has been dear enough
      const Label label = emitter_.labels_[site.handler_instruction];
      if (label.valid() && masm.is_bound(label))
        site.handler = code + masm.offset_of(label);
      else
        site.weight = kHandlerWeight;
    }
    for (const auto& [site, label] : emitter_.resumes_) site->resume = code + masm.offset_of(label);
  }

  Emitter& emitter_;
  const TemplateTable& table_;
  CodeEntry* door_ = nullptr;
};

std::unique_ptr<CompiledCode> compile(PyCodeObject* code, PyObject* globals, PyObject* builtins, CodeHeap& heap,
                                      const TemplateTable& table, const CompileOptions& options, std::string* reason) {
  if (!PyDict_CheckExact(globals) || !PyDict_CheckExact(builtins)) {
    *reason = "globals or builtins are not plain dictionaries";
    return nullptr;
  }
  Masm* masm = prepared_masm(heap);
  if (masm == nullptr) {
    *reason = "no macro-assembler for this CPU";
    return nullptr;
  }
  Emitter emitter(*masm, heap, code, globals, builtins, options.record);
  Walk walk(emitter, table);
  if (!walk.analyze(code, options, reason)) return nullptr;
  std::unique_ptr<CompiledCode> compiled;
  if (!walk.emit()) {
    *reason = masm->failed() ? "machine code could not be assembled" : "data memory refused or exhausted";
    return nullptr;
  }
  compiled = walk.install(heap);
  if (compiled == nullptr)
    *reason = masm->failed() ? "machine code could not be assembled" : "code memory refused or exhausted";
  return compiled;
}

void release_buffers() { scratch() = Scratch(); }

}  // namespace whipsnake::baseline
