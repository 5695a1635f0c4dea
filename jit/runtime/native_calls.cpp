// Calls of C functions, known builtins and classes. The interpreter's specialised CALL_* instructions say which case a
// site has seen; each helper checks that it still is that case.
#include "jit/runtime/calls.h"
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/objects.h"

namespace whipsnake {

KnownCallables known_callables;

namespace {

KnownCallables& known = known_callables;

template <typename Function>
Function method(const PyMethodDef* definition) {
  return reinterpret_cast<Function>(reinterpret_cast<void (*)()>(definition->ml_meth));
}

constexpr int kConvention = METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD;

// Calls a C function by its convention; `self` is its bound object. False: not one of the plain conventions.
bool call_by_convention(const PyMethodDef* definition, PyObject* self, PyObject** args, Py_ssize_t nargs,
                        PyObject** result) {
  switch (definition->ml_flags & kConvention) {
    case METH_NOARGS:
      if (nargs != 0) return false;
      *result = definition->ml_meth(self, nullptr);
      return true;
    case METH_O:
      if (nargs != 1) return false;
      *result = definition->ml_meth(self, args[0]);
      return true;
    case METH_FASTCALL: *result = method<PyCFunctionFast>(definition)(self, args, nargs); return true;
    case METH_FASTCALL | METH_KEYWORDS:
      *result = method<PyCFunctionFastWithKeywords>(definition)(self, args, nargs, nullptr);
      return true;
    default: return false;
  }
}

}  // namespace

bool init_known_callables() {
  if (known.len != nullptr) return true;
  PyObject* builtins = PyEval_GetBuiltins();
  known.len = PyDict_GetItemString(builtins, "len");
  known.isinstance = PyDict_GetItemString(builtins, "isinstance");
  known.list_append = PyDict_GetItemString(PyType_GetDict(&PyList_Type), "append");
  known.dunder_init = PyUnicode_InternFromString("__init__");
  known.dunder_new = PyUnicode_InternFromString("__new__");
  known.dunder_class = PyUnicode_InternFromString("__class__");
  known.dunder_len = PyUnicode_InternFromString("__len__");
  known.dunder_instancecheck = PyUnicode_InternFromString("__instancecheck__");
  for (PyObject* name :
       {known.dunder_init, known.dunder_new, known.dunder_class, known.dunder_len, known.dunder_instancecheck})
    if (name == nullptr) return false;
  init_dict_get();
  known.object_new = _PyType_Lookup(&PyBaseObject_Type, known.dunder_new);
  known.class_of_object = _PyType_Lookup(&PyBaseObject_Type, known.dunder_class);
  known.instancecheck_of_type = _PyType_Lookup(&PyType_Type, known.dunder_instancecheck);
  return known.object_new != nullptr && known.class_of_object != nullptr && known.instancecheck_of_type != nullptr;
}

// 3.13 Python/bytecodes.c, CALL_BUILTIN_* and CALL_METHOD_DESCRIPTOR_*.
PyObject* op_call_native(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject** base = top - oparg - 2;
  PyObject* callable = base[0];
  PyObject** args = base[1] != nullptr ? base + 1 : base + 2;
  const Py_ssize_t nargs = base[1] != nullptr ? oparg + 1 : oparg;
  PyObject* result = nullptr;
  if (ts->c_recursion_remaining <= 0) return op_call(ts, top, oparg);
  --ts->c_recursion_remaining;
  bool called = false;
  if (PyCFunction_CheckExact(callable)) {
    const auto* function = reinterpret_cast<PyCFunctionObject*>(callable);
    PyObject* self = (function->m_ml->ml_flags & METH_STATIC) != 0 ? nullptr : function->m_self;
    called = call_by_convention(function->m_ml, self, args, nargs, &result);
  } else if (Py_IS_TYPE(callable, &PyMethodDescr_Type) && nargs > 0) {
    const auto* descriptor = reinterpret_cast<PyMethodDescrObject*>(callable);
    if (Py_IS_TYPE(args[0], descriptor->d_common.d_type))
      called = call_by_convention(descriptor->d_method, args[0], args + 1, nargs - 1, &result);
  }
  ++ts->c_recursion_remaining;
  if (!called) return op_call(ts, top, oparg);
  release_call(callable, args, nargs);
  return after_call(ts, result);
}

namespace {

// The attribute of a class if it is a Python function, behind a staticmethod or not; borrowed.
PyObject* python_function(PyTypeObject* type, PyObject* name, bool is_static) {
  PyObject* found = _PyType_Lookup(type, name);
  if (found != nullptr && is_static)
    found = Py_IS_TYPE(found, &PyStaticMethod_Type) ? port::wrapped_callable(found) : nullptr;
  return found != nullptr && Py_IS_TYPE(found, &PyFunction_Type) ? found : nullptr;
}

// What calling a class comes to, and what some builtins find in it.
struct ClassFunctions {
  PyTypeObject* type;  // borrowed; valid as long as it has `version`
  uint32_t version;
  PyObject* make;    // __new__, borrowed from the type; null when it is no Python function
  PyObject* init;    // __init__, likewise
  PyObject* length;  // __len__, likewise
  // Of a metaclass: __instancecheck__, borrowed from it, whatever it is; null: there is none.
  PyObject* instance_check;
};

// Kept by the class's version, which nothing else ever has again; its metatype and its slots say more. Null: it cannot
// have a version.
const ClassFunctions* functions_of(PyTypeObject* type) {
  constexpr uint32_t kClasses = 256;
  static ClassFunctions known_classes[kClasses];
  if (type->tp_version_tag == 0 && !PyUnstable_Type_AssignVersionTag(type)) return nullptr;
  ClassFunctions& entry = known_classes[type->tp_version_tag % kClasses];
  if (entry.type != type || entry.version != type->tp_version_tag)
    entry = {type,
             type->tp_version_tag,
             python_function(type, known.dunder_new, true),
             python_function(type, known.dunder_init, false),
             python_function(type, known.dunder_len, false),
             _PyType_Lookup(type, known.dunder_instancecheck)};
  return &entry;
}

// len(object) by a Python __len__, whose result is treated as 3.13 Objects/typeobject.c, slot_sq_length, does. -1 with
// an exception set.
Py_ssize_t call_python_len(PyThreadState* ts, PyObject* function, PyObject* object) {
  PyObject* arguments[] = {nullptr, Py_NewRef(object)};
  PyObject* result = call_stealing(ts, Py_NewRef(function), arguments + 1, 1, nullptr);
  if (result == nullptr) return -1;
  Py_SETREF(result, PyNumber_Index(result));
  if (result == nullptr) return -1;
  Py_ssize_t length = -1;
  if (_PyLong_IsNegative(reinterpret_cast<PyLongObject*>(result)))
    PyErr_SetString(PyExc_ValueError, "__len__() should return >= 0");
  else
    length = PyNumber_AsSsize_t(result, PyExc_OverflowError);
  Py_DECREF(result);
  return length;
}

// A type with a Python __len__ has, as a slot, what calls that.
PyObject* python_len(PyTypeObject* type) {
  if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  const PySequenceMethods* sequence = type->tp_as_sequence;
  if (sequence == nullptr || sequence->sq_length == nullptr) return nullptr;
  const ClassFunctions* found = functions_of(type);
  return found != nullptr ? found->length : nullptr;
}

}  // namespace

PyObject* op_call_len(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject** base = top - oparg - 2;
  if (base[0] != known.len || base[1] != nullptr || oparg != 1) return op_call(ts, top, oparg);
  PyObject* function = python_len(Py_TYPE(base[2]));
  const Py_ssize_t length = function != nullptr ? call_python_len(ts, function, base[2]) : PyObject_Length(base[2]);
  PyObject* result = length < 0 ? nullptr : PyLong_FromSsize_t(length);
  release_call(base[0], base + 2, 1);
  return after_escape(ts, result);
}

namespace {

// Whether asking an instance for its __class__ tells its type and runs nobody's code.
bool tells_its_type(PyTypeObject* type) {
  const getattrofunc getter = type->tp_getattro;
  return (getter == PyObject_GenericGetAttr || getter == PyType_Type.tp_getattro) &&
         _PyType_Lookup(type, known.dunder_class) == known.class_of_object;
}

// __instancecheck__ of a class's metaclass, borrowed. Null: it is no class, or that cannot be told.
PyObject* instance_check_of(PyObject* cls) {
  if (!PyType_Check(cls)) return nullptr;
  const ClassFunctions* found = functions_of(Py_TYPE(cls));
  return found != nullptr ? found->instance_check : nullptr;
}

// Whether instances are told by their types alone: the metaclass, if there is one, leaves that to type.
bool is_plain_class(PyObject* cls) {
  return Py_IS_TYPE(cls, &PyType_Type) || instance_check_of(cls) == known.instancecheck_of_type;
}

// isinstance(object, cls), where that is nothing that known_isinstance() knows; -1 with an exception set.
int ask_isinstance(PyThreadState* ts, PyObject* object, PyObject* cls) {
  PyObject* check = instance_check_of(cls);
  if (check == nullptr || !Py_IS_TYPE(check, &PyFunction_Type) ||
      Py_IS_TYPE(object, reinterpret_cast<PyTypeObject*>(cls)))
    return PyObject_IsInstance(object, cls);
  if (_Py_EnterRecursiveCallTstate(ts, " in __instancecheck__") != 0) return -1;
  PyObject* arguments[] = {nullptr, Py_NewRef(cls), Py_NewRef(object)};
  PyObject* result = call_stealing(ts, Py_NewRef(check), arguments + 1, 2, nullptr);
  _Py_LeaveRecursiveCallTstate(ts);
  if (result == nullptr) return -1;
  const int answer = PyObject_IsTrue(result);
  Py_DECREF(result);
  return answer;
}

}  // namespace

// 3.13 Objects/abstract.c, object_recursive_isinstance and object_isinstance.
PyObject* known_isinstance(PyObject* object, PyObject* cls, PyThreadState* ts) {
  PyTypeObject* type = Py_TYPE(object);
  if (Py_IS_TYPE(cls, &PyTuple_Type)) {
    if (ts->c_recursion_remaining <= 0) return nullptr;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(cls); ++i) {
      PyObject* item = PyTuple_GET_ITEM(cls, i);
      PyObject* answer = PyType_Check(item) ? known_isinstance(object, item, ts) : nullptr;
      if (answer != Py_False) return answer;
    }
    return Py_False;
  }
  if (type == reinterpret_cast<PyTypeObject*>(cls)) return Py_True;
  if (!is_plain_class(cls)) return nullptr;
  if (PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(cls)) != 0) return Py_True;
  return tells_its_type(type) ? Py_False : nullptr;
}

