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
  if (PyBool_Check(value)) {
    return value;
  }
  if (Py_IsNone(value)) {
    return Py_False;
  }
  PyTypeObject* type = Py_TYPE(value);
  if (type == &PyLong_Type) {
    const bool truth = !_PyLong_IsZero(as_int(value));
    release_int(value);
    return boolean(truth);
  }
  if (type == &PyUnicode_Type) {
    const bool truth = PyUnicode_GET_LENGTH(value) != 0;
    release_str(value);
    return boolean(truth);
  }
  if (type == &PyList_Type || type == &PyTuple_Type) {
    const bool truth = Py_SIZE(value) != 0;
    release(value);
    return boolean(truth);
  }
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

using IntOperation = PyObject* (*)(PyLongObject*, PyLongObject*);

PyObject* int_result(PyObject* left, PyObject* right, IntOperation operation) {
  PyObject* result = operation(as_int(left), as_int(right));
  release_int(right);
  release_int(left);
  return result;
}

// False: left to float's own slot, as a division by zero is, which raises.
bool float_operation(double a, double b, intptr_t oparg, double* value) {
  switch (oparg) {
    case NB_ADD:
    case NB_INPLACE_ADD:
      *value = a + b;
      return true;
    case NB_SUBTRACT:
    case NB_INPLACE_SUBTRACT:
      *value = a - b;
      return true;
    case NB_MULTIPLY:
    case NB_INPLACE_MULTIPLY:
      *value = a * b;
      return true;
    case NB_TRUE_DIVIDE:
    case NB_INPLACE_TRUE_DIVIDE:
      *value = a / b;
      return b != 0.0;
    default:
      return false;
  }
}

// A float and an int of one digit, which a double holds exactly. 3.13 Objects/floatobject.c, convert_to_double.
bool mixed_binary_op(PyObject* left, PyObject* right, intptr_t oparg, PyObject** result) {
  const bool int_first = PyLong_CheckExact(left) && PyFloat_CheckExact(right);
  if (!int_first && !(PyFloat_CheckExact(left) && PyLong_CheckExact(right))) {
    return false;
  }
  const PyLongObject* number = as_int(int_first ? left : right);
  if (!_PyLong_IsCompact(number)) {
    return false;
  }
  const auto converted = static_cast<double>(_PyLong_CompactValue(number));
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
  release_int(int_first ? left : right);
  return true;
}

// Ints of one digit, which a double holds exactly, so that its division is rounded as it should be. 3.13
// Objects/longobject.c, long_true_divide.
bool divide_compact(PyObject* left, PyObject* right, PyObject** result) {
  if (!_PyLong_IsCompact(as_int(left)) || !_PyLong_IsCompact(as_int(right)) || _PyLong_IsZero(as_int(right))) {
    return false;
  }
  const auto a = static_cast<double>(_PyLong_CompactValue(as_int(left)));
  *result = float_from_double(a / static_cast<double>(_PyLong_CompactValue(as_int(right))));
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
    if (int64_t value = 0; int_operation(left, right, oparg, &value)) {
      *result = int_from_signed(value);
      release_int(right);
      release_int(left);
      return true;
    }
    switch (oparg) {
      case NB_ADD:
      case NB_INPLACE_ADD:
        *result = int_result(left, right, _PyLong_Add);
        return true;
      case NB_SUBTRACT:
      case NB_INPLACE_SUBTRACT:
        *result = int_result(left, right, _PyLong_Subtract);
        return true;
      case NB_MULTIPLY:
      case NB_INPLACE_MULTIPLY:
        *result = int_result(left, right, _PyLong_Multiply);
        return true;
      case NB_TRUE_DIVIDE:
      case NB_INPLACE_TRUE_DIVIDE:
        return divide_compact(left, right, result);
      default:
        return false;
    }
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
