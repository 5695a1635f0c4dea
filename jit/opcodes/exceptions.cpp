#include "jit/opcodes/families.h"
#include "jit/runtime/context.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake::opcodes {

namespace {

// 3.13 Python/bytecodes.c, RERAISE: sets the exception on top again; the operands stay until the stack is unwound.
// With `oparg` the instruction where it was raised first is below them. Null: it is none (nobody's compiler does that),
// which is an error of its own.
PyObject* set_again(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  if (oparg != 0) {
    PyObject* lasti = top[-1 - oparg];
    if (!PyLong_Check(lasti)) {
      PyErr_SetString(PyExc_SystemError, "lasti is not an int");
      return nullptr;
    }
    port::set_instruction(port::current_frame(ts), static_cast<int>(PyLong_AsLong(lasti)));
  }
  PyErr_SetRaisedException(Py_NewRef(top[-1]));
  return kDone;
}

// Null: propagate as an error. kDone: propagate without a new traceback entry (a bare raise).
PyObject* raise(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject* cause = oparg == 2 ? top[-1] : nullptr;
  PyObject* exception = oparg == 2 ? top[-2] : oparg == 1 ? top[-1] : nullptr;
  return op_raise(ts, exception, cause) ? kDone : nullptr;
}

PyObject* finish_async_for(PyThreadState* ts, PyObject** top, intptr_t) {
  return op_end_async_for(ts, top) != 0 ? kDone : nullptr;
}

PyObject* finish_throw(PyThreadState* ts, PyObject** top, intptr_t) {
  return op_cleanup_throw(ts, top) != 0 ? kDone : nullptr;
}

}  // namespace

void raise_varargs(Emitter& e, const Instruction& i) {
  e.operation_call(&raise, i.oparg, i.oparg);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, e.error_exit());
  e.masm().jump(e.reraise_exit());
  e.end_block();
}

void reraise(Emitter& e, const Instruction& i) {
  e.flush();
  e.operation_call(&set_again, 0, i.oparg);
  if (i.oparg != 0) {
    e.masm().test(Reg::kRet, Reg::kRet);
    e.masm().jump_if(Cond::kEqual, e.error_exit(0));
  }
  e.masm().jump(e.reraise_exit());
  e.end_block();
}

void end_async_for(Emitter& e, const Instruction&) {
  e.operation_call(&finish_async_for, 2, 0);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, e.reraise_exit());
}

void cleanup_throw(Emitter& e, const Instruction&) {
  e.operation_call(&finish_throw, 3, 0);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, e.reraise_exit());
  e.stack().push(baseline::Value::memory());
  e.stack().push(baseline::Value::memory());
}

}  // namespace whipsnake::opcodes
