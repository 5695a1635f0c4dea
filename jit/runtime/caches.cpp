#include "jit/runtime/caches.h"

#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake {

// --- globals ---

PyObject* op_load_global_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<GlobalCache*>(arg);
  if (cache->value != nullptr) return Py_NewRef(cache->value);
  if (cache->refusals < 8) {
    if (assume_global(cache->globals, cache->builtins, cache->name, &cache->value)) {
      ++counters.cache_misses;
      return Py_NewRef(cache->value);
    }
    ++cache->refusals;
  }
  return op_load_global(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

// --- attributes ---

namespace {

bool has_inline_values(PyTypeObject* type) { return (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) != 0; }
PyDictKeysObject* shared_keys(PyTypeObject* type) { return reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys; }

// Index of an interned name in unicode-only keys, -1 when absent. Interned strings are compared by identity: keys
// that came in uninterned are found by nobody here, which only costs a miss.
Py_ssize_t find_key(PyDictKeysObject* keys, PyObject* name) {
  if (!DK_IS_UNICODE(keys)) return -1;
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries; ++i)
    if (entries[i].me_key == name) return i;
  return -1;
}

bool all_keys_interned(PyDictKeysObject* keys) {
  if (!DK_IS_UNICODE(keys)) return false;
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries; ++i)
    if (entries[i].me_key != nullptr && !PyUnicode_CHECK_INTERNED(entries[i].me_key)) return false;
  return true;
}

uint32_t version_of(PyTypeObject* type) {
  if (type->tp_version_tag == 0 && !PyUnstable_Type_AssignVersionTag(type)) return 0;
  return type->tp_version_tag;
}

// An instance of this type cannot have `name` of its own, as long as `entry->keys` shared keys are all there are.
bool cannot_shadow(PyTypeObject* type, PyObject* name, AttrEntry* entry) {
  entry->shadowable = false;
  if (type->tp_dictoffset == 0 && (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) == 0) return true;
  if (!has_inline_values(type)) return false;
  PyDictKeysObject* keys = shared_keys(type);
  if (keys == nullptr || !all_keys_interned(keys) || find_key(keys, name) >= 0) return false;
  entry->shadowable = true;
  entry->keys = static_cast<uint32_t>(keys->dk_nentries);
  return true;
}

bool describe_module(PyObject* owner, PyObject* name, AttrEntry* entry) {
  auto* dict = reinterpret_cast<PyDictObject*>(reinterpret_cast<PyModuleObject*>(owner)->md_dict);
  if (dict == nullptr || dict->ma_keys->dk_version == 0) return false;
  const Py_ssize_t index = find_key(dict->ma_keys, name);
  if (index < 0 || index > UINT16_MAX || DK_UNICODE_ENTRIES(dict->ma_keys)[index].me_value == nullptr) return false;
  entry->kind = AttrKind::kModule;
  entry->keys = dict->ma_keys->dk_version;
  entry->index = static_cast<uint16_t>(index);
  entry->offset = static_cast<int32_t>(reinterpret_cast<char*>(&DK_UNICODE_ENTRIES(dict->ma_keys)[index].me_value) -
                                       reinterpret_cast<char*>(dict->ma_keys));
  return true;
}

bool describe_type_attribute(PyTypeObject* owner, PyObject* name, AttrEntry* entry) {
  PyTypeObject* meta = Py_TYPE(owner);
  // Only the owner's version is checked later: its metatype must not be able to change.
  if ((meta->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) == 0) return false;
  if (meta->tp_getattro != PyType_Type.tp_getattro || _PyType_Lookup(meta, name) != nullptr) return false;
  PyObject* found = _PyType_Lookup(owner, name);
  if (found == nullptr || Py_TYPE(found)->tp_descr_get != nullptr) {
    // Plain functions are returned as they are; other descriptors bind.
    if (found == nullptr || !Py_IS_TYPE(found, &PyFunction_Type)) return false;
  }
  entry->version = version_of(owner);
  entry->kind = AttrKind::kOfType;
  entry->value = found;
  return entry->version != 0;
}

bool describe_data_descriptor(PyObject* found, AttrEntry* entry) {
  if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
    const PyMemberDef* member = reinterpret_cast<PyMemberDescrObject*>(found)->d_member;
    if (member->type != Py_T_OBJECT_EX || (member->flags & (Py_AUDIT_READ | Py_RELATIVE_OFFSET)) != 0) return false;
    entry->kind = AttrKind::kSlot;
    entry->offset = static_cast<int32_t>(member->offset);
    return true;
  }
  return false;
}

int32_t inline_value_offset(Py_ssize_t index) {
  return port::offset::kInlineValuesItems +
         static_cast<int32_t>(index) * static_cast<int32_t>(sizeof(PyObject*));
}

}  // namespace

