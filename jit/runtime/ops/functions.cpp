// 3.13 Python/bytecodes.c: MAKE_FUNCTION, SET_FUNCTION_ATTRIBUTE, CALL_INTRINSIC_1, CALL_INTRINSIC_2.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_make_function(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* code = top[-1];
  PyObject* function = PyFunction_New(code, port::current_frame(ts)->f_globals);
  release(code);
  if (function == nullptr) {
    return nullptr;
  }
  // Only now, after the function watchers saw it: by the code's version the interpreter's call sites specialise.
  // A code object whose version is 0 (the engine sets that where every call must come through vectorcall) gives 0.
  auto* object = reinterpret_cast<PyFunctionObject*>(function);
  const uint32_t version = reinterpret_cast<PyCodeObject*>(object->func_code)->co_version;
  if (version != object->func_version) _PyFunction_SetVersion(object, version);
  return after_escape(ts, function);
}

PyObject* op_set_function_attribute(PyThreadState*, PyObject** top, intptr_t arg) {
  PyObject* attribute = top[-2];
  PyObject* function = top[-1];
  auto* object = reinterpret_cast<PyFunctionObject*>(function);
  switch (arg) {
    case MAKE_FUNCTION_CLOSURE: object->func_closure = attribute; break;
    case MAKE_FUNCTION_ANNOTATIONS: object->func_annotations = attribute; break;
    case MAKE_FUNCTION_KWDEFAULTS: object->func_kwdefaults = attribute; break;
    case MAKE_FUNCTION_DEFAULTS: object->func_defaults = attribute; break;
    default: Py_UNREACHABLE();
  }
  return function;
}

PyObject* op_call_intrinsic_1(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-1];
  PyObject* result = _PyIntrinsics_UnaryFunctions[arg].func(ts, value);
  release(value);
  return after_escape(ts, result);
}

PyObject* op_call_intrinsic_2(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value2 = top[-2];
  PyObject* value1 = top[-1];
  PyObject* result = _PyIntrinsics_BinaryFunctions[arg].func(ts, value2, value1);
  release(value2, value1);
  return after_escape(ts, result);
}

}  // namespace whipsnake
