// The arguments of a call take their places in the frame of a Python function.
#pragma once

#include "jit/runtime/code_record.h"
#include "jit/runtime/context.h"

namespace whipsnake {

// Where the parameters of a function get their values from in a call with keywords. A site keeps this: as long as it
// calls the same machine code with as many arguments, the names need not be compared again.
struct KeywordPlan {
  static constexpr int kParameters = 32;  // functions with more of them have no plan, and so have calls with more names
  static constexpr int8_t kDefault = -1;

  uint64_t serial;              // of the CodeEntry that this is for; 0: nothing is known
  uint64_t simple;              // the same again if no keyword-only parameter has its default; else 0
  int32_t positional;           // so many arguments without a name
  int32_t parameters;           // of the function
  int32_t bound;                // the variables that get a value: these and stars
  int32_t places;               // of them, those that arguments without a name can take
  int32_t defaults;             // the function must have so many of them
  uint32_t rest;                // the names that no parameter has and **kwargs takes, a bit for each, from the lowest
  int8_t sources[kParameters];  // by parameter, positional and then keyword-only: the argument's number, or kDefault
};

// A CALL_KW.
struct KeywordSite {
  int32_t oparg;
  int32_t unnamed;  // of the arguments, self not counted
  PyObject* names;  // borrowed from the code object; null: they are no constant, and there will be no plan
  KeywordPlan plan;
};

// The frame of a call of `func`, whose machine code has `entry`, with its arguments bound: args[0..nargs) and, behind
// them, the values for `kwnames` (borrowed, may be null). `plan` is the one for these names, or null, and is brought up
// to date. Steals the function and the arguments, whatever happens. The frame is not linked yet. Null with an exception
// set: they do not fit, or there is no memory.
Frame* push_frame(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                  Py_ssize_t nargs, PyObject* kwnames, KeywordPlan* plan = nullptr);

// The same for func(*args, **rest), where `rest` may be null. If it is a dictionary that nobody else has (as with every
// CALL_FUNCTION_EX that a compiler makes), and such as the function would make for its **kwargs, it becomes that.
// Steals it as well. Null without an exception: not this way, nothing was done.
Frame* push_with_rest(PyThreadState* ts, PyFunctionObject* func, const CodeEntry& entry, PyObject* const* args,
                      Py_ssize_t nargs, PyObject* rest);

// For machine code, which binds the rest of them: whether the function has stars, and no keyword-only parameters.
bool binds_stars(const PyCodeObject* code);
// Makes what the stars become of args[co_argcount..nargs), which are stolen, and puts it where it will be in the frame
// that is pushed next. -1; else it is `nargs`, and nothing was done.
Py_ssize_t make_stars(PyThreadState* ts, const CodeEntry* entry, Py_ssize_t nargs, PyObject* const* args);
// The same by a site's plan. 0: nothing was done.
intptr_t make_stars_by_plan(PyThreadState* ts, const CodeEntry* entry, const KeywordSite* site, PyObject* const* args);

// The same as push_frame() by CPython's own function.
Frame* push_general(PyThreadState* ts, PyFunctionObject* func, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames);

}  // namespace whipsnake
