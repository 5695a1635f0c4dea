// PEP 523: the interpreter's frame evaluator.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// 3.13 Python/ceval.c, PY_EVAL_C_STACK_UNITS: what a nested interpreter loop takes from c_recursion_remaining.
inline constexpr int kEvalStackUnits = 2;

// The evaluator in place; null for the interpreter's own.
inline _PyFrameEvalFunction frame_evaluator(PyThreadState* ts) { return ts->interp->eval_frame; }

inline void set_frame_evaluator(PyThreadState* ts, _PyFrameEvalFunction evaluator) {
  _PyInterpreterState_SetEvalFrameFunc(ts->interp, evaluator != nullptr ? evaluator : _PyEval_EvalFrameDefault);
}

// Makes a frame that an evaluator was handed the running one, as compiled code expects it: linked, its stack pointer
// cached away, the Python recursion count taken.
inline void link_frame(PyThreadState* ts, Frame* frame) {
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  frame->stacktop = -1;
  --ts->py_recursion_remaining;
}

}  // namespace whipsnake::port
