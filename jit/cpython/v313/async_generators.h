// What `agen.asend(value)` and `agen.__anext__()` return, and what the body of an async generator yields.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// 3.13 Objects/genobject.c, PyAsyncGenASend: private to that file.
struct AsyncSend {
  PyObject base;
  PyAsyncGenObject* generator;
  PyObject* value;  // to be sent first; null for __anext__()
  int state;
};
enum AwaitableState { kAwaitableFresh = 0, kAwaitableStarted = 1, kAwaitableClosed = 2 };

// 3.13 Include/internal/pycore_genobject.h has the type as an incomplete one: value of an `yield`, not of an `await`.
struct AsyncYield {
  PyObject base;
  PyObject* value;
};

// The type of AsyncYield, which is not exported; null if things are not as above. Main interpreter, no exception set.
PyTypeObject* async_yield_type();

}  // namespace whipsnake::port
