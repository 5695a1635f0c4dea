// Life of records and of machine code: made with a code object's first count, gone with the code object.
#pragma once

#include <memory>

#include "jit/runtime/code_record.h"

namespace whipsnake {

class CodeHeap;

// Where machine code lives. Null until the first enable(); after that one heap for the rest of the process, because
// compiled frames may be on some stack at any time. One that could get no memory is replaced at the next enable().
extern CodeHeap* code_heap;

// Gives machine code and what it relies on back. Nobody may enter it any more, but frames may still be in the helpers
// it jumped to. The memory is reused from the next flush_released() on: one change of page protection serves many.
void release_compiled(std::unique_ptr<CompiledCode> compiled);
void flush_released();

// Gives a record its machine code. False: out of memory, nothing was done.
bool set_compiled(CodeRecord* record, std::unique_ptr<CompiledCode> compiled);

// The machine code of `record` is not entered any more; frames that are inside go on in it, so it stays until the code
// object dies. The record is cold again.
void retire(CodeRecord* record);

// The machine code of `record` was left because something it expects was not so. Now and then the engine framework is
// asked whether it is worth keeping.
inline constexpr uint32_t kExitsPerReview = 256;
extern void (*review_exits)(CodeRecord* record);  // may be null
inline void count_exits(CodeRecord* record, uint32_t weight) {
  const uint32_t reviews = record->exits / kExitsPerReview;
  record->exits += weight;
  if (record->exits / kExitsPerReview != reviews && review_exits != nullptr) [[unlikely]]
    review_exits(record);
}

// A guard of `site` has failed again, and the helper has done the instruction, kSlowPerReview more times. True: its
// machine code is not entered any more, and the frame is to go on in the interpreter.
inline constexpr uint32_t kSlowPerReview = 4096;
extern bool (*review_slow_path)(const Site* site);  // may be null

// Adds to one of the record's sorted lists. False: it is there already, or there is no memory.
bool note_instruction(std::vector<uint32_t>* instructions, uint32_t instruction);

// count_exits() for an exit to code that was left out as never executed, `instruction` being its first: the next
// compilation has it. One from within a loop weighs more, for it is the rest of the loop that machine code loses.
void count_cold_exit(CodeRecord* record, uint32_t instruction, uint32_t weight);

// Calls visit(record) for every record there is. `visit` must not create or destroy records, so it must not run
// Python code.
void visit_records(void (*visit)(CodeRecord* record, void* context), void* context);

bool has_records();

// Told of each piece of machine code just before it is released; for perf maps and the like. May be null.
extern void (*on_release)(const CompiledCode& compiled);

}  // namespace whipsnake
