// Addresses and values that machine code reaches with one short relative instruction: they live in the data half of
// the code heap. One table per heap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "jit/asm/code_heap.h"
#include "jit/asm/masm.h"
#include "jit/cpython/port.h"

namespace whipsnake {

class NearTable {
 public:
  // Allocates the table in `heap`; null when the heap is exhausted.
  static NearTable* create(CodeHeap& heap);

  // The cell that holds `address` (of a helper function, a type, a thunk), added at first use. The table is sized
  // for all helpers and types of the runtime; should it ever be full, the cell is elsewhere and merely takes longer.
  const void* cell(const void* address);

 private:
  // The heap's data begins with this table, so with a page, and at that place of theirs pymalloc's pools have their
  // heads: processors keep only some eight lines that lie at one place of their pages, and a program that takes and
  // gives memory of many sizes needs them all.                                                       [page-heads]
  char page_head_[64];

 public:
  uintptr_t ok_breaker;               // see context.h
  _PyFrameEvalFunction ok_evaluator;  // PyInterpreterState.eval_frame while frames are ours to enter
  const uint8_t* code_begin;          // the heap's code half
  size_t code_bytes;

 private:
  static constexpr size_t kCells = 1024;
  static constexpr size_t kIndex = 2 * kCells;  // power of two, open addressing
  const void* cells_[kCells];  // in the order of first use, so that few lines hold what one program uses
  size_t used_;
  uint16_t index_[kIndex];  // by address: one more than its cell's number, or 0
};

extern NearTable* near_table;  // of the current heap; null while there is none

// Whether `address` lies in the heap's code half.
inline bool is_machine_code(const void* address) {
  return near_table != nullptr &&
         static_cast<size_t>(static_cast<const uint8_t*>(address) - near_table->code_begin) < near_table->code_bytes;
}

template <typename Function>
const void* address_of(Function* function) {
  return reinterpret_cast<const void*>(function);
}

// An operand for call_mem/cmp/load with the constant `address`.
inline Mem near_constant(const void* address) { return Mem::absolute(near_table->cell(address)); }

}  // namespace whipsnake