PyObject* op_call_isinstance(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject** base = top - oparg - 2;
  if (base[0] != known.isinstance || base[1] != nullptr || oparg != 2) return op_call(ts, top, oparg);
  const int answer = ask_isinstance(ts, base[2], base[3]);
  release_call(base[0], base + 2, 2);
  return after_escape(ts, answer < 0 ? nullptr : answer != 0 ? Py_True : Py_False);
}

PyObject* op_call_type(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject** base = top - oparg - 2;
  if (base[0] != reinterpret_cast<PyObject*>(&PyType_Type) || base[1] != nullptr || oparg != 1)
    return op_call(ts, top, oparg);
  PyObject* result = Py_NewRef(Py_TYPE(base[2]));
  Py_DECREF(base[2]);
  return result;
}

PyObject* op_call_str(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject** base = top - oparg - 2;
  if (base[0] != reinterpret_cast<PyObject*>(&PyUnicode_Type) || base[1] != nullptr || oparg != 1)
    return op_call(ts, top, oparg);
  PyObject* result = PyObject_Str(base[2]);
  Py_DECREF(base[2]);
  return after_call(ts, result);
}

PyObject* op_call_list_append(PyThreadState* ts, PyObject** top, intptr_t oparg) {
  PyObject** base = top - oparg - 2;
  if (base[0] != known.list_append || oparg != 1 || base[1] == nullptr || !PyList_Check(base[1]))
    return op_call_native(ts, top, oparg);
  const int error = _PyList_AppendTakeRef(reinterpret_cast<PyListObject*>(base[1]), base[2]);
  Py_DECREF(base[1]);
  Py_DECREF(base[0]);
  return error != 0 ? nullptr : Py_None;
}

