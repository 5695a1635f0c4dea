// 3.13 Python/bytecodes.c: IMPORT_NAME, IMPORT_FROM.
#include "jit/runtime/code_record.h"
#include "jit/runtime/ops/common.h"

namespace whipsnake {

PyObject* op_import_name(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* level = top[-2];
  PyObject* from_list = top[-1];
  const Frame* frame = port::current_frame(ts);
  PyObject* importer = nullptr;
  PyObject* module = nullptr;
  if (PyMapping_GetOptionalItem(frame->f_builtins, port::names.import_, &importer) == 0) {
    PyErr_SetString(PyExc_ImportError, "__import__ not found");
  }
  if (importer != nullptr) {
    PyObject* locals = frame->f_locals != nullptr ? frame->f_locals : Py_None;
    PyObject* arguments[] = {name_of(arg), frame->f_globals, locals, from_list, level};
    module = PyObject_Vectorcall(importer, arguments, 5, nullptr);
    release(importer);
  }
  release(level, from_list);
  return after_escape(ts, module);
}

namespace {

// The failure of IMPORT_FROM. Its wording depends on where the module comes from, on whether it is still being
// imported, on what it may hide, and on the patch release: so the interpreter says it. It is made to run
// `from x import NAME` with an __import__ that gives a stand-in: a module that has nothing but the three attributes
// that the message is made from. Neither the attribute nor anything else is looked up twice in the real one.

PyObject* give_self(PyObject* self, PyObject* const*, Py_ssize_t) { return Py_NewRef(self); }

PyMethodDef stand_in_import = {"__import__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(give_self)),
                               METH_FASTCALL, nullptr};

// `module_name` may be null, or not a str.
PyObject* make_stand_in(PyObject* module, PyObject* module_name) {
  PyObject* stand_in = PyModule_NewObject(port::names.empty_string);
  if (stand_in == nullptr) {
    return nullptr;
  }
  PyObject* space = PyModule_GetDict(stand_in);
  PyDict_Clear(space);
  PyObject* spec = nullptr;
  PyObject* file = nullptr;
  bool good = module_name == nullptr || PyDict_SetItem(space, port::names.name, module_name) == 0;
  if (good) {
    const int found = PyObject_GetOptionalAttr(module, port::names.spec, &spec);
    good = found == 0 || (found > 0 && PyDict_SetItem(space, port::names.spec, spec) == 0);
  }
  if (good && PyModule_Check(module)) {
    const int found = PyDict_GetItemRef(PyModule_GetDict(module), port::names.dunder_file, &file);
    good = found == 0 || (found > 0 && PyDict_SetItem(space, port::names.dunder_file, file) == 0);
  }
  Py_XDECREF(spec);
  Py_XDECREF(file);
  if (!good) {
    Py_CLEAR(stand_in);
  }
  return stand_in;
}

PyObject* import_from_stand_in(PyObject* stand_in, PyObject* name) {
  PyObject* source = PyUnicode_FromFormat("from x import %U", name);
  const char* text = source != nullptr ? PyUnicode_AsUTF8(source) : nullptr;
  PyObject* code = text != nullptr ? Py_CompileString(text, "<whipsnake>", Py_file_input) : nullptr;
  // Compiled, it would only come back here.
  if (CodeRecord* record = code != nullptr ? get_record(reinterpret_cast<PyCodeObject*>(code)) : nullptr) {
    record->state = TierState::kDisabled;
  }
  PyObject* importer = PyCFunction_New(&stand_in_import, stand_in);
  PyObject* builtins = importer != nullptr ? Py_BuildValue("{OO}", port::names.import_, importer) : nullptr;
  PyObject* globals = builtins != nullptr ? Py_BuildValue("{sO}", "__builtins__", builtins) : nullptr;
  PyObject* result = nullptr;
  if (code != nullptr && globals != nullptr) {
    PyObject* none = PyEval_EvalCode(code, globals, globals);
    if (none != nullptr) {
      // Another thread has finished the import in between.
      PyDict_GetItemRef(globals, name, &result);
      release(none);
    }
  }
  Py_XDECREF(globals);
  Py_XDECREF(builtins);
  Py_XDECREF(importer);
  Py_XDECREF(code);
  Py_XDECREF(source);
  return result;
}

PyObject* cannot_import(PyObject* module, PyObject* module_name, PyObject* name) {
  PyObject* stand_in = make_stand_in(module, module_name);
  if (stand_in == nullptr) {
    return nullptr;
  }
  PyObject* result = import_from_stand_in(stand_in, name);
  release(stand_in);
  if (result == nullptr) {
    // The traceback begins in the importing frame.
    PyObject* exception = PyErr_GetRaisedException();
    PyException_SetTraceback(exception, Py_None);
    PyErr_SetRaisedException(exception);
  }
  return result;
}

}  // namespace

// 3.13 Python/ceval.c, import_from.
PyObject* op_import_from(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* module = top[-1];
  PyObject* name = name_of(arg);
  PyObject* value = nullptr;
  if (PyObject_GetOptionalAttr(module, name, &value) != 0) {
    return after_escape(ts, value);
  }
  // A circular relative import: the submodule may be in sys.modules and not yet an attribute.
  PyObject* module_name = nullptr;
  if (PyObject_GetOptionalAttr(module, port::names.name, &module_name) < 0) {
    return nullptr;
  }
  if (module_name != nullptr && PyUnicode_Check(module_name)) {
    PyObject* full_name = PyUnicode_FromFormat("%U.%U", module_name, name);
    if (full_name == nullptr) {
      release(module_name);
      return nullptr;
    }
    value = PyImport_GetModule(full_name);
    release(full_name);
  }
  if (value == nullptr && ts->current_exception == nullptr) {
    value = cannot_import(module, module_name, name);
  }
  Py_XDECREF(module_name);
  return after_escape(ts, value);
}

}  // namespace whipsnake
