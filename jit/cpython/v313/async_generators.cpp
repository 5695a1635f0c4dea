#include "jit/cpython/v313/async_generators.h"

namespace whipsnake::port {

PyTypeObject* async_yield_type() {
  if (_PyAsyncGenASend_Type.tp_basicsize != sizeof(AsyncSend)) return nullptr;
  // The intrinsic wraps a value the way ASYNC_GEN_WRAP does before YIELD_VALUE.
  PyObject* wrapped = _PyIntrinsics_UnaryFunctions[INTRINSIC_ASYNC_GEN_WRAP].func(PyThreadState_Get(), Py_True);
  if (wrapped == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  PyTypeObject* type = Py_TYPE(wrapped);
  if (type->tp_basicsize != sizeof(AsyncYield) || reinterpret_cast<AsyncYield*>(wrapped)->value != Py_True)
    type = nullptr;
  Py_DECREF(wrapped);
  return type;
}

}  // namespace whipsnake::port
