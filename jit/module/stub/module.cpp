// `whipsnake._core` of a build without machine-code generation: the same functions as the real module,
// each giving the answer of a JIT that is never on. It includes nothing else from jit/, so that it builds
// wherever a C++ compiler and a CPython do. WHIPSNAKE_OFF_REASON comes from cmake/interpreter.cmake.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace {

constexpr char kReason[] = WHIPSNAKE_OFF_REASON;

PyObject* supported(PyObject*, PyObject*) { return Py_BuildValue("(Os)", Py_False, kReason); }

PyObject* enable(PyObject*, PyObject* options) {
  if (!PyDict_Check(options)) {
    PyErr_Format(PyExc_TypeError, "enable() argument must be dict, not %.200s", Py_TYPE(options)->tp_name);
  } else {
    PyErr_SetString(PyExc_RuntimeError, kReason);
  }
  return nullptr;
}

PyObject* disable(PyObject*, PyObject*) { Py_RETURN_NONE; }

PyObject* is_enabled(PyObject*, PyObject*) { Py_RETURN_FALSE; }

PyObject* compile(PyObject*, PyObject*) { Py_RETURN_FALSE; }

PyObject* tier(PyObject*, PyObject*) { return PyUnicode_FromString("interpreter"); }

PyObject* mark(PyObject*, PyObject* args) {
  PyObject* func = nullptr;
  const char* how = nullptr;
  if (!PyArg_ParseTuple(args, "Os:mark", &func, &how)) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* why(PyObject*, PyObject*) { return PyUnicode_FromString(kReason); }

PyObject* settings(PyObject*, PyObject*) { return PyDict_New(); }

PyObject* stats(PyObject*, PyObject*) {
  return Py_BuildValue("{s:O,s:s,s:s}", "enabled", Py_False, "engine", "off", "reason", kReason);
}

PyObject* opcodes(PyObject*, PyObject*) { return PyList_New(0); }

PyObject* engines(PyObject*, PyObject*) { return PyList_New(0); }

PyObject* register_engine(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_RuntimeError, kReason);
  return nullptr;
}

PyObject* measure_compile(PyObject*, PyObject* code) {
  if (!PyCode_Check(code)) {
    PyErr_Format(PyExc_TypeError, "measure_compile() argument must be code, not %.200s", Py_TYPE(code)->tp_name);
    return nullptr;
  }
  return Py_BuildValue("{s:i,s:i,s:i,s:s}", "instructions", 0, "nanoseconds", 0, "bytes", 0, "declined", kReason);
}

PyObject* exits(PyObject*, PyObject*) { return PyDict_New(); }

PyObject* machine_code(PyObject*, PyObject*) { Py_RETURN_NONE; }

PyObject* hot_sites(PyObject*, PyObject*) { return PyList_New(0); }

PyObject* fail_helper_in(PyObject*, PyObject*) { return PyLong_FromLong(0); }

PyObject* build_info(PyObject*, PyObject*) {
  return Py_BuildValue("{s:O,s:s,s:s}", "jit", Py_False, "reason", kReason, "python", PY_VERSION);
}

PyMethodDef kMethods[] = {
    {"supported", supported, METH_NOARGS, "supported() -> (bool, reason)"},
    {"enable", enable, METH_O, "enable(options: dict) -> None"},
    {"disable", disable, METH_NOARGS, "disable() -> None"},
    {"is_enabled", is_enabled, METH_NOARGS, "is_enabled() -> bool"},
    {"compile", compile, METH_O, "compile(func) -> bool"},
    {"tier", tier, METH_O, "tier(func) -> str"},
    {"mark", mark, METH_VARARGS, "mark(func, how: str) -> None"},
    {"why", why, METH_O, "why(func) -> str"},
    {"settings", settings, METH_NOARGS, "settings() -> dict"},
    {"stats", stats, METH_NOARGS, "stats() -> dict"},
    {"opcodes", opcodes, METH_NOARGS, "opcodes() -> list"},
    {"engines", engines, METH_NOARGS, "engines() -> list of names"},
    {"register_engine", register_engine, METH_O, "register_engine(capsule) -> None"},
    {"measure_compile", measure_compile, METH_O, "measure_compile(code) -> dict"},
    {"exits", exits, METH_O, "exits(func) -> dict"},
    {"machine_code", machine_code, METH_O, "machine_code(func) -> dict or None"},
    {"hot_sites", hot_sites, METH_O, "hot_sites(limit) -> list"},
    {"fail_helper_in", fail_helper_in, METH_O, "fail_helper_in(calls) -> int"},
    {"build_info", build_info, METH_NOARGS, "build_info() -> dict"},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef_Slot kSlots[] = {
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef kModule = {
    PyModuleDef_HEAD_INIT,
    "whipsnake._core",
    "Whipsnake without machine-code generation.",
    0,
    kMethods,
    kSlots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit__core() { return PyModuleDef_Init(&kModule); }
