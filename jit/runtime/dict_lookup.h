// Lookups in dictionaries that run nobody's code: keys that are exact strs, ints and floats, tuples of these, or found
// by identity.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake {

// The value for `key`, borrowed, or null when there is none, in *value. False: not known this way; nothing was done.
bool find_in_dict(PyObject* dict, PyObject* key, PyObject** value);
// The same for an instance of a subclass as well.
bool find_in_any_dict(PyObject* dict, PyObject* key, PyObject** value);

// The value of the entry that was inserted as number `place`, borrowed, if `key` is its very key, and only strs are
// keys. Else null: look it up.
PyObject* value_at_place(PyObject* dict, Py_ssize_t place, PyObject* key);

// hash(key), if that runs nobody's code.
bool known_hash(PyObject* key, Py_hash_t* hash);

// dict[key]: a new reference. Null without an exception: not known this way, or there is none.
PyObject* known_item(PyObject* dict, PyObject* key);

// dict.get(), which has METH_FASTCALL: what machine code calls instead of CPython's. init_dict_get() finds that.
PyObject* dict_get(PyObject* self, PyObject* const* args, Py_ssize_t nargs);
extern PyCFunction cpython_dict_get;
void init_dict_get();

}  // namespace whipsnake
