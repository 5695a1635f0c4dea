// 3.13 Python/bytecodes.c: MATCH_CLASS, MATCH_KEYS, MATCH_MAPPING, MATCH_SEQUENCE.
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_match_class(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* subject = top[-3];
  PyObject* type = top[-2];
  PyObject* names = top[-1];
  PyObject* attributes = _PyEval_MatchClass(ts, subject, type, arg, names);
  release(subject, type, names);
  if (attributes == nullptr && ts->current_exception == nullptr) {
    attributes = Py_None;  // no match
  }
  return after_escape(ts, attributes);
}

PyObject* op_match_keys(PyThreadState* ts, PyObject** top, intptr_t) {
  return after_escape(ts, _PyEval_MatchKeys(ts, top[-2], top[-1]));
}

PyObject* op_match_mapping(PyThreadState*, PyObject** top, intptr_t) {
  return boolean((Py_TYPE(top[-1])->tp_flags & Py_TPFLAGS_MAPPING) != 0);
}

PyObject* op_match_sequence(PyThreadState*, PyObject** top, intptr_t) {
  return boolean((Py_TYPE(top[-1])->tp_flags & Py_TPFLAGS_SEQUENCE) != 0);
}

}  // namespace whipsnake
