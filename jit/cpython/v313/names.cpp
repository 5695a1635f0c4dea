// Objects of the running interpreter that opcode helpers need and that CPython keeps where an extension cannot take
// them from: the insides of _PyRuntime move between patch releases, _PyFunction_Vectorcall is a hidden symbol.
#include "jit/cpython/port.h"

namespace whipsnake::port {

vectorcallfunc function_vectorcall = nullptr;
_gil_runtime_state* main_gil = nullptr;
Names names = {};

namespace {

struct Spelling {
  PyObject* Names::*member;
  const char* text;
};

constexpr Spelling kSpellings[] = {
    {&Names::send, "send"},
    {&Names::iter, "__iter__"},
    {&Names::aenter, "__aenter__"},
    {&Names::aexit, "__aexit__"},
    {&Names::enter, "__enter__"},
    {&Names::exit, "__exit__"},
    {&Names::build_class, "__build_class__"},
    {&Names::annotations, "__annotations__"},
    {&Names::import_, "__import__"},
    {&Names::name, "__name__"},
    {&Names::path, "__path__"},
    {&Names::spec, "__spec__"},
    {&Names::initializing, "_initializing"},
    {&Names::empty_string, ""},
    {&Names::origin, "origin"},
    {&Names::dunder_file, "__file__"},
    {&Names::dunder_all, "__all__"},
    {&Names::dunder_dict, "__dict__"},
};
static_assert(sizeof(kSpellings) / sizeof(kSpellings[0]) == sizeof(Names) / sizeof(PyObject*),
              "a name without a spelling");

// 3.13 Objects/funcobject.c, PyFunction_New: sets vectorcall to _PyFunction_Vectorcall.
bool find_function_vectorcall() {
  PyCodeObject* code = PyCode_NewEmpty("<whipsnake>", "<whipsnake>", 1);
  PyObject* globals = PyDict_New();
  PyObject* function = nullptr;
  if (code != nullptr && globals != nullptr) {
    function = PyFunction_New(reinterpret_cast<PyObject*>(code), globals);
  }
  if (function != nullptr) {
    function_vectorcall = reinterpret_cast<PyFunctionObject*>(function)->vectorcall;
  }
  Py_XDECREF(function);
  Py_XDECREF(globals);
  Py_XDECREF(reinterpret_cast<PyObject*>(code));
  return function_vectorcall != nullptr;
}

}  // namespace

bool init_names() {
  main_gil = PyInterpreterState_Main()->ceval.gil;
  for (const Spelling& spelling : kSpellings) {
    PyObject*& name = names.*spelling.member;
    if (name == nullptr) {
      name = PyUnicode_InternFromString(spelling.text);
    }
    if (name == nullptr) {
      return false;
    }
  }
  return function_vectorcall != nullptr || find_function_vectorcall();
}

}  // namespace whipsnake::port
