// main() of every test with an interpreter inside: starts one that sees neither the user's environment nor
// site-packages, holds the GIL in the main thread while the tests run, and shuts it down after them.
#include <Python.h>
#include <gtest/gtest.h>

#include <cstdio>

namespace {

bool start_interpreter() {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  PyStatus status = PyConfig_SetBytesString(&config, &config.home, WHIPSNAKE_PYTHON_HOME);
  if (!PyStatus_Exception(status)) {
    status = Py_InitializeFromConfig(&config);
  }
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) {
    std::fprintf(stderr, "cannot start the interpreter: %s\n", status.err_msg);
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // Listing must not depend on a working interpreter: ctest does it to find out what there is to run.
  if (testing::GTEST_FLAG(list_tests)) {
    return RUN_ALL_TESTS();
  }
  if (!start_interpreter()) {
    return 1;
  }
  const int failed = RUN_ALL_TESTS();
  const int lost_output = Py_FinalizeEx();
  return failed != 0 || lost_output != 0 ? 1 : 0;
}
