// Making objects and ending them without the calls that CPython makes for it, in the same order and with the same
// effect. Wherever somebody wants to hear of each object, and in every unusual case, CPython's own functions do it.
#pragma once

#include "jit/runtime/numbers.h"

namespace whipsnake {

// As _Py_Dealloc(); dealloc() has a shorter way for numbers. May run any Python code.
void end_object(PyObject* object);

// Gives up a reference; may run any Python code.
inline void release_object(PyObject* object) {
  if (!_Py_IsImmortal(object) && --object->ob_refcnt == 0) dealloc(object);
}

inline void release_or_null(PyObject* object) {
  if (object != nullptr) release_object(object);
}

// As type->tp_alloc(type, 0), of a type whose tp_alloc is PyType_GenericAlloc; steals a reference to `type`. Runs
// no Python code. Null: MemoryError is set.
PyObject* new_instance(PyThreadState* ts, PyTypeObject* type);

// Whether calling `type` does what BaseException.__new__ and BaseException.__init__ do, and nothing else.
bool is_plain_exception_class(PyTypeObject* type);
// What calling it with these arguments gives. Steals args, a tuple; null: MemoryError is set.
PyObject* new_exception(PyThreadState* ts, PyTypeObject* type, PyObject* args);

// As _PyTuple_FromArraySteal() and _PyList_FromArraySteal(): steal the items, also when null is returned.
PyObject* new_tuple(PyThreadState* ts, PyObject* const* items, Py_ssize_t count);
PyObject* new_list(PyThreadState* ts, PyObject* const* items, Py_ssize_t count);
// new_tuple() that steals nothing when null is returned.
PyObject* tuple_of(PyThreadState* ts, PyObject* const* items, Py_ssize_t count);
// As PyCell_New(). `value` is borrowed and may be null.
PyObject* new_cell(PyThreadState* ts, PyObject* value);
// As PyMethod_New(); both are borrowed.
PyObject* new_method(PyThreadState* ts, PyObject* function, PyObject* self);

// As _Py_MakeCoro(), for generators, and coroutines of which nobody wants to know where they were made. Null: nothing
// was done.
PyGenObject* new_generator(PyThreadState* ts, PyFunctionObject* func);

// A frame object that describes `frame`, which has none yet: borrowed from the frame. Null: without an exception, for
// want of memory.
PyFrameObject* new_frame_object(PyThreadState* ts, Frame* frame);
// A traceback entry in front of `next` (stolen, may be null) for where `frame`, the object of the running frame, is.
// Null without an exception; `next` is not stolen then.
PyObject* new_traceback(PyThreadState* ts, PyObject* next, PyFrameObject* frame);

}  // namespace whipsnake
