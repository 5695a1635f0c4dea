// whipsnake._core: what the Python package calls. Arguments in, framework call, result out; no policy.
#include <cstring>

#include "jit/asm/code_heap.h"
#include "jit/cpython/decode.h"
#include "jit/cpython/port_check.h"
#include "jit/engine/framework.h"
#include "jit/engine/registry.h"
#include "jit/module/late_start.h"
#include "jit/module/options.h"
#include "jit/observe/disassembly.h"
#include "jit/observe/perf_map.h"
#include "jit/observe/sites.h"
#include "jit/observe/statistics.h"
#include "jit/opcodes/table.h"
#include "jit/runtime/self_check.h"
#include "jit/runtime/stress.h"

namespace whipsnake {

namespace {

bool in_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

// Why nothing can be compiled here; empty if it can. Only the main interpreter may initialize the port layer.
const std::string& unsupported() {
  static const std::string elsewhere = "Whipsnake works in the main interpreter only, this is a sub-interpreter";
  return in_main_interpreter() ? port::initialize() : elsewhere;
}

// Null with TypeError set if it is not a Python function.
PyFunctionObject* function_argument(PyObject* object) {
  if (PyFunction_Check(object)) return reinterpret_cast<PyFunctionObject*>(object);
  PyErr_Format(PyExc_TypeError, "expected a Python function, got %.200s", Py_TYPE(object)->tp_name);
  return nullptr;
}

CodeRecord* record_of(PyFunctionObject* func) {
  return in_main_interpreter() ? find_record(reinterpret_cast<PyCodeObject*>(func->func_code)) : nullptr;
}

PyObject* supported(PyObject*, PyObject*) {
  const std::string& reason = unsupported();
  return Py_BuildValue("(Os)", reason.empty() ? Py_True : Py_False, reason.c_str());
}

PyObject* enable(PyObject*, PyObject* dict) {
  if (!PyDict_Check(dict)) {
    PyErr_Format(PyExc_TypeError, "enable() argument must be dict, not %.200s", Py_TYPE(dict)->tp_name);
    return nullptr;
  }
  Options options;
  if (!read_options(dict, &options)) return nullptr;
  if (!unsupported().empty()) {
    PyErr_SetString(PyExc_RuntimeError, unsupported().c_str());
    return nullptr;
  }
  if (registry::find(options.settings.engine) == nullptr) {
    std::string allowed = "off";
    for (const std::string& name : registry::names()) allowed += ", " + name;
    PyErr_Format(PyExc_ValueError, "unknown engine '%s'; allowed: %s", options.settings.engine.c_str(),
                 allowed.c_str());
    return nullptr;
  }
  options.perf_map ? observe::start_perf_map() : observe::stop_perf_map();
  const std::string problem = framework::enable(options.settings);
  if (!problem.empty()) {
    PyErr_SetString(PyExc_RuntimeError, problem.c_str());
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* disable(PyObject*, PyObject*) {
  if (in_main_interpreter()) framework::disable();
  Py_RETURN_NONE;
}

PyObject* is_enabled(PyObject*, PyObject*) { return PyBool_FromLong(framework::active()); }

PyObject* compile(PyObject*, PyObject* object) {
  PyFunctionObject* func = function_argument(object);
  return func != nullptr ? PyBool_FromLong(framework::compile_function(func)) : nullptr;
}

PyObject* tier(PyObject*, PyObject* object) {
  PyFunctionObject* func = function_argument(object);
  return func != nullptr ? PyUnicode_FromString(framework::tier(func)) : nullptr;
}

PyObject* mark(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyUnicode_Check(args[1])) {
    PyErr_SetString(PyExc_TypeError, "mark() takes a function and 'jit' or 'nojit'");
    return nullptr;
  }
  PyFunctionObject* func = function_argument(args[0]);
  if (func == nullptr) return nullptr;
  if (!unsupported().empty()) Py_RETURN_NONE;
  if (PyUnicode_EqualToUTF8(args[1], "jit")) {
    framework::mark_jit(func);
  } else if (PyUnicode_EqualToUTF8(args[1], "nojit")) {
    framework::mark_nojit(func);
  } else {
    PyErr_Format(PyExc_ValueError, "mark() takes 'jit' or 'nojit', not %R", args[1]);
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* why(PyObject*, PyObject* object) {
  PyFunctionObject* func = function_argument(object);
  if (func == nullptr) return nullptr;
  const CodeRecord* record = record_of(func);
  if (record == nullptr || record->state != TierState::kDeclined) Py_RETURN_NONE;
  return PyUnicode_FromString(record->reason.c_str());
}

PyObject* exits(PyObject*, PyObject* object) {
  PyFunctionObject* func = function_argument(object);
  if (func == nullptr) return nullptr;
  std::map<std::string, uint64_t> counts;
  const auto visit = [](void* context, const char* reason, uint64_t taken) {
    if (taken != 0) (*static_cast<std::map<std::string, uint64_t>*>(context))[reason] += taken;
  };
  if (const CodeRecord* record = record_of(func)) {
    if (record->compiled && record->compiled->resources) record->compiled->resources->visit_exits(visit, &counts);
    for (const auto& old : record->retired)
      if (old->resources) old->resources->visit_exits(visit, &counts);
  }
  PyObject* dict = PyDict_New();
  for (const auto& [reason, taken] : counts) {
    PyObject* number = dict != nullptr ? PyLong_FromUnsignedLongLong(taken) : nullptr;
    if (number == nullptr || PyDict_SetItemString(dict, reason.c_str(), number) < 0) Py_CLEAR(dict);
    Py_XDECREF(number);
  }
  return dict;
}

PyObject* machine_code(PyObject*, PyObject* object) {
  PyFunctionObject* func = function_argument(object);
  if (func == nullptr) return nullptr;
  if (!in_main_interpreter()) Py_RETURN_NONE;
  return observe::machine_code(func);
}

PyObject* settings(PyObject*, PyObject*) { return show_settings(framework::settings()); }

PyObject* stats(PyObject*, PyObject*) { return observe::statistics(); }

PyObject* opcodes(PyObject*, PyObject*) {
  PyObject* list = PyList_New(0);
  if (list == nullptr) return nullptr;
  for (const opcodes::Coverage& row : opcodes::coverage()) {
    PyObject* item = Py_BuildValue("{s:i,s:s,s:O,s:s,s:z,s:i}", "number", row.number, "name", row.name, "handled",
                                   row.handled ? Py_True : Py_False, "reason", row.reason, "specializes",
                                   row.specializes, "caches", row.caches);
    const bool ok = item != nullptr && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    if (!ok) {
      Py_DECREF(list);
      return nullptr;
    }
  }
  return list;
}

PyObject* engines(PyObject*, PyObject*) {
  PyObject* list = PyList_New(0);
  for (const std::string& name : registry::names()) {
    PyObject* text = list != nullptr ? PyUnicode_FromString(name.c_str()) : nullptr;
    if (text == nullptr || PyList_Append(list, text) < 0) Py_CLEAR(list);
    Py_XDECREF(text);
  }
  return list;
}

// The capsule is kept alive for good: the engine's code lives in the module that made it.
PyObject* register_engine(PyObject*, PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, api::kEngineCapsule)) {
    PyErr_Format(PyExc_TypeError, "expected a PyCapsule named '%s', got %.200s", api::kEngineCapsule,
                 Py_TYPE(capsule)->tp_name);
    return nullptr;
  }
  auto* engine = static_cast<api::Engine*>(PyCapsule_GetPointer(capsule, api::kEngineCapsule));
  if (!unsupported().empty()) {
    PyErr_SetString(PyExc_RuntimeError, unsupported().c_str());
    return nullptr;
  }
  const std::string problem = registry::add(engine);
  if (!problem.empty()) {
    PyErr_SetString(PyExc_ValueError, problem.c_str());
    return nullptr;
  }
  Py_INCREF(capsule);
  return PyUnicode_FromString(engine->name());
}

PyObject* measure_compile(PyObject*, PyObject* object) {
  if (!PyCode_Check(object)) {
    PyErr_Format(PyExc_TypeError, "expected a code object, got %.200s", Py_TYPE(object)->tp_name);
    return nullptr;
  }
  if (!unsupported().empty()) {
    PyErr_SetString(PyExc_RuntimeError, unsupported().c_str());
    return nullptr;
  }
  auto* code = reinterpret_cast<PyCodeObject*>(object);
  std::vector<Instruction> instructions;
  decode(code, instructions);
  PyObject* globals = PyDict_New();
  if (globals == nullptr) return nullptr;
  const framework::Measurement result = framework::measure(code, globals, PyEval_GetBuiltins());
  Py_DECREF(globals);
  return Py_BuildValue("{s:n,s:K,s:n,s:z}", "instructions", static_cast<Py_ssize_t>(instructions.size()), "nanoseconds",
                       static_cast<unsigned long long>(result.nanoseconds), "bytes",
                       static_cast<Py_ssize_t>(result.bytes), "declined",
                       result.declined.empty() ? nullptr : result.declined.c_str());
}

PyObject* hot_sites(PyObject*, PyObject* limit) {
  const Py_ssize_t count = PyLong_AsSsize_t(limit);
  if (count < 0 && PyErr_Occurred()) return nullptr;
  return observe::hot_sites(static_cast<size_t>(count < 0 ? 0 : count));
}

// The helper call after so many fails once, in code compiled with fail_every. Tells how many there have been.
PyObject* fail_helper_in(PyObject*, PyObject* count) {
  const long calls = PyLong_AsLong(count);
  if (calls == -1 && PyErr_Occurred()) return nullptr;
  if (calls < 0 || calls > INT32_MAX) {
    PyErr_SetString(PyExc_ValueError, "fail_helper_in() takes a number of calls");
    return nullptr;
  }
  stress::fail_in(static_cast<uint32_t>(calls));
  return PyLong_FromUnsignedLongLong(stress::helper_calls());
}

PyObject* build_info(PyObject*, PyObject*) {
#ifdef __clang__
  constexpr char kCompiler[] = "clang " __clang_version__;
#else
  constexpr char kCompiler[] = "gcc " __VERSION__;
#endif
  const char* cpu = kHostCpu == Cpu::kX64 ? "x86-64" : "aarch64";
  return Py_BuildValue("{s:O,s:s,s:s,s:s,s:i,s:O}", "machine_code", Py_True, "python", PY_VERSION, "cpu", cpu,
                       "compiler", kCompiler, "engine_api", static_cast<int>(api::kEngineApiVersion), "self_checks",
                       kSelfChecks ? Py_True : Py_False);
}

PyCFunction fast(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)(void)>(function));
}

PyMethodDef methods[] = {
    {"supported", supported, METH_NOARGS, "supported() -> (bool, reason)"},
    {"enable", enable, METH_O, "enable(options: dict) -> None"},
    {"disable", disable, METH_NOARGS, "disable() -> None"},
    {"is_enabled", is_enabled, METH_NOARGS, "is_enabled() -> bool"},
    {"compile", compile, METH_O, "compile(func) -> bool"},
    {"tier", tier, METH_O, "tier(func) -> str"},
    {"mark", fast(mark), METH_FASTCALL, "mark(func, how: str) -> None"},
    {"why", why, METH_O, "why(func) -> str or None"},
    {"settings", settings, METH_NOARGS, "settings() -> dict"},
    {"stats", stats, METH_NOARGS, "stats() -> dict"},
    {"opcodes", opcodes, METH_NOARGS, "opcodes() -> list of rows"},
    {"engines", engines, METH_NOARGS, "engines() -> list of names"},
    {"register_engine", register_engine, METH_O, "register_engine(capsule) -> name"},
    {"measure_compile", measure_compile, METH_O, "measure_compile(code) -> dict"},
    {"exits", exits, METH_O, "exits(func) -> dict"},
    {"machine_code", machine_code, METH_O, "machine_code(func) -> dict or None"},
    {"hot_sites", hot_sites, METH_O, "hot_sites(limit) -> list of rows"},
    {"fail_helper_in", fail_helper_in, METH_O, "fail_helper_in(calls) -> int"},
    {"build_info", build_info, METH_NOARGS, "build_info() -> dict"},
    {nullptr, nullptr, 0, nullptr},
};

int execute(PyObject*) {
  if (in_main_interpreter()) start_if_asked();
  return 0;
}

// Sub-interpreters may import the module, with a GIL of their own or not: in them it touches nothing that is shared,
// and enable() refuses.
PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(execute)},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "whipsnake._core",
    "The compiled part of Whipsnake.",
    0,
    methods,
    slots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

}  // namespace whipsnake

PyMODINIT_FUNC PyInit__core() { return PyModuleDef_Init(&whipsnake::definition); }