namespace {

// Null unless calling `type` is object.__new__() followed by a Python __init__.
const ClassFunctions* with_python_init(PyTypeObject* type) {
  if (type->tp_new != PyBaseObject_Type.tp_new || type->tp_alloc != PyType_GenericAlloc) return nullptr;
  if (Py_TYPE(type)->tp_call != PyType_Type.tp_call || type->tp_init == PyBaseObject_Type.tp_init) return nullptr;
  if ((type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) != 0 || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  const ClassFunctions* found = functions_of(type);
  return found != nullptr && found->init != nullptr ? found : nullptr;
}

// Says that an __init__ has returned something, which is stolen.
void refuse_result_of_init(PyObject* returned) {
  PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(returned)->tp_name);
  Py_DECREF(returned);
}

}  // namespace

bool make_instance(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result) {
  auto* type = reinterpret_cast<PyTypeObject*>(callable);
  const ClassFunctions* cls = with_python_init(type);
  if (cls == nullptr) return false;
  PyObject* init = cls->init;
  PyObject* self = new_instance(ts, type);
  if (self == nullptr) {
    for (Py_ssize_t i = 0; i < nargs; ++i) release_object(args[i]);
    return true;
  }
  args[-1] = Py_NewRef(self);
  PyObject* none = call_stealing(ts, Py_NewRef(init), args - 1, nargs + 1, nullptr);
  *result = none == Py_None ? self : op_init_failed(none, self);
  return true;
}

