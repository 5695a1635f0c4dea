// From the option dictionary of `_core.enable()` to the framework's settings.
#pragma once

#include "jit/engine/framework.h"

namespace whipsnake {

struct Options {
  framework::Settings settings;
  bool perf_map = false;
};

// Keys that are missing keep their defaults; keys that are none of ours are ignored (the Python side checks names).
// False with an exception set: a value is of the wrong type or not allowed.
bool read_options(PyObject* dict, Options* options);

// The same settings as a dictionary that read_options() would take. A new reference, or null with an exception set.
PyObject* show_settings(const framework::Settings& settings);

}  // namespace whipsnake
