// Inline caches: rewritable data in the code heap's data half that machine code compares against, and the helpers
// that serve misses, refill the data, and look at further entries (polymorphic sites).                [cache]
//
// No cache keeps an object alive. A cached pointer is valid as long as the guard in front of it holds: an attribute of
// a type as long as the type's version tag is the cached one, a global until a dictionary watcher empties the cell.
#pragma once

#include <cstdint>

#include "jit/runtime/op_helper.h"

namespace whipsnake {

struct Site;

// No type and no dictionary's keys have it. Not 0: that is what those without a version have, and machine code only
// compares.
inline constexpr uint32_t kNoVersion = ~uint32_t{0};

// A global or builtin name: its value as long as a watcher says that it has not changed, or, where it changes often,
// the place in the dictionary's keys where it was found, as long as those have the same version (they get another when
// a name comes or goes).
struct GlobalCache {
  PyObject* value;            // borrowed; null: look at the place
  uint32_t globals_version;   // of the keys of `globals`; kNoVersion: no place
  uint32_t builtins_version;  // of those of `builtins`, where the value is there, else 0
  int32_t offset;             // of the value, from the keys
  uint32_t refusals;          // so often the name could not be watched (any more)
  PyObject* name;
  PyObject* globals;
  PyObject* builtins;
  uint32_t places;   // so often a place was looked for
  const Site* site;  // of the slow path
};

// The version of a dictionary's keys, which they are given if they have none; kNoVersion when they cannot have one.
uint32_t version_of_keys(PyDictKeysObject* keys);

// Shared machine code that loads by the place: called with kT2 = the cache; a new reference in kRet. Goes to the slow
// path of `site` by itself. Null when there is no memory for the code.
const uint8_t* load_global_code();

// -> value [arg: GlobalCache*]
PyObject* op_load_global_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

// --- attributes ---

// How an attribute is found once the owner's type is known. Where the instance's own attributes come first (kInline-
// Value to kHook), the kind says where machine code looks; the helpers look at the instance, then at the type.
enum class AttrKind : uint8_t {
  kNone,            // not cached
  kInlineValue,     // in the object's inline values, which are valid; `offset` from the object
  kHintedDict,      // in the instance's own dictionary, probably at entry `hint` of its keys
  kTypeValue,       // `value`, found on the type, as it is
  kMethod,          // ditto; it is to be called with the owner as first argument
  kBinding,         // ditto; its type's tp_descr_get makes the attribute (classmethod, ...)
  kHook,            // the type does not have it: `value` is its __getattr__, a function
  kSlot,            // a member of the object (__slots__, __class__); `offset` from the object
  kProperty,        // `value` is an exact property; loads only
  kDataDescriptor,  // the type of `value` has tp_descr_set
  kGeneric,         // its type's own tp_getattro finds it; loads only
  kModule,          // the owner is a module: entry `hint` of its dictionary
  // The owner itself is a type:
  kOfType,         // `value`, found along its own MRO, as it is
  kOfTypeBinding,  // ditto, made by tp_descr_get
  kOfMeta,         // `value`, found on the metatype, made by tp_descr_get
};
constexpr bool owner_is_type(AttrKind kind) { return kind >= AttrKind::kOfType; }

// Why an instance cannot have an attribute of its own in front of kTypeValue, kMethod, kBinding, kHook.
enum class Shadow : uint8_t {
  kNever,       // instances have no dictionary
  kSharedKeys,  // its inline values are valid, and there are no more than `keys` shared keys
  kNoDict,      // its dictionary pointer, at `dict_offset`, is null
  kAsk,         // it can: its dictionary has to be asked
};

struct AttrEntry {
  static constexpr uint16_t kNoIndex = 0xffff;

