#include "jit/cpython/port_check.h"

#ifdef Py_GIL_DISABLED
#error "free-threaded builds are not supported: build with WHIPSNAKE_JIT=OFF"
#endif

namespace whipsnake::port {


namespace {

std::string supported_text() {
  return "Whipsnake supports release builds of CPython " + std::to_string(PY_MAJOR_VERSION) + "." +
         std::to_string(PY_MINOR_VERSION) + " with the GIL";
}

std::string found_text() {
  const char* version = Py_GetVersion();
  std::string text = "found CPython ";
  for (const char* c = version; *c != '\0' && *c != ' '; ++c) text += *c;
  return text;
}

std::string refuse(const std::string& why) { return found_text() + (why.empty() ? "" : ", " + why) + "; " + supported_text(); }

std::string check() {
  if (Py_Version >> 16 != PY_VERSION_HEX >> 16) return refuse("");
  if (!init_names()) return refuse("out of memory while looking at it");
  return "";
}

}  // namespace

const std::string& initialize() {
  static const std::string* result = nullptr;
  if (result == nullptr) {
    PyObject* pending = PyErr_GetRaisedException();
    result = new std::string(check());
    PyErr_SetRaisedException(pending);
  }
  return *result;
}

}  // namespace whipsnake::port
