#include "jit/runtime/calls.h"

#include <algorithm>

#include "jit/runtime/frames.h"
#include "jit/runtime/objects.h"

namespace whipsnake {

namespace {

struct Callee {
  PyObject* callable;
  PyObject** args;
  Py_ssize_t nargs;
};

// 3.13 Python/bytecodes.c, _CALL: folds self_or_null and bound methods into the argument array.
Callee unpack_callee(PyObject** base, Py_ssize_t nargs) {
  PyObject* callable = base[0];
  PyObject** args = base + 2;
  if (base[1] != nullptr) return {callable, args - 1, nargs + 1};
  if (!Py_IS_TYPE(callable, &PyMethod_Type)) return {callable, args, nargs};
  auto* method = reinterpret_cast<PyMethodObject*>(callable);
  base[1] = Py_NewRef(method->im_self);
  base[0] = Py_NewRef(method->im_func);
  release_object(callable);
  return {base[0], args - 1, nargs + 1};
}

// The end of a with statement without an exception: its __exit__ is a bound method, and None stands where other calls
// have self or nothing. Where the method's function has machine code, that is entered with the method's self in the
// place of the method, which lives until it is done.
bool leave_with(PyThreadState* ts, const Callee& callee, PyObject** result) {
  if (!Py_IS_TYPE(callee.callable, &PyMethod_Type) || callee.args[0] != Py_None) return false;
  auto* method = reinterpret_cast<PyMethodObject*>(callee.callable);
  note_call(method->im_func);
  if (!Py_IS_TYPE(method->im_func, &PyFunction_Type) ||
      !enters_machine_code(reinterpret_cast<PyFunctionObject*>(method->im_func)))
    return false;
  callee.args[-1] = Py_NewRef(method->im_self);
  *result = call_stealing(ts, Py_NewRef(method->im_func), callee.args - 1, callee.nargs + 1, nullptr);
  Py_DECREF(method);
  return true;
}

// Calls a class whose __new__ is Python code. The same contract as make_instance().
bool make_with_new(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result) {
  if (!call_python_new(ts, callable, args, nargs, result)) return false;
  release_call(callable, args, nargs);
  return true;
}

// object.__new__(cls), likewise.
bool make_object(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result) {
  if (callable != known_callables.object_new || nargs != 1 || !call_object_new(ts, args[0], result)) return false;
  release_call(callable, args, nargs);
  return true;
}

// Calls a class of exceptions without a way of its own to make them. The same contract as make_instance().
bool make_exception(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result) {
  auto* type = reinterpret_cast<PyTypeObject*>(callable);
  if (ts->c_recursion_remaining <= 0 || !is_plain_exception_class(type)) return false;
  PyObject* tuple = new_tuple(ts, args, nargs);
  *result = tuple != nullptr ? new_exception(ts, type, tuple) : nullptr;
  release_object(callable);
  return true;
}

// The call is over.
const uint8_t* over(PyThreadState* ts, PyObject* result, ThreadContext* context) {
  context->call_result = after_call(ts, result);
  return nullptr;
}

// begin_call() for an opcode; steals the names as well, which may end in code that makes calls of its own.
const uint8_t* begin(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject* kwnames,
                     ThreadContext* context, KeywordPlan* plan = nullptr) {
  const uint8_t* start = begin_call(ts, callable, args, nargs, kwnames, context, plan);
  PyObject* result = context->call_result;
  Py_XDECREF(kwnames);
  return start != nullptr ? start : over(ts, result, context);
}

// What has been begun, to its end.
PyObject* complete(PyThreadState* ts, const uint8_t* start, const ThreadContext& context) {
  return start != nullptr ? after_call(ts, run_compiled(ts, ts->current_frame, start)) : context.call_result;
}

}  // namespace

const uint8_t* begin_op_call(PyThreadState* ts, PyObject** top, intptr_t oparg, ThreadContext* context) {
  const Callee callee = unpack_callee(top - oparg - 2, oparg);
  PyObject* result = nullptr;
  // Nothing below is about these, and there are many.
  if (Py_IS_TYPE(callee.callable, &PyFunction_Type))
    return begin(ts, callee.callable, callee.args, callee.nargs, nullptr, context);
  if (Py_IS_TYPE(callee.callable, &PyMethodDescr_Type))
    return over(ts, call_outside(callee.callable, callee.args, callee.nargs, nullptr), context);
  if (callee.nargs == oparg && PyType_Check(callee.callable) &&
      (make_instance(ts, callee.callable, callee.args, callee.nargs, &result) ||
       make_exception(ts, callee.callable, callee.args, callee.nargs, &result) ||
       make_with_new(ts, callee.callable, callee.args, callee.nargs, &result)))
    return over(ts, result, context);
  if (callee.nargs != oparg && leave_with(ts, callee, &result)) return over(ts, result, context);
  if (make_object(ts, callee.callable, callee.args, callee.nargs, &result)) return over(ts, result, context);
  return begin(ts, callee.callable, callee.args, callee.nargs, nullptr, context);
}

const uint8_t* begin_op_call_kw(PyThreadState* ts, PyObject** top, intptr_t site, ThreadContext* context) {
  auto* call = reinterpret_cast<KeywordSite*>(site);
  PyObject* kwnames = top[-1];
  const Callee callee = unpack_callee(top - call->oparg - 3, call->oparg);
  const Py_ssize_t positional = callee.nargs - PyTuple_GET_SIZE(kwnames);
  if (!Py_IS_TYPE(callee.callable, &PyFunction_Type)) {
    PyObject* result = call_outside(callee.callable, callee.args, positional, kwnames);
    Py_DECREF(kwnames);
    return over(ts, result, context);
  }
  KeywordPlan* plan = call->names == kwnames ? &call->plan : nullptr;
  return begin(ts, callee.callable, callee.args, positional, kwnames, context, plan);
}

PyObject* op_call(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  ThreadContext& context = thread_context();
  return complete(ts, begin_op_call(ts, top, oparg, &context), context);
}

PyObject* op_call_kw(PyThreadState* ts, PyObject** top, intptr_t site) {
  ThreadContext& context = thread_context();
  return complete(ts, begin_op_call_kw(ts, top, site, &context), context);
}

namespace {

// Argument arrays of this size need no memory of their own.
constexpr Py_ssize_t kSmallCall = 16;

// Spreads a dictionary into names (a new tuple) and values, new references. Null without an exception: not this way.
PyObject* spread_kwargs(PyObject* kwargs, PyObject** values) {
  const Py_ssize_t count = PyDict_GET_SIZE(kwargs);
  PyObject* names = PyTuple_New(count);
  if (names == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  PyObject *key, *value;
  Py_ssize_t position = 0;
  for (Py_ssize_t i = 0; PyDict_Next(kwargs, &position, &key, &value); ++i) {
    if (!PyUnicode_Check(key)) {
      while (--i >= 0) Py_DECREF(values[i]);
      Py_DECREF(names);
      return nullptr;
    }
    PyTuple_SET_ITEM(names, i, Py_NewRef(key));
    values[i] = Py_NewRef(value);
  }
  return names;
}

// begin_call() of func(*callargs, **kwargs) for compiled functions; steals all three. The tuple and the dictionary are
// given up before the function runs, so that its arguments live as long as it wants them to and no longer. False in
// *taken: nothing was done, the general way is needed.
// 3.13 Python/ceval.c, _PyEvalFramePushAndInit_Ex.
const uint8_t* begin_unpacked(PyThreadState* ts, PyObject* callable, PyObject* callargs, PyObject* kwargs,
                              ThreadContext* context, bool* taken) {
  *taken = false;
  if (!Py_IS_TYPE(callable, &PyFunction_Type)) return nullptr;
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  if (!enters_machine_code(func)) return nullptr;
  const Py_ssize_t nargs = PyTuple_GET_SIZE(callargs);
  const Py_ssize_t nkwargs = kwargs == nullptr ? 0 : PyDict_GET_SIZE(kwargs);
  if (nargs >= kSmallCall) return nullptr;
  PyObject* stack[kSmallCall + 1];
  PyObject** args = stack + 1;  // args[-1] is scratch
  for (Py_ssize_t i = 0; i < nargs; ++i) args[i] = Py_NewRef(PyTuple_GET_ITEM(callargs, i));
  if (const uint8_t* start = begin_with_rest(ts, func, args, nargs, kwargs); start != nullptr) {
    *taken = true;
    Py_DECREF(callargs);
    return start;
  }
  const bool fits = nargs + nkwargs < kSmallCall;
  PyObject* kwnames = nkwargs != 0 && fits ? spread_kwargs(kwargs, args + nargs) : nullptr;
  if (nkwargs != 0 && kwnames == nullptr) {
    for (Py_ssize_t i = 0; i < nargs; ++i) Py_DECREF(args[i]);
    return nullptr;
  }
  *taken = true;
  Py_DECREF(callargs);
  Py_XDECREF(kwargs);
  return begin(ts, callable, args, nargs, kwnames, context);
}

// callable(*callargs) for a class whose __new__ is Python code; borrows both. The same contract as call_python_new().
bool call_class_unpacked(PyThreadState* ts, PyObject* callable, PyObject* callargs, PyObject** result) {
  const Py_ssize_t nargs = PyTuple_GET_SIZE(callargs);
  if (!PyType_Check(callable) || nargs >= kSmallCall) return false;
  PyObject* stack[kSmallCall + 1];
  std::copy_n(reinterpret_cast<PyTupleObject*>(callargs)->ob_item, nargs, stack + 1);
  return call_python_new(ts, callable, stack + 1, nargs, result);
}

}  // namespace

// 3.13 Python/bytecodes.c, CALL_FUNCTION_EX.
const uint8_t* begin_op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg, ThreadContext* context) {
  PyObject* kwargs = (oparg & 1) != 0 ? *--top : nullptr;
  PyObject* callargs = top[-1];
  PyObject* callable = top[-3];
  PyObject* result = nullptr;
  if (!PyTuple_CheckExact(callargs)) {
    // 3.13 Python/ceval.c, check_args_iterable
    if (Py_TYPE(callargs)->tp_iter == nullptr && !PySequence_Check(callargs)) {
      PyObject* name = _PyObject_FunctionStr(callable);
      if (name != nullptr) {
        PyErr_Format(PyExc_TypeError, "%U argument after * must be an iterable, not %.200s", name,
                     Py_TYPE(callargs)->tp_name);
        Py_DECREF(name);
      }
    } else if (PyObject* tuple = PySequence_Tuple(callargs)) {
      Py_SETREF(callargs, tuple);
    }
  }
  if (PyTuple_CheckExact(callargs)) {
    note_call(callable);
    bool taken = false;
    const uint8_t* start = begin_unpacked(ts, callable, callargs, kwargs, context, &taken);
    if (taken) return start;
    if (kwargs != nullptr || !call_class_unpacked(ts, callable, callargs, &result))
      result = PyObject_Call(callable, callargs, kwargs);
  }
  Py_DECREF(callable);
  Py_DECREF(callargs);
  Py_XDECREF(kwargs);
  return over(ts, result, context);
}

PyObject* op_call_function_ex(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  ThreadContext& context = thread_context();
  return complete(ts, begin_op_call_function_ex(ts, top, oparg, &context), context);
}

}  // namespace whipsnake