bool describe_load(PyObject* owner, PyObject* name, AttrEntry* entry) {
  *entry = AttrEntry{};
  PyTypeObject* type = Py_TYPE(owner);
  if (!PyUnicode_CHECK_INTERNED(name)) return false;
  if (PyType_Check(owner)) return describe_type_attribute(reinterpret_cast<PyTypeObject*>(owner), name, entry);
  if (PyModule_CheckExact(owner)) {
    entry->version = version_of(type);
    return entry->version != 0 && describe_module(owner, name, entry);
  }
  if (type->tp_getattro != PyObject_GenericGetAttr) return false;
  PyObject* found = _PyType_Lookup(type, name);
  entry->version = version_of(type);
  if (entry->version == 0) return false;
  const bool binds = found != nullptr && Py_TYPE(found)->tp_descr_get != nullptr;
  if (binds && Py_TYPE(found)->tp_descr_set != nullptr) return describe_data_descriptor(found, entry);
  if (has_inline_values(type) && _PyObject_InlineValues(owner)->valid) {
    PyDictKeysObject* keys = shared_keys(type);
    const Py_ssize_t index = keys != nullptr ? find_key(keys, name) : -1;
    if (index >= 0 && _PyObject_InlineValues(owner)->values[index] != nullptr) {
      entry->kind = AttrKind::kInlineValue;
      entry->offset = inline_value_offset(index);
      return true;
    }
  } else if ((type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0) {
    PyDictObject* dict = _PyObject_GetManagedDict(owner);
    const Py_ssize_t index = dict != nullptr ? find_key(dict->ma_keys, name) : -1;
    if (index >= 0 && index <= UINT16_MAX && dict->ma_values == nullptr) {
      entry->kind = AttrKind::kHintedDict;
      entry->index = static_cast<uint16_t>(index);
      return true;
    }
  }
  if (found == nullptr || !cannot_shadow(type, name, entry)) return false;
  entry->value = found;
  if (!binds) {
    entry->kind = AttrKind::kTypeValue;
    return true;
  }
  if ((Py_TYPE(found)->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) == 0) return false;
  entry->kind = AttrKind::kMethod;
  return true;
}

bool describe_store(PyObject* owner, PyObject* name, AttrEntry* entry) {
  *entry = AttrEntry{};
  PyTypeObject* type = Py_TYPE(owner);
  if (!PyUnicode_CHECK_INTERNED(name) || type->tp_setattro != PyObject_GenericSetAttr) return false;
  PyObject* found = _PyType_Lookup(type, name);
  entry->version = version_of(type);
  if (entry->version == 0) return false;
  if (found != nullptr && Py_TYPE(found)->tp_descr_set != nullptr) {
    if (!Py_IS_TYPE(found, &PyMemberDescr_Type)) return false;
    if ((reinterpret_cast<PyMemberDescrObject*>(found)->d_member->flags & Py_READONLY) != 0) return false;
    return describe_data_descriptor(found, entry);
  }
  if (!has_inline_values(type)) return false;
  PyDictKeysObject* keys = shared_keys(type);
  const Py_ssize_t index = keys != nullptr ? find_key(keys, name) : -1;
  if (index < 0) return false;
  entry->kind = AttrKind::kInlineValue;
  entry->offset = inline_value_offset(index);
  entry->index = static_cast<uint16_t>(index);
  return true;
}

namespace {

bool guard_holds(const AttrEntry& entry, PyObject* owner) {
  PyTypeObject* type = Py_TYPE(owner);
  if (entry.kind == AttrKind::kOfType)
    return PyType_Check(owner) && reinterpret_cast<PyTypeObject*>(owner)->tp_version_tag == entry.version;
  if (type->tp_version_tag != entry.version) return false;
  if (!entry.shadowable) return true;
  return _PyObject_InlineValues(owner)->valid &&
         shared_keys(type)->dk_nentries == static_cast<Py_ssize_t>(entry.keys);
}

PyObject*& member(PyObject* owner, int32_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(owner) + offset);
}

// The attribute by a cached description, borrowed; null when it has to be looked up after all.
PyObject* read_entry(const AttrEntry& entry, PyObject* owner, PyObject* name) {
  switch (entry.kind) {
    case AttrKind::kInlineValue:
      return _PyObject_InlineValues(owner)->valid ? member(owner, entry.offset) : nullptr;
    case AttrKind::kSlot: return member(owner, entry.offset);
    case AttrKind::kHintedDict: {
      PyDictObject* dict = _PyObject_GetManagedDict(owner);
      if (dict == nullptr || dict->ma_values != nullptr || entry.index >= dict->ma_keys->dk_nentries ||
          !DK_IS_UNICODE(dict->ma_keys))
        return nullptr;
      const PyDictUnicodeEntry& found = DK_UNICODE_ENTRIES(dict->ma_keys)[entry.index];
      return found.me_key == name ? found.me_value : nullptr;
    }
    case AttrKind::kModule: {
      auto* dict = reinterpret_cast<PyDictObject*>(reinterpret_cast<PyModuleObject*>(owner)->md_dict);
      if (dict->ma_keys->dk_version != entry.keys) return nullptr;
      return DK_UNICODE_ENTRIES(dict->ma_keys)[entry.index].me_value;
    }
    case AttrKind::kTypeValue:
    case AttrKind::kOfType: return entry.value;
    case AttrKind::kMethod:
    case AttrKind::kProperty:
    case AttrKind::kNone: break;
  }
  return nullptr;
}

const AttrEntry* find_entry(const AttrCache& cache, PyObject* owner) {
  for (const AttrEntry& entry : cache.entries)
    if (entry.kind != AttrKind::kNone && guard_holds(entry, owner)) return &entry;
  return nullptr;
}

// A site that keeps missing stops describing: the entries it has stay in use.
constexpr uint32_t kMaxMisses = 64;

// Puts a description where machine code sees it (entry 0) when it is of the inline kind, else among the others.
const AttrEntry* remember(AttrCache* cache, const AttrEntry& entry) {
  if (entry.kind == cache->inline_kind && entry.shadowable == cache->inline_shadowable) {
    AttrEntry previous = cache->entries[0];
    cache->entries[0] = entry;
    if (previous.version != kNoVersion) {
      cache->entries[1 + cache->next] = previous;
      cache->next = static_cast<uint8_t>((cache->next + 1) % (AttrCache::kEntries - 1));
    }
    return &cache->entries[0];
  }
  AttrEntry& slot = cache->entries[1 + cache->next];
  cache->next = static_cast<uint8_t>((cache->next + 1) % (AttrCache::kEntries - 1));
  slot = entry;
  return &slot;
}

const AttrEntry* lookup(AttrCache* cache, PyObject* owner, bool (*describe)(PyObject*, PyObject*, AttrEntry*)) {
  if (const AttrEntry* entry = find_entry(*cache, owner)) {
    ++counters.cache_hits;
    return entry;
  }
  ++counters.cache_misses;
  if (cache->misses >= kMaxMisses) return nullptr;
  ++cache->misses;
  AttrEntry entry;
  return describe(owner, cache->name, &entry) ? remember(cache, entry) : nullptr;
}

}  // namespace

