// Facts that machine code takes for granted instead of checking them: each assume_*() checks the fact, and registers a
// cell in the code's data that is zeroed *before* the fact ceases to hold. Code compares the cell, or loads the value
// from it, and takes its slow path when it is zero; the slow path may assume again.
//
// Facts are watched with one dict watcher and one type watcher of the main interpreter. Where no watcher is to be had,
// assume_*() says no, and code has to check for itself. All with the GIL held; nothing here runs Python code, raises,
// or minds a pending exception.                                                                        [invariant]
#pragma once

#include <cstdint>

#include "jit/cpython/port.h"

namespace whipsnake {

// Takes the watcher ids; with `use_watchers` false, acts as if there were none. Returns false if one is not to be had.
bool start_invariants(bool use_watchers);
// Zeroes all cells, forgets everything, gives the ids back.
void stop_invariants();

// Global or builtin `name` (an interned str), as LOAD_GLOBAL finds it in these two dicts: stores the borrowed value in
// *cell, which is zeroed before that value is replaced, removed or shadowed. False when it has no value, or may not be
// cached because it changes too often, or the dicts are not plain.
bool assume_global(PyObject* globals, PyObject* builtins, PyObject* name, PyObject** cell);

// A type's attributes, method resolution order and layout: stores its version tag in *cell. False when the type has
// used up its version tags.
bool assume_type(PyTypeObject* type, uint32_t* cell);

// A function's code, defaults and keyword defaults: *cell (not zero) is zeroed when one is replaced or the function
// dies. False without a function watcher.
bool assume_function(PyFunctionObject* func, uint32_t* cell);

// The cells in [begin, end) are about to be freed.
void forget_cells(const void* begin, const void* end);

// For the owner of the function watcher: it has one; `func` is about to change or die.
void set_function_watcher(bool active);
extern bool functions_are_assumed;  // cheap to ask first
void function_changed(PyFunctionObject* func);

}  // namespace whipsnake
