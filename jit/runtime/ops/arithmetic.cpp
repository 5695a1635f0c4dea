// Unary and binary operators, truth. 3.13 Python/bytecodes.c: UNARY_*, TO_BOOL, BINARY_OP and their specialised forms,
// which come first here, so that a generic site is no slower than the interpreter's specialised one.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_unary_negative(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-1];
  PyObject* result = PyNumber_Negative(value);
  release(value);
  return after_escape(ts, result);
}

PyObject* op_unary_invert(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-1];
  PyObject* result = PyNumber_Invert(value);
  release(value);
  return after_escape(ts, result);
}

PyObject* op_unary_not(PyThreadState*, PyObject** top, intptr_t) { return boolean(Py_IsFalse(top[-1])); }

PyObject* op_to_bool(PyThreadState* ts, PyObject** top, intptr_t) {
  PyObject* value = top[-1];
  const int truth = PyObject_IsTrue(value);
  release(value);
  return after_escape(ts, truth < 0 ? nullptr : boolean(truth != 0));
}

namespace {

// The result goes into an operand that nobody else sees. 3.13 Python/ceval_macros.h, DECREF_INPUTS_AND_REUSE_FLOAT.
PyObject* float_result(PyObject* left, PyObject* right, double value) {
  if (Py_REFCNT(left) == 1) {
    reinterpret_cast<PyFloatObject*>(left)->ob_fval = value;
    release_float(right);
    return left;
  }
  if (Py_REFCNT(right) == 1) {
    reinterpret_cast<PyFloatObject*>(right)->ob_fval = value;
    release_float(left);
    return right;
  }
  PyObject* result = float_from_double(value);
  release_float(left);
  release_float(right);
  return result;
}

// False: left to float's own slot, as a division by zero is, which raises.
bool float_operation(double a, double b, intptr_t oparg, double* value) {
  switch (port::without_in_place(oparg)) {
    case NB_ADD: *value = a + b; return true;
    case NB_SUBTRACT: *value = a - b; return true;
    case NB_MULTIPLY: *value = a * b; return true;
    case NB_TRUE_DIVIDE: *value = a / b; return b != 0.0;
    default: return false;
  }
}

// An int as the float that it counts as next to one. 3.13 Objects/floatobject.c, convert_to_double.
bool as_double(PyObject* number, double* value) {
  if (port::is_compact(number)) {
    *value = static_cast<double>(compact_value(number));
    return true;
  }
  *value = PyLong_AsDouble(number);
  if (*value != -1.0 || PyErr_Occurred() == nullptr) return true;
  PyErr_Clear();  // too large, which is left to float's own slot to say
  return false;
}

// A float and an int.
bool mixed_binary_op(PyObject* left, PyObject* right, intptr_t oparg, PyObject** result) {
  const bool int_first = PyLong_CheckExact(left) && PyFloat_CheckExact(right);
  if (!int_first && !(PyFloat_CheckExact(left) && PyLong_CheckExact(right))) {
    return false;
  }
  PyObject* number = int_first ? left : right;
  double converted;
  if (!as_double(number, &converted)) {
    return false;
  }
  double value;
  if (!(int_first ? float_operation(converted, PyFloat_AS_DOUBLE(right), oparg, &value)
                  : float_operation(PyFloat_AS_DOUBLE(left), converted, oparg, &value))) {
    return false;
  }
  PyObject* kept = int_first ? right : left;
  if (Py_REFCNT(kept) == 1) {
    reinterpret_cast<PyFloatObject*>(kept)->ob_fval = value;
    *result = kept;
  } else {
    *result = float_from_double(value);
    release_float(kept);
  }
  release_int(number);
  return true;
}

// Ints of one digit, which a double holds exactly, so that its division is rounded as it should be. 3.13
// Objects/longobject.c, long_true_divide.
bool divide_compact(PyObject* left, PyObject* right, PyObject** result) {
  if (!port::is_compact(left) || !port::is_compact(right) || compact_value(right) == 0) {
    return false;
  }
  *result = float_from_double(static_cast<double>(compact_value(left)) / static_cast<double>(compact_value(right)));
  release_int(right);
  release_int(left);
  return true;
}

// True when it is done, as by the interpreter's specialised forms; `*result` may be null with an exception then.
bool specialised_binary_op(PyObject* left, PyObject* right, intptr_t oparg, PyObject** result) {
  PyTypeObject* type = Py_TYPE(left);
  if (type != Py_TYPE(right)) {
    return mixed_binary_op(left, right, oparg, result);
  }
  if (type == &PyLong_Type) {
    if (const IntFunction function = int_function(oparg); function != nullptr) {
      *result = function(left, right);
      release_int(right);
      release_int(left);
      return true;
    }
    return port::without_in_place(oparg) == NB_TRUE_DIVIDE && divide_compact(left, right, result);
  }
  if (type == &PyFloat_Type) {
    double value;
    if (!float_operation(PyFloat_AS_DOUBLE(left), PyFloat_AS_DOUBLE(right), oparg, &value)) {
      return false;
    }
    *result = float_result(left, right, value);
    return true;
  }
  if (type == &PyUnicode_Type && (oparg == NB_ADD || oparg == NB_INPLACE_ADD)) {
    *result = PyUnicode_Concat(left, right);
    release_str(left);
    release_str(right);
    return true;
  }
  return false;
}

}  // namespace

PyObject* op_binary_op(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  PyObject* result = nullptr;
  if (specialised_binary_op(left, right, arg, &result)) {
    return result;
  }
  result = _PyEval_BinaryOps[arg](left, right);
  release(left, right);
  return after_escape(ts, result);
}

// 3.13 Python/bytecodes.c, BINARY_OP_INPLACE_ADD_UNICODE: with the local's reference gone, the one on the stack is the
// only one, and PyUnicode_Append may grow the string where it is. Without it a loop of `s += x` takes quadratic time.
PyObject* op_binary_op_to_local(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  const intptr_t oparg = arg & 0xff;
  PyObject*& slot = slot_of(ts, arg >> 8);
  if (slot != left || Py_REFCNT(left) != 2 || !PyUnicode_CheckExact(left) || !PyUnicode_CheckExact(right) ||
      (oparg != NB_ADD && oparg != NB_INPLACE_ADD)) {
    return op_binary_op(ts, top, oparg);
  }
  slot = Py_None;
  _Py_DECREF_NO_DEALLOC(left);
  PyUnicode_Append(&left, right);
  release_str(right);
  return left;
}

}  // namespace whipsnake