namespace {

// 3.13 Objects/typeobject.c, slot_tp_new: it is the attribute __new__ of the class, of which a metatype may say more.
bool metatype_leaves_new(PyTypeObject* metatype) {
  if (metatype == &PyType_Type) return true;
  if (metatype->tp_call != PyType_Type.tp_call || metatype->tp_getattro != PyType_Type.tp_getattro) return false;
  PyObject* found = _PyType_Lookup(metatype, known.dunder_new);
  return found != nullptr && Py_TYPE(found)->tp_descr_set == nullptr;
}

// Null unless calling `type` begins with a Python __new__.
const ClassFunctions* with_python_new(PyTypeObject* type) {
  if (type->tp_new == PyBaseObject_Type.tp_new || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  const ClassFunctions* found = metatype_leaves_new(Py_TYPE(type)) ? functions_of(type) : nullptr;
  return found != nullptr && found->make != nullptr ? found : nullptr;
}

// What __new__ has given is initialised as its own type says. False with an exception set.
bool initialise(PyThreadState* ts, PyObject* self, PyObject** args, Py_ssize_t nargs) {
  PyTypeObject* type = Py_TYPE(self);
  if (type->tp_init == nullptr) return true;
  const ClassFunctions* cls = with_python_new(type);
  if (cls == nullptr || cls->init == nullptr) {
    for (Py_ssize_t i = 0; i < nargs; ++i) Py_INCREF(args[i]);
    PyObject* tuple = new_tuple(ts, args, nargs);
    const bool done = tuple != nullptr && type->tp_init(self, tuple, nullptr) >= 0;
    Py_XDECREF(tuple);
    return done;
  }
  PyObject* init = Py_NewRef(cls->init);
  args[-1] = self;
  note_call(init);
  PyObject* none = PyObject_Vectorcall(init, args - 1, static_cast<size_t>(nargs) + 1, nullptr);
  Py_DECREF(init);
  if (none == Py_None) return true;
  if (none != nullptr) refuse_result_of_init(none);
  return false;
}

}  // namespace

// 3.13 Objects/typeobject.c, type_call, without the tuple that it and slot_tp_new make of the arguments.
bool call_python_new(PyThreadState* ts, PyObject* callable, PyObject** args, Py_ssize_t nargs, PyObject** result) {
  auto* type = reinterpret_cast<PyTypeObject*>(callable);
  const ClassFunctions* cls = ts->c_recursion_remaining > 0 ? with_python_new(type) : nullptr;
  if (cls == nullptr) return false;
  PyObject* make = Py_NewRef(cls->make);
  --ts->c_recursion_remaining;
  args[-1] = callable;
  note_call(make);
  PyObject* self = PyObject_Vectorcall(make, args - 1, static_cast<size_t>(nargs) + 1, nullptr);
  Py_DECREF(make);
  if (self != nullptr && PyObject_TypeCheck(self, type) && !initialise(ts, self, args, nargs)) Py_CLEAR(self);
  ++ts->c_recursion_remaining;
  *result = self;
  return true;
}

// 3.13 Objects/typeobject.c, tp_new_wrapper and object_new: it must be the first __new__ below those in Python.
bool call_object_new(PyThreadState* ts, PyObject* cls, PyObject** result) {
  if (!PyType_Check(cls)) return false;
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  if (type->tp_alloc != PyType_GenericAlloc || (type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) != 0) return false;
  if (with_python_new(type) == nullptr) return false;
  const PyTypeObject* base = type;
  while (base != nullptr && base->tp_new == type->tp_new) base = base->tp_base;
  if (base == nullptr || base->tp_new != PyBaseObject_Type.tp_new) return false;
  *result = new_instance(ts, reinterpret_cast<PyTypeObject*>(Py_NewRef(cls)));
  return true;
}

// 3.13 Python/bytecodes.c, CALL_ALLOC_AND_ENTER_INIT and EXIT_INIT_CHECK; Objects/typeobject.c, type_call.
PyObject* op_begin_class(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<ClassCache*>(arg);
  const intptr_t oparg = cache->oparg;
  PyObject** base = top - oparg - 2;
  auto* type = reinterpret_cast<PyTypeObject*>(base[0]);
  if (base[1] != nullptr || !PyType_Check(base[0])) return op_call(ts, top, oparg);
  if (type != cache->type || type->tp_version_tag != cache->version) {
    if (cache->misses >= 256) return op_call(ts, top, oparg);
    ++cache->misses;
    const ClassFunctions* found = with_python_init(type);
    cache->type = found != nullptr ? type : nullptr;
    if (found == nullptr) return op_call(ts, top, oparg);
    cache->version = found->version;
    cache->init = found->init;
  }
  PyObject* self = new_instance(ts, type);
  if (self == nullptr) {
    for (Py_ssize_t i = 0; i < oparg; ++i) release_object(base[2 + i]);
    return nullptr;
  }
  base[1] = Py_NewRef(self);
  if (enters_machine_code(reinterpret_cast<PyFunctionObject*>(cache->init))) {
    base[0] = Py_NewRef(cache->init);
    --ts->py_recursion_remaining;
    return kDone;
  }
  --ts->py_recursion_remaining;
  PyObject* none = call_stealing(ts, Py_NewRef(cache->init), base + 1, oparg + 1, nullptr);
  ++ts->py_recursion_remaining;
  return after_call(ts, none == Py_None ? self : op_init_failed(none, self));
}

PyObject* op_init_failed(PyObject* returned, PyObject* self) {
  ThreadContext& context = thread_context();
  if (returned == nullptr && context.leave && context.leave_result == Py_None) {
    context.leave_result = self;  // it has returned None, but machine code must not go on
    return nullptr;
  }
  if (returned == nullptr && context.leave) {
    context.leave = false;
    std::swap(returned, context.leave_result);
  }
  if (returned != nullptr) refuse_result_of_init(returned);
  Py_DECREF(self);
  return nullptr;
}

}  // namespace whipsnake
