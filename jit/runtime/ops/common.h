// What the opcode helpers of this folder share. Not for others.
#pragma once

#include "jit/runtime/context.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake {

// Releases operands in the order written: the order in which the interpreter's case does it.
template <typename... Operands>
inline void release(Operands*... operands) {
  (Py_DECREF(operands), ...);
}

// For the end of a helper that returns no value.
inline PyObject* done_if(bool good) { return good ? kDone : nullptr; }

inline PyObject* boolean(bool value) { return value ? Py_True : Py_False; }

inline PyObject* name_of(intptr_t arg) { return reinterpret_cast<PyObject*>(arg); }

inline PyObject*& slot_of(PyThreadState* ts, intptr_t arg) { return port::current_frame(ts)->localsplus[arg]; }

using port::as_int;
using port::compact_value;
inline bool is_compact_int(PyObject* object) { return PyLong_CheckExact(object) && port::is_compact(object); }

// Releases an exact str without a look at tp_dealloc; ints and floats: numbers.h.
inline void release_str(PyObject* object) { _Py_DECREF_SPECIALIZED(object, _PyUnicode_ExactDealloc); }

// 3.13 Python/ceval.c, NAME_ERROR_MSG and UNBOUNDLOCAL_ERROR_MSG.
inline constexpr const char* kNameErrorMessage = "name '%.200s' is not defined";
inline constexpr const char* kUnboundLocalMessage =
    "cannot access local variable '%s' where it is not associated with a value";

}  // namespace whipsnake
