// The scratch space of a code object, read and written without going through the API: one index for us, and no more of
// the space than that index needs. What PyUnstable_Code_SetExtra() makes has room for everybody, and when such a code
// object dies everybody's free function is called, also by code objects that only we have touched.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// 3.13 Objects/codeobject.c, _PyCodeObjectExtra: private to that file; verify.cpp checks it.
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

// Our index, asked for once per process; -1 when there is none left. Main interpreter only.
Py_ssize_t own_code_extra_index();
// Called with what was stored under our index when the code object dies. May be null.
void set_code_extra_free(void (*function)(void*));
// Stores under our index, where nothing is stored yet. False when out of memory; no exception is set.
bool set_own_code_extra(PyCodeObject* code, void* value);

}  // namespace whipsnake::port
