#include "jit/runtime/records.h"

#include <algorithm>
#include <new>

#include "jit/asm/code_heap.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"

namespace whipsnake {

Py_ssize_t code_extra_index = -1;
CodeHeap* code_heap = nullptr;
void (*on_release)(const CompiledCode& compiled) = nullptr;
void (*review_exits)(CodeRecord* record) = nullptr;
bool (*review_slow_path)(const Site* site) = nullptr;

namespace {

// Records hang on a ring, so that all of them are found when things have to be undone.
struct RecordNode : CodeRecord {
  RecordNode* previous = this;
  RecordNode* next = this;
};

// Never destroyed: code objects die after static objects do.
RecordNode& ring() {
  static RecordNode* head = new RecordNode;
  return *head;
}

constexpr size_t kFlushAt = 64;

using Released = std::vector<std::unique_ptr<CompiledCode>>;

// With room for all that it ever holds: where code objects die nobody can handle a failure.
Released& released() {
  static Released* list = [] {
    auto fresh = std::make_unique<Released>();
    fresh->reserve(kFlushAt);
    return fresh.release();
  }();
  return *list;
}

// The code object dies. CPython calls this with the GIL held, possibly with an exception set.
void free_record(void* pointer) {
  auto* node = static_cast<RecordNode*>(static_cast<CodeRecord*>(pointer));
  node->previous->next = node->next;
  node->next->previous = node->previous;
  if (node->compiled) release_compiled(std::move(node->compiled));
  for (auto& old : node->retired) release_compiled(std::move(old));
  delete node;
}

}  // namespace

const uint8_t* CompiledCode::entry(int instruction) const {
  const auto wanted = static_cast<uint32_t>(instruction);
  auto it = std::lower_bound(entries.begin(), entries.end(), std::pair<uint32_t, uint32_t>(wanted, 0));
  return it != entries.end() && it->first == wanted ? code + it->second : nullptr;
}

void CompiledCode::make_offsets(int instructions) {
  try {
    offsets_.resize(static_cast<size_t>(instructions) + kBefore);
  } catch (const std::bad_alloc&) {
    return;
  }
  for (const auto* places : {&entries, &continuations})
    for (const auto& [instruction, offset] : *places)
      if (instruction < static_cast<size_t>(instructions)) offsets_[instruction + kBefore] = offset;
}

const Resumption* CompiledCode::resumption(PyCodeObject* of) {
  if (resumption_) return resumption_.get();
  const uint32_t* offsets = entry_offsets(port::instruction_count(of));
  if (offsets == nullptr) return nullptr;
  resumption_.reset(new (std::nothrow) Resumption{reinterpret_cast<PyObject*>(of), globals, builtins,
                                                  port::instructions(of), offsets, code});
  return resumption_.get();
}

void CodeLink::link(PyObject* to_code, CompiledCode* to) {
  unlink();
  code = to_code;
  globals = to->globals;
  builtins = to->builtins;
  target = to;
  next = to->callers;
  if (next != nullptr) next->previous = this;
  to->callers = this;
}

void CodeLink::unlink() {
  if (target == nullptr) return;
  if (previous != nullptr)
    previous->next = next;
  else
    target->callers = next;
  if (next != nullptr) next->previous = previous;
  target = nullptr;
  next = previous = nullptr;
  code = nullptr;
}

vectorcallfunc CompiledCode::vectorcall() const {
  return door != nullptr ? reinterpret_cast<vectorcallfunc>(reinterpret_cast<uintptr_t>(code)) : compiled_vectorcall;
}

void CompiledCode::close() {
  if (door != nullptr) door->globals = nullptr;
  unlink_callers();
}

void CompiledCode::unlink_callers() {
  while (callers != nullptr) callers->unlink();
}

CodeRecord* get_record(PyCodeObject* code) {
  if (CodeRecord* record = find_record(code)) return record;
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) return nullptr;
  if (code_extra_index < 0) {
    try {
      ring();
      released();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    code_extra_index = port::own_code_extra_index();
    port::set_code_extra_free(free_record);
  }
  auto* node = new (std::nothrow) RecordNode;
  if (node == nullptr) return nullptr;
  node->code = code;
  if (!port::set_own_code_extra(code, static_cast<CodeRecord*>(node))) {
    delete node;
    return nullptr;
  }
  node->next = &ring();
  node->previous = ring().previous;
  node->previous->next = node;
  node->next->previous = node;
  return node;
}

void release_compiled(std::unique_ptr<CompiledCode> compiled) {
  if (on_release != nullptr) on_release(*compiled);
  compiled->close();
  // What the code relies on goes at once: nobody reads its cells any more, and watchers must forget them.
  std::unique_ptr<CodeResources> resources = std::move(compiled->resources);
  released().push_back(std::move(compiled));
  if (released().size() >= kFlushAt) flush_released();
}

void flush_released() {
  for (auto& compiled : released())
    if (code_heap != nullptr && compiled->code != nullptr) code_heap->release(compiled->code);
  released().clear();
}

bool set_compiled(CodeRecord* record, std::unique_ptr<CompiledCode> compiled) {
  auto& retired = record->retired;
  try {
    if (retired.size() == retired.capacity()) retired.reserve(2 * retired.size() + 1);
  } catch (const std::bad_alloc&) {
    return false;
  }
  record->compiled = std::move(compiled);
  return true;
}

void retire(CodeRecord* record) {
  if (!record->compiled) return;
  ++counters.retired;
  record->compiled->close();
  record->resumption = nullptr;
  record->retired.push_back(std::move(record->compiled));  // for which there is room, see set_compiled()
  record->state = TierState::kCold;
}

bool note_instruction(std::vector<uint32_t>* instructions, uint32_t instruction) {
  const auto place = std::lower_bound(instructions->begin(), instructions->end(), instruction);
  if (place != instructions->end() && *place == instruction) return false;
  try {
    instructions->insert(place, instruction);
    return true;
  } catch (const std::bad_alloc&) {  // the next compilation does without
    return false;
  }
}

void count_cold_exit(CodeRecord* record, uint32_t instruction, uint32_t weight) {
  note_instruction(&record->warm, instruction);
  record->cold_exits += weight;
  count_exits(record, weight);
}

bool has_records() { return ring().next != &ring(); }

void visit_records(void (*visit)(CodeRecord* record, void* context), void* context) {
  RecordNode& head = ring();
  for (RecordNode* node = head.next; node != &head;) {
    RecordNode* next = node->next;
    visit(node, context);
    node = next;
  }
}

}  // namespace whipsnake
