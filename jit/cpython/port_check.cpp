#include "jit/cpython/port_check.h"

#include "jit/cpython/v313/verify.h"

#ifdef Py_GIL_DISABLED
#error "free-threaded builds are not supported: build with WHIPSNAKE_JIT=OFF"
#endif
#ifdef Py_DEBUG
#error "debug builds are not supported: build with WHIPSNAKE_JIT=OFF"
#endif

namespace whipsnake::port {

namespace {

PyInterpreterState* const no_interpreter = nullptr;

}  // namespace

PyInterpreterState* main_interpreter = nullptr;
PyInterpreterState* const* newest_interpreter = &no_interpreter;

namespace {

constexpr unsigned long kMinorVersion = PY_VERSION_HEX >> 16;

std::string refuse(const std::string& detail) {
  const char* version = Py_GetVersion();
  std::string text = "found CPython ";
  for (const char* c = version; *c != '\0' && *c != ' '; ++c) text += *c;
  return text + detail + "; this build of Whipsnake supports release builds of CPython " +
         std::to_string(PY_MAJOR_VERSION) + "." + std::to_string(PY_MINOR_VERSION) + " with the GIL";
}

// sys.gettotalrefcount() exists in debug builds only, which may load our kind of extension module.
bool is_debug_build() { return PySys_GetObject("gettotalrefcount") != nullptr; }

std::string check() {
  if (Py_Version >> 16 != kMinorVersion) return refuse("");
  if (is_debug_build()) return refuse(" (a debug build)");
  if (!init_names()) return refuse(", out of memory");
  if (const char* unexpected = verify_layouts())
    return refuse(std::string(" with an unexpected layout of its ") + unexpected);
  return "";
}

}  // namespace

const std::string& initialize() {
  static const std::string* result = nullptr;
  if (result == nullptr) {
    PyObject* pending = PyErr_GetRaisedException();
    result = new std::string(check());
    if (result->empty()) {
      main_interpreter = PyInterpreterState_Main();
      if (PyInterpreterState* const* found = find_newest_interpreter()) newest_interpreter = found;
    }
    PyErr_SetRaisedException(pending);
  }
  return *result;
}

}  // namespace whipsnake::port
