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

  uintptr_t ok_breaker;               // see context.h
  _PyFrameEvalFunction ok_evaluator;  // PyInterpreterState.eval_frame while frames are ours to enter
  const uint8_t* code_begin;          // the heap's code half
  size_t code_bytes;

 private:
  static constexpr size_t kSlots = 1024;  // power of two, open addressing
  const void* slots_[kSlots];
  size_t used_;
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
