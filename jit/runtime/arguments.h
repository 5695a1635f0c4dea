// The arguments of a call take their places in the frame of a Python function.
#pragma once

#include "jit/runtime/code_record.h"
#include "jit/runtime/context.h"

namespace whipsnake {

// Where the parameters of a function get their values from in a call with keywords. A site keeps this: as long as it
// calls the same machine code with as many arguments, the names need not be compared again.
struct KeywordPlan {
  static constexpr int kParameters = 32;  // functions with more of them have no plan
  static constexpr int8_t kDefault = -1;

  uint64_t serial;              // of the CodeEntry that this is for; 0: nothing is known
  uint64_t simple;              // the same again if no keyword-only parameter has its default; else 0
  int32_t positional;           // so many arguments without a name
  int32_t parameters;           // of the function; not 0
  int32_t places;               // of them, those that arguments without a name can take
  int32_t defaults;             // the function must have so many of them
  int8_t sources[kParameters];  // by parameter, positional and then keyword-only: the argument's number, or kDefault
};

// The frame of a call of `func`, whose machine code has `entry`, with its arguments bound: args[0..nargs) and, behind
// them, the values for `kwnames` (borrowed, may be null). `plan` is the one for these names, or null, and is brought up
// to date. Steals the function and the arguments, whatever happens. The frame is not linked yet. Null with an exception
// set: they do not fit, or there is no memory.
Frame* push_frame(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                  Py_ssize_t nargs, PyObject* kwnames, KeywordPlan* plan = nullptr);

// The same by CPython's own function.
Frame* push_general(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames);

}  // namespace whipsnake
