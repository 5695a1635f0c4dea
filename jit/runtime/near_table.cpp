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
  size_t at = (bits >> 4 ^ bits >> 14) & (kIndex - 1);
  while (index_[at] != 0) {
    const void** known = &cells_[index_[at] - 1];
    if (*known == address) return known;
    at = (at + 1) & (kIndex - 1);
  }
  if (used_ == kCells) return new const void*(address);  // as long-lived as the table
  cells_[used_] = address;
  index_[at] = static_cast<uint16_t>(used_ + 1);
  return &cells_[used_++];
}

}  // namespace whipsnake
