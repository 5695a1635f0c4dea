// The scratch space of a code object, read without a call.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// 3.13 Objects/codeobject.c, _PyCodeObjectExtra: private to that file; port_check.cpp verifies it.
struct CodeExtra {
  Py_ssize_t size;
  void* items[1];
};

// What PyUnstable_Code_GetExtra() would give; null also for a negative index.
inline void* code_extra(const PyCodeObject* code, Py_ssize_t index) {
  const auto* extra = static_cast<const CodeExtra*>(code->co_extra);
  if (extra == nullptr || static_cast<size_t>(index) >= static_cast<size_t>(extra->size)) return nullptr;
  return extra->items[index];
}

}  // namespace whipsnake::port
