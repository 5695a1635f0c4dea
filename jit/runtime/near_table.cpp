#include "jit/runtime/near_table.h"

namespace whipsnake {

NearTable* near_table = nullptr;

NearTable* NearTable::create(CodeHeap& heap) {
  auto* table = static_cast<NearTable*>(heap.allocate_data(sizeof(NearTable)));
  if (table != nullptr) {
    table->code_begin = heap.code_begin();
    table->code_bytes = heap.code_capacity();
  }
  return table;
}

const void* NearTable::cell(const void* address) {
  const auto bits = reinterpret_cast<uintptr_t>(address);
  size_t slot = (bits >> 4 ^ bits >> 14) & (kSlots - 1);
  while (slots_[slot] != nullptr && slots_[slot] != address) slot = (slot + 1) & (kSlots - 1);
  if (slots_[slot] == nullptr) {
    if (used_ + 1 >= kSlots) return new const void*(address);  // as long-lived as the table
    ++used_;
    slots_[slot] = address;
  }
  return &slots_[slot];
}

}  // namespace whipsnake
