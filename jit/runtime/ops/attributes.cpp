// 3.13 Python/bytecodes.c: LOAD_ATTR, STORE_ATTR, DELETE_ATTR, LOAD_SUPER_ATTR and specialised forms of the latter.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_load_attr(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* owner = top[-1];
  PyObject* value = PyObject_GetAttr(owner, name_of(arg));
  release(owner);
  return after_escape(ts, value);
}

PyObject* op_load_attr_method(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* owner = top[-1];
  PyObject* callable = nullptr;
  PyObject* self = nullptr;
  if (_PyObject_GetMethod(owner, name_of(arg), &callable) != 0) {
    self = owner;
  } else {
    release(owner);
    if (callable == nullptr) {
      return nullptr;
    }
  }
  top[-1] = callable;
  top[0] = self;
  return after_escape(ts, kDone);
}

PyObject* op_store_attr(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* value = top[-2];
  PyObject* owner = top[-1];
  const int failed = PyObject_SetAttr(owner, name_of(arg), value);
  release(value, owner);
  return after_escape(ts, done_if(failed == 0));
}

PyObject* op_delete_attr(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* owner = top[-1];
  const int failed = PyObject_DelAttr(owner, name_of(arg));
  release(owner);
  return after_escape(ts, done_if(failed == 0));
}

namespace {

// LOAD_SUPER_ATTR's oparg.
constexpr intptr_t kSuperMethod = 1;        // two results, for a call
constexpr intptr_t kSuperTwoArguments = 2;  // super(class, self), not super()
constexpr int kSuperNameShift = 2;

// Makes the super object, as a shadowed `super` needs it.
PyObject* attribute_of_super_object(PyObject** top, PyObject* name, intptr_t oparg) {
  PyObject* global_super = top[-3];
  PyObject* type = top[-2];
  PyObject* self = top[-1];
  PyObject* arguments[] = {type, self};
  const size_t count = (oparg & kSuperTwoArguments) != 0 ? 2 : 0;
  PyObject* super = PyObject_Vectorcall(global_super, arguments, count, nullptr);
  release(global_super, type, self);
  if (super == nullptr) {
    return nullptr;
  }
  PyObject* value = PyObject_GetAttr(super, name);
  release(super);
  return value;
}

}  // namespace

PyObject* op_load_super_attr(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* global_super = top[-3];
  PyObject* type = top[-2];
  PyObject* self = top[-1];
  PyObject* name = PyTuple_GET_ITEM(port::code_of(port::current_frame(ts))->co_names, arg >> kSuperNameShift);
  const bool for_call = (arg & kSuperMethod) != 0;
  PyObject* value;
  PyObject* bound_self = nullptr;
  if (Py_Is(global_super, reinterpret_cast<PyObject*>(&PySuper_Type)) && PyType_Check(type)) {
    // 3.13 Python/bytecodes.c, LOAD_SUPER_ATTR_ATTR and LOAD_SUPER_ATTR_METHOD.
    int found_method = 0;
    const bool ask = for_call && Py_TYPE(self)->tp_getattro == PyObject_GenericGetAttr;
    value = _PySuper_Lookup(reinterpret_cast<PyTypeObject*>(type), self, name, ask ? &found_method : nullptr);
    release(global_super, type);
    if (value != nullptr && found_method != 0) {
      bound_self = self;
    } else {
      release(self);
    }
  } else {
    value = attribute_of_super_object(top, name, arg);
  }
  if (value == nullptr || !for_call) {
    return after_escape(ts, value);
  }
  top[-3] = value;
  top[-2] = bound_self;
  return after_escape(ts, kDone);
}

}  // namespace whipsnake
