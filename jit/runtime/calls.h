// Call opcodes: helpers with the contract of op_helper.h.
#pragma once

#include "jit/runtime/op_helper.h"

namespace whipsnake {

PyObject* op_call(PyThreadState* ts, PyObject** top, intptr_t oparg);     // callable, self_or_null, args[oparg]
PyObject* op_call_kw(PyThreadState* ts, PyObject** top, intptr_t oparg);  // ..., kwnames
PyObject* op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg);

}  // namespace whipsnake