PyObject* op_load_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<AttrCache*>(arg);
  PyObject* owner = top[-1];
  if (const AttrEntry* entry = lookup(cache, owner, describe_load)) {
    if (PyObject* value = read_entry(*entry, owner, cache->name)) {
      Py_INCREF(value);
      Py_DECREF(owner);
      return value;
    }
  }
  return op_load_attr(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

PyObject* op_load_method_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<AttrCache*>(arg);
  PyObject* owner = top[-1];
  if (const AttrEntry* entry = lookup(cache, owner, describe_load)) {
    if (entry->kind == AttrKind::kMethod) {
      top[-1] = Py_NewRef(entry->value);
      top[0] = owner;
      return kDone;
    }
    if (PyObject* value = read_entry(*entry, owner, cache->name)) {
      top[-1] = Py_NewRef(value);
      top[0] = nullptr;
      Py_DECREF(owner);
      return kDone;
    }
  }
  return op_load_attr_method(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

PyObject* op_store_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<AttrCache*>(arg);
  PyObject* owner = top[-1];
  PyObject* value = top[-2];
  const AttrEntry* entry = lookup(cache, owner, describe_store);
  if (entry != nullptr && entry->kind == AttrKind::kSlot) {
    PyObject* old = member(owner, entry->offset);
    member(owner, entry->offset) = value;
    Py_XDECREF(old);
    Py_DECREF(owner);
    return kDone;
  }
  if (entry != nullptr && entry->kind == AttrKind::kInlineValue && _PyObject_GetManagedDict(owner) == nullptr &&
      _PyObject_InlineValues(owner)->valid) {
    // 3.13 Python/bytecodes.c, _STORE_ATTR_INSTANCE_VALUE
    PyObject* old = member(owner, entry->offset);
    member(owner, entry->offset) = value;
    if (old == nullptr)
      _PyDictValues_AddToInsertionOrder(_PyObject_InlineValues(owner), entry->index);
    else
      Py_DECREF(old);
    Py_DECREF(owner);
    return kDone;
  }
  return op_store_attr(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

}  // namespace whipsnake