  // What most lookups need comes first; see AttrCache.
  uint32_t version;        // of the owner's type; of the owner where that is a type. kNoVersion: empty
  int32_t offset;          // kInlineValue, kSlot: bytes from the object; kModule: from the dictionary's keys
  uint32_t keys;           // number of shared keys; kModule: keys version; owner is a type: version of its metatype
  int32_t dict_offset;     // of the instance's dictionary pointer, from the object; 0: there is none
  PyObject* value;         // borrowed
  uint32_t id;             // in shared_entries: attribute_id() of the name, with kOwnerIsType
  uint32_t value_version;  // of the type of `value` if that can change, else 0
  AttrKind kind;
  AttrKind
      type_kind;  // kTypeValue, kMethod, kBinding or kHook: what `value` is behind the instance; kNone: no such value
  Shadow shadow;
  bool inline_values;  // instances have them
  uint16_t index;      // among the shared keys, or kNoIndex
  uint16_t hint;
};

// The shared machine code for one kind of access; see attribute_code.h.
struct AttrCode {
  static constexpr int kKinds = static_cast<int>(AttrKind::kOfMeta) + 1;
  static constexpr int kShadows = 4;
  const uint8_t* any;  // looks only at shared_entries
  // Looks at the site's own entry, of this kind, first; null: there is none. The second: for entries that depend on the
  // type of their value.
  const uint8_t* by[2][kKinds][kShadows];
  const uint8_t* for_entry(const AttrEntry& entry) const {
    const bool pinned = entry.value_version != 0;
    const uint8_t* code = by[pinned ? 1 : 0][static_cast<int>(entry.kind)][static_cast<int>(entry.shadow)];
    return code != nullptr ? code : any;
  }
};

// What a site does. Machine code finds the owner in kArg1, and:
enum class AttrAccess : uint8_t {
  kLoad,    // kRet = the attribute, a new reference
  kMethod,  // for a call that follows: callable and self, or the attribute and null, are stored at kArg2
  kStore,   // kArg2 becomes the attribute
};

// One site: an entry of its own, and what serves others. A site takes over every entry that it sees, until it has
// missed kMaxAttrMisses times.
inline constexpr uint32_t kMaxAttrMisses = 32;
struct alignas(32) AttrCache {  // so that `code` and the first fields of `entry` share a line of the processor's cache
  const uint8_t* code;          // what the site's machine code calls; fits `entry`
  AttrEntry entry;
  PyObject* name;
  uint32_t id;       // attribute_id() of the name; 0: it has none
  uint32_t id_hash;  // id_hash(id)
  uint32_t misses;
  AttrKind in_place;      // kInlineValue, kSlot: the site looks for members of owners of one type before it calls
  const AttrCode* codes;  // all of that kind of access; null: the site's machine code calls the helper
  const Site* site;       // of the slow path
  struct Member {
    uint32_t version;  // of the owner's type; kNoVersion: empty
    int32_t offset;    // from the owner
  } member;            // `in_place`
};

// What all sites have found out: entry for a type (or for an owner that is a type) and a name, first in the pair at
// shared_pair() or, when another has come after it, second, until a third one comes. Kind kNone: cannot be described. A
// type's version is never given again, so entries need not be removed.
inline constexpr uint32_t kSharedPairs = 4096;
extern AttrEntry shared_entries[kSharedPairs][2];
constexpr uint32_t id_hash(uint32_t id) { return (id * 0x9E3779B1u) >> 16 & (kSharedPairs - 1); }
// The same name of a type and of its instances are different things, that have the type's version in common.
inline constexpr int32_t kOwnerIsType = 2;  // added to the id where the owner itself is the type
inline constexpr int32_t kPairOfType = kSharedPairs / 2 + 1;
constexpr uint32_t shared_pair(uint32_t version, uint32_t id_hash, bool of_type) {
  return (version + id_hash + (of_type ? kPairOfType : 0)) & (kSharedPairs - 1);
}

// The number by which shared_entries knows an interned name, for loads or for stores; it keeps the name alive. 0: there
// are too many.
uint32_t attribute_id(PyObject* name, bool store);

// The attribute, borrowed, of an instance that the entry is about: what it has itself, or else what its type has.
// kIsMethod is added to one that is to be called with the owner; 0: op_load_attr_cached() has to do it. Runs nobody's
// code. `entry` is brought up to date if the class has given its instances more names.
uintptr_t own_or_of_type(AttrEntry* entry, PyObject* owner, PyObject* name);
inline constexpr uintptr_t kIsMethod = 1;

// What the descriptor `value`, found on the type of `owner` or on the type `owner`, makes of it: a new reference. Null,
// without an exception: op_load_attr_cached() has to do it. Runs nobody's code.
PyObject* bind_to_object(PyObject* value, PyObject* owner);
PyObject* bind_to_type(PyObject* value, PyObject* owner);

// The attribute that the data descriptor `value` makes, or null: an exception is set, or ThreadContext::leave. The
// frame is at its instruction. `owner` is stolen if it `owns` it.
template <AttrAccess kAccess, bool kOwns>
PyObject* get_by_descriptor(PyThreadState* ts, PyObject* owner, PyObject* value, const AttrCache* cache);

// owner -> attribute [arg: AttrCache*]
PyObject* op_load_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg);
// owner -> callable, self_or_null at top[-1], top[0] [arg: AttrCache*]
PyObject* op_load_method_cached(PyThreadState* ts, PyObject** top, intptr_t arg);
// value, owner -> [arg: AttrCache*]
PyObject* op_store_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

