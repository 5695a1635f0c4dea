// libFuzzer's entry: `make fuzz-decode`. hostile_code.h has what is done with the bytes.
#include "tests/fuzz/bytecode/hostile_code.h"

#include <cstdio>
#include <cstdlib>

namespace {

void start() {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  config.install_signal_handlers = 0;
  PyStatus status = PyConfig_SetBytesString(&config, &config.home, WHIPSNAKE_PYTHON_HOME);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status) || !whipsnake::test::prepare_hostile()) {
    std::fprintf(stderr, "cannot start\n");
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  start();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  whipsnake::test::compile_hostile(data, size);
  if (PyErr_Occurred() != nullptr) std::abort();
  return 0;
}
