// Comparison, identity, membership. 3.13 Python/bytecodes.c: COMPARE_OP, IS_OP, CONTAINS_OP and specialised forms.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

namespace {

// The low four bits of COMPARE_OP's oparg say for which outcomes the answer is True.
// 3.13 Include/internal/pycore_code.h, COMPARISON_BIT: 1 unordered, 2 less, 4 greater, 8 equal.
template <typename Number>
intptr_t outcome(Number left, Number right) {
  return intptr_t{1} << (2 * static_cast<int>(left >= right) + static_cast<int>(left <= right));
}
constexpr intptr_t kOutcomeNotEqual = 1 | 2 | 4;
constexpr intptr_t kOutcomeEqual = 8;
constexpr intptr_t kOutcomes = 15;
constexpr intptr_t kToBool = 16;

}  // namespace

PyObject* op_compare_op(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  PyTypeObject* type = Py_TYPE(left);
  if (type == Py_TYPE(right)) {
    if (type == &PyLong_Type && _PyLong_IsCompact(as_int(left)) && _PyLong_IsCompact(as_int(right))) {
      const intptr_t bit = outcome(compact_value(left), compact_value(right));
      release_int(left);
      release_int(right);
      return boolean((bit & arg) != 0);
    }
    if (type == &PyFloat_Type) {
      const intptr_t bit = outcome(PyFloat_AS_DOUBLE(left), PyFloat_AS_DOUBLE(right));
      release_float(left);
      release_float(right);
      return boolean((bit & arg) != 0);
    }
    const intptr_t wanted = arg & kOutcomes;
    if (type == &PyUnicode_Type && (wanted == kOutcomeEqual || wanted == kOutcomeNotEqual)) {
      const bool equal = _PyUnicode_Equal(left, right) != 0;
      release_str(left);
      release_str(right);
      return boolean(equal == (wanted == kOutcomeEqual));
    }
  }
  PyObject* result = PyObject_RichCompare(left, right, static_cast<int>(arg >> 5));
  release(left, right);
  if (result != nullptr && (arg & kToBool) != 0) {
    const int truth = PyObject_IsTrue(result);
    release(result);
    result = truth < 0 ? nullptr : boolean(truth != 0);
  }
  return after_escape(ts, result);
}

PyObject* op_contains_op(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  int found;
  if (PyDict_CheckExact(right)) {
    found = PyDict_Contains(right, left);
  } else if (PySet_CheckExact(right) || PyFrozenSet_CheckExact(right)) {
    found = _PySet_Contains(reinterpret_cast<PySetObject*>(right), left);
  } else {
    found = PySequence_Contains(right, left);
  }
  release(left, right);
  return after_escape(ts, found < 0 ? nullptr : boolean((found ^ arg) != 0));
}

PyObject* op_is_op(PyThreadState*, PyObject** top, intptr_t arg) {
  PyObject* left = top[-2];
  PyObject* right = top[-1];
  const bool same = Py_Is(left, right);
  release(left, right);
  return boolean(same != (arg != 0));
}

}  // namespace whipsnake
