// Version numbers by which the interpreter's specialised calls recognise functions.
//
// A call site that knows a function's version inlines the call and never looks at the function's vectorcall. A function
// without a version (0) is always called through its vectorcall. MAKE_FUNCTION gives a function its code object's
// version after the function watchers have run, so the code object must not have one either.
//
// The interpreter keeps a table from version to function and code, with borrowed pointers that it clears by the version
// it finds in a dying object; taking a version away therefore has to clear the table.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

inline uint32_t next_function_version() {
  uint32_t& next = PyInterpreterState_Get()->func_state.next_version;
  const uint32_t version = next;
  if (version != 0) ++next;  // 3.13 Objects/codeobject.c, init_code: 0 means that they are used up
  return version;
}

inline void take_version(PyFunctionObject* func) {
  if (func->func_version != 0) _PyFunction_SetVersion(func, 0);
}

inline void take_version(PyCodeObject* code) {
  if (code->co_version == 0) return;
  auto& slot = PyInterpreterState_Get()->func_state.func_version_cache[code->co_version % FUNC_VERSION_CACHE_SIZE];
  if (slot.code == reinterpret_cast<PyObject*>(code)) slot = {};
  code->co_version = 0;
}

// A fresh one: which number it is matters to nobody.
inline void give_version(PyCodeObject* code) {
  if (code->co_version == 0) code->co_version = next_function_version();
}

// That of its code object, as MAKE_FUNCTION would. Where calls to other functions of that code must still be seen, the
// code has none: then one of the function's own, which is in no table.
inline void give_version(PyFunctionObject* func) {
  if (func->func_version != 0) return;
  const uint32_t version = reinterpret_cast<PyCodeObject*>(func->func_code)->co_version;
  if (version != 0)
    _PyFunction_SetVersion(func, version);
  else
    func->func_version = next_function_version();
}

}  // namespace whipsnake::port
