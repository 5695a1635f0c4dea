// Inline caches: rewritable data in the code heap's data half that machine code compares against, and the helpers
// that serve misses, refill the data, and look at further entries (polymorphic sites).                [cache]
//
// No cache keeps an object alive. A cached pointer is valid as long as the guard in front of it holds: an attribute of
// a type as long as the type's version tag is the cached one, a global until a dictionary watcher empties the cell.
#pragma once

#include <cstdint>

#include "jit/runtime/op_helper.h"

namespace whipsnake {

struct GlobalCache {
  PyObject* value;      // borrowed; null: ask the helper
  PyObject* name;
  PyObject* globals;
  PyObject* builtins;
  uint32_t refusals;    // the name may not be cached (any more)
};

// -> value [arg: GlobalCache*]
PyObject* op_load_global_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

// How an attribute is found once the owner's type is known.
enum class AttrKind : uint8_t {
  kNone,            // not cached
  kInlineValue,     // in the object's inline values, which are valid; offset from the object
  kSlot,            // a member of the object (__slots__); offset from the object
  kHintedDict,      // in the instance's own dictionary, entry `index` of its keys
  kTypeValue,       // `value` found on the type; the instance cannot shadow it
  kMethod,          // ditto, and it is to be called with the owner as first argument
  kProperty,        // `value` is the Python getter
  kModule,          // entry `index` of the module's dictionary
  kOfType,          // the owner itself is a type: `value` found along its own MRO
};

// No type has it. Not 0: that is what a type without a version has, and machine code only compares.
inline constexpr uint32_t kNoVersion = ~uint32_t{0};

struct AttrEntry {
  uint32_t version;     // of the owner's type (kOfType: of the owner); kNoVersion: empty
  uint32_t keys;        // kTypeValue, kMethod, kProperty with inline values: number of shared keys; kModule: keys version
  int32_t offset;       // kInlineValue, kSlot: bytes from the object; kModule: from the dictionary's keys
  AttrKind kind;
  bool shadowable;      // the instance has a dictionary or inline values that must not have the name
  uint16_t index;
  PyObject* value;      // borrowed
};

// The first entry is what machine code has inline; its kind is fixed when the site is compiled.
struct AttrCache {
  static constexpr int kEntries = 4;
  AttrEntry entries[kEntries];
  PyObject* name;
  uint32_t misses;
  uint8_t next;         // entry replaced next
  AttrKind inline_kind; // what the machine code in front handles; kNone: everything goes through the helper
  bool inline_shadowable;
};

// owner -> attribute [arg: AttrCache*]
PyObject* op_load_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg);
// owner -> callable, self_or_null at top[-1], top[0] [arg: AttrCache*]
PyObject* op_load_method_cached(PyThreadState* ts, PyObject** top, intptr_t arg);
// value, owner -> [arg: AttrCache*]
PyObject* op_store_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

// Fills `entry` for loading `name` from `owner`; false when it cannot be cached. No side effects, never raises.
bool describe_load(PyObject* owner, PyObject* name, AttrEntry* entry);
bool describe_store(PyObject* owner, PyObject* name, AttrEntry* entry);

}  // namespace whipsnake