// An attribute that is a member of its owner: in the inline values, or a slot. Machine code compares the versions.
struct FieldCache {
  static constexpr int kEntries = 4;
  AttrCache attribute;                   // for the helper
  static constexpr int32_t kInline = 1;  // added to the offset of inline values, but not in the first entry
  struct Entry {
    uint32_t version;  // of the owner's type; kNoVersion: empty
    int32_t offset;    // from the owner
  };
  Entry entries[kEntries];
  AttrKind first;  // kInlineValue or kSlot: what the first entry is for
};
static_assert(sizeof(FieldCache) % alignof(FieldCache) == 0);

// owner -> attribute [arg: FieldCache*]
PyObject* op_load_field_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

enum class Described : uint8_t {
  kYes,
  kNotThis,  // not for this object or not at this moment; another of the same type may be different
  kNever,    // not for this type, as long as it has its version
};

// Fills `entry` for loading from or storing to attribute `name` of `owner`. Never raises; assigns version tags.
Described describe_load(PyObject* owner, PyObject* name, AttrEntry* entry);
Described describe_store(PyObject* owner, PyObject* name, AttrEntry* entry);

// The index of `name`, an interned str, in keys that are unicode only and not too many, or -1. May miss one that was
// put there without being interned: all_keys_interned() tells whether that can be.
Py_ssize_t find_key(PyDictKeysObject* keys, PyObject* name);
bool all_keys_interned(PyDictKeysObject* keys);
inline PyDictKeysObject* shared_keys(PyTypeObject* type) {
  return reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
}
// The type's version tag, which it is given if it has none; 0 when it cannot have one.
uint32_t version_of(PyTypeObject* type);

// --- lookups of one kind ---

// super().name and super(class, self).name for instances.
struct SuperCache {
  PyTypeObject* type;  // borrowed: in the MRO of the type with that version
  uint32_t version;    // of the type of self; kNoVersion: empty
  uint32_t misses;
  PyObject* method;  // borrowed
  PyObject* name;
  intptr_t oparg;  // of LOAD_SUPER_ATTR
};

// super, class, self -> callable, self_or_null [arg: SuperCache*]
PyObject* op_load_super_method_cached(PyThreadState* ts, PyObject** top, intptr_t arg);

// container[key] for classes with a __getitem__ that is a Python function.
struct GetItemCache {
  struct Entry {
    uint32_t version;    // of the container's type; kNoVersion: empty
    PyObject* function;  // borrowed
  };
  Entry entries[2];
  uint32_t misses;
};

// container, key -> item [arg: GetItemCache*]
PyObject* op_binary_subscr_getitem(PyThreadState* ts, PyObject** top, intptr_t arg);

}  // namespace whipsnake
