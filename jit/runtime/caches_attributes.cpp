// Attribute sites: which description serves an object, and loading and storing by it.
//
// Descriptions are looked for in the site, then among those that all sites share, so that sites that see many types do
// not describe them again and again.
#include <algorithm>
#include <iterator>
#include <new>
#include <unordered_map>

#include "jit/runtime/caches.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/objects.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake {

AttrEntry shared_entries[kSharedPairs][2];

uint32_t attribute_id(PyObject* name, bool store) {
  constexpr uint32_t kMaxNames = 1u << 18;
  // Never destroyed: machine code may run until the process ends.
  static auto* const ids = new (std::nothrow) std::unordered_map<PyObject*, uint32_t>;
  if (ids == nullptr || !PyUnicode_CHECK_INTERNED(name)) return 0;
  auto known = ids->find(name);
  if (known == ids->end()) {
    if (ids->size() >= kMaxNames) return 0;
    try {
      known = ids->emplace(name, static_cast<uint32_t>(ids->size() + 1)).first;
    } catch (const std::bad_alloc&) {
      return 0;
    }
    Py_INCREF(name);
  }
  return known->second * 4 + (store ? 1 : 0);
}

namespace {

// --- descriptions

bool guard_holds(const AttrEntry& entry, PyObject* owner) {
  const uint32_t version = Py_TYPE(owner)->tp_version_tag;
  if (owner_is_type(entry.kind)) {
    // Whoever has a metatype with that version is a type.
    if (version != entry.keys || reinterpret_cast<PyTypeObject*>(owner)->tp_version_tag != entry.version) return false;
  } else if (version != entry.version) {
    return false;
  }
  return entry.value_version == 0 || Py_TYPE(entry.value)->tp_version_tag == entry.value_version;
}

// The site's own entry becomes this one, unless there have been many.
bool take_over(AttrCache* cache, const AttrEntry& entry) {
  if (cache->misses >= kMaxAttrMisses) return false;
  ++cache->misses;
  cache->entry = entry;
  if (entry.kind == cache->in_place) cache->member = {entry.version, entry.offset};
  if (cache->codes != nullptr) cache->code = cache->codes->for_entry(entry);
  return true;
}

bool known_to_be_useless(const AttrEntry& entry, PyObject* owner) {
  return entry.kind == AttrKind::kNone && (!PyType_Check(owner) || entry.keys == Py_TYPE(owner)->tp_version_tag);
}

// Never kNone; null: not cached.
template <Described (*kDescribe)(PyObject*, PyObject*, AttrEntry*)>
[[gnu::noinline]] AttrEntry* lookup_shared(AttrCache* cache, PyObject* owner) {
  const bool of_type = PyType_Check(owner);
  const uint32_t version = version_of(of_type ? reinterpret_cast<PyTypeObject*>(owner) : Py_TYPE(owner));
  if (version == 0 || cache->id == 0) return nullptr;
  auto& [first, second] = shared_entries[shared_pair(version, cache->id_hash, of_type)];
  const uint32_t id = cache->id + (of_type ? kOwnerIsType : 0);
  const auto is_about_this = [&](const AttrEntry& entry) { return entry.version == version && entry.id == id; };
  AttrEntry& shared = is_about_this(second) ? second : first;
  if (is_about_this(shared)) {
    if (known_to_be_useless(shared, owner)) return nullptr;
    if (shared.kind != AttrKind::kNone && guard_holds(shared, owner)) {
      ++counters.cache_hits;
      take_over(cache, shared);
      return &shared;
    }
  }
  ++counters.cache_misses;
  AttrEntry entry;
  const Described described = kDescribe(owner, cache->name, &entry);
  if (described == Described::kNotThis) return nullptr;
  if (entry.kind == AttrKind::kModule)  // of this module only
    return take_over(cache, entry) ? &cache->entry : nullptr;
  entry.id = id;
  if (described == Described::kNever) {
    entry.kind = AttrKind::kNone;
    entry.value = nullptr;
    entry.value_version = 0;  // machine code would look at the type of a value that nothing keeps alive
  }
  if (!is_about_this(shared)) second = first;
  shared = entry;
  if (described == Described::kNever) return nullptr;
  take_over(cache, entry);
  return &shared;
}

template <Described (*kDescribe)(PyObject*, PyObject*, AttrEntry*)>
AttrEntry* lookup(AttrCache* cache, PyObject* owner) {
  // The entry of a site that takes over no more may be of another type, while machine code looks at the shared ones.
  if (cache->misses < kMaxAttrMisses && cache->entry.version != kNoVersion && guard_holds(cache->entry, owner)) {
    ++counters.cache_hits;
    ++cache->misses;  // machine code has no use for it, or not for this object
    return &cache->entry;
  }
  return lookup_shared<kDescribe>(cache, owner);
}

// --- reading

PyObject*& member(PyObject* owner, int32_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(owner) + offset);
}

PyDictObject* instance_dict(const AttrEntry& entry, PyObject* owner) {
  return reinterpret_cast<PyDictObject*>(member(owner, entry.dict_offset));
}

enum class Own : uint8_t { kFound, kAbsent, kUnknown };

Py_hash_t hash_of(PyObject* name) {
  const Py_hash_t hash = reinterpret_cast<PyASCIIObject*>(name)->hash;
  return hash != -1 ? hash : PyObject_Hash(name);
}

// In a dictionary that compares keys without running anybody's code.
Own find_in_dict(PyDictObject* dict, uint16_t hint, PyObject* name, PyObject** value) {
  PyDictKeysObject* keys = dict->ma_keys;
  if (!DK_IS_UNICODE(keys)) return Own::kUnknown;
  if (hint < keys->dk_nentries && dict->ma_values == nullptr) {
    const PyDictUnicodeEntry& entry = DK_UNICODE_ENTRIES(keys)[hint];
    if (entry.me_key == name && entry.me_value != nullptr) {
      *value = entry.me_value;
      return Own::kFound;
    }
  }
  if (dict->ma_used == 0) return Own::kAbsent;
  const Py_ssize_t index = port::probe_unicode_keys(keys, name, hash_of(name));
  if (index >= 0)
    *value = dict->ma_values != nullptr ? dict->ma_values->values[index] : DK_UNICODE_ENTRIES(keys)[index].me_value;
  else if (index == port::kKeyUnknown)
    *value = _PyDict_GetItem_KnownHash(reinterpret_cast<PyObject*>(dict), name, hash_of(name));
  return *value != nullptr ? Own::kFound : Own::kAbsent;
}

// The instance's own attribute, borrowed.
Own find_own(AttrEntry* entry, PyObject* owner, PyObject* name, PyObject** value) {
  if (entry->dict_offset == 0) return Own::kAbsent;
  if (entry->inline_values) {
    PyDictValues* values = _PyObject_InlineValues(owner);
    if (values->valid) {
      PyDictKeysObject* keys = shared_keys(Py_TYPE(owner));
      if (entry->index == AttrEntry::kNoIndex && keys->dk_nentries != static_cast<Py_ssize_t>(entry->keys)) {
        // Its class has given instances more names; `keys` stays what it is, for machine code, if this is one of them.
        const Py_ssize_t index = find_key(keys, name);
        if (index < 0 && !all_keys_interned(keys)) return Own::kUnknown;
        if (index < 0)
          entry->keys = static_cast<uint32_t>(keys->dk_nentries);
        else
          entry->index = static_cast<uint16_t>(index);
      }
      if (entry->index == AttrEntry::kNoIndex) return Own::kAbsent;
      *value = values->values[entry->index];
      return *value != nullptr ? Own::kFound : Own::kAbsent;
    }
  }
  PyDictObject* dict = instance_dict(*entry, owner);
  return dict != nullptr ? find_in_dict(dict, entry->hint, name, value) : Own::kAbsent;
}

// Calls the descriptor's tp_descr_get.
PyObject* bind(PyObject* descriptor, PyObject* object, PyTypeObject* type) {
  Py_INCREF(descriptor);
  PyObject* result = Py_TYPE(descriptor)->tp_descr_get(descriptor, object, reinterpret_cast<PyObject*>(type));
  Py_DECREF(descriptor);
  return result;
}

enum class Loaded : uint8_t {
  kGeneric,   // nothing was done
  kBorrowed,  // the attribute
  kMethod,    // borrowed; to be called with the owner
  kUnbound,   // borrowed; what its tp_descr_get makes, or it as a __getattr__ gives, is the attribute. Not from load()
  kNew,       // a new reference or null with an exception
};

// Runs nobody's code.
Loaded find_own_or_of_type(AttrEntry* entry, PyObject* owner, PyObject* name, PyObject** value) {
  switch (find_own(entry, owner, name, value)) {
    case Own::kFound: return Loaded::kBorrowed;
    case Own::kUnknown: return Loaded::kGeneric;
    case Own::kAbsent: break;
  }
  *value = entry->value;
  switch (entry->type_kind) {
    case AttrKind::kTypeValue: return Loaded::kBorrowed;
    case AttrKind::kMethod: return Loaded::kMethod;
    case AttrKind::kBinding:
    case AttrKind::kHook: return Loaded::kUnbound;
    default: return Loaded::kGeneric;
  }
}

// 3.13 Objects/typeobject.c, _Py_slot_tp_getattr_hook: nobody sees the AttributeError that comes before.
PyObject* call_hook(PyThreadState* ts, PyObject* hook, PyObject* owner, PyObject* name) {
  PyObject* arguments[] = {nullptr, Py_NewRef(owner), Py_NewRef(name)};
  return call_stealing(ts, Py_NewRef(hook), arguments + 1, 2, nullptr);
}

Loaded load_own_or_of_type(PyThreadState* ts, AttrEntry* entry, PyObject* owner, PyObject* name, PyObject** value) {
  const Loaded found = find_own_or_of_type(entry, owner, name, value);
  if (found != Loaded::kUnbound) return found;
  *value =
      entry->type_kind == AttrKind::kHook ? call_hook(ts, *value, owner, name) : bind(*value, owner, Py_TYPE(owner));
  return Loaded::kNew;
}

Loaded load_property(PyThreadState* ts, const AttrEntry& entry, PyObject* owner, PyObject** value) {
  PyObject* getter = reinterpret_cast<_PyPropertyObject*>(entry.value)->prop_get;
  if (getter == nullptr || !Py_IS_TYPE(getter, &PyFunction_Type)) {
    *value = bind(entry.value, owner, Py_TYPE(owner));
    return Loaded::kNew;
  }
  PyObject* arguments[] = {nullptr, Py_NewRef(owner)};
  *value = call_stealing(ts, Py_NewRef(getter), arguments + 1, 1, nullptr);
  return Loaded::kNew;
}

Loaded load_of_module(const AttrEntry& entry, PyObject* owner, PyObject* name, PyObject** value) {
  auto* dict = reinterpret_cast<PyDictObject*>(reinterpret_cast<PyModuleObject*>(owner)->md_dict);
  PyDictKeysObject* keys = dict->ma_keys;
  if (!DK_IS_UNICODE(keys) || dict->ma_values != nullptr || entry.hint >= keys->dk_nentries) return Loaded::kGeneric;
  const PyDictUnicodeEntry& found = DK_UNICODE_ENTRIES(keys)[entry.hint];
  *value = found.me_value;
  return found.me_key == name && found.me_value != nullptr ? Loaded::kBorrowed : Loaded::kGeneric;
}

Loaded load(PyThreadState* ts, AttrEntry* entry, PyObject* owner, PyObject* name, PyObject** value) {
  switch (entry->kind) {
    case AttrKind::kInlineValue:
    case AttrKind::kHintedDict:
    case AttrKind::kTypeValue:
    case AttrKind::kMethod:
    case AttrKind::kBinding:
    case AttrKind::kHook: return load_own_or_of_type(ts, entry, owner, name, value);
    case AttrKind::kSlot:
      *value = member(owner, entry->offset);
      return *value != nullptr ? Loaded::kBorrowed : Loaded::kGeneric;
    case AttrKind::kProperty: return load_property(ts, *entry, owner, value);
    case AttrKind::kDataDescriptor: *value = bind(entry->value, owner, Py_TYPE(owner)); return Loaded::kNew;
    case AttrKind::kModule: return load_of_module(*entry, owner, name, value);
    case AttrKind::kOfType: *value = entry->value; return Loaded::kBorrowed;
    case AttrKind::kOfTypeBinding:
      *value = bind(entry->value, nullptr, reinterpret_cast<PyTypeObject*>(owner));
      return Loaded::kNew;
    case AttrKind::kOfMeta: *value = bind(entry->value, owner, Py_TYPE(owner)); return Loaded::kNew;
    case AttrKind::kGeneric:
    case AttrKind::kNone: break;
  }
  return Loaded::kGeneric;
}

// 3.13 Objects/object.c, _PyObject_SetAttributeErrorContext, which PyObject_GetAttr ends with: an AttributeError is
// told of what it is about, unless it knows.
void add_error_context(PyObject* owner, PyObject* name) {
  static PyObject* const name_name = PyUnicode_InternFromString("name");
  static PyObject* const obj_name = PyUnicode_InternFromString("obj");
  if (name_name == nullptr || obj_name == nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return;
  PyObject* exception = PyErr_GetRaisedException();
  const auto* error = reinterpret_cast<PyAttributeErrorObject*>(exception);
  if (error->name == nullptr && error->obj == nullptr &&
      (PyObject_SetAttr(exception, name_name, name) != 0 || PyObject_SetAttr(exception, obj_name, owner) != 0)) {
    Py_DECREF(exception);  // the exception that is set now takes its place
    return;
  }
  PyErr_SetRaisedException(exception);
}

}  // namespace

uintptr_t own_or_of_type(AttrEntry* entry, PyObject* owner, PyObject* name) {
  PyObject* value = nullptr;
  switch (find_own_or_of_type(entry, owner, name, &value)) {
    case Loaded::kBorrowed: return reinterpret_cast<uintptr_t>(value);
    case Loaded::kMethod: return reinterpret_cast<uintptr_t>(value) + kIsMethod;
    case Loaded::kUnbound:
      // 3.13 Objects/funcobject.c, sm_descr_get. A __getattr__ may be one, too.
      if (entry->type_kind == AttrKind::kBinding && Py_IS_TYPE(value, &PyStaticMethod_Type))
        return reinterpret_cast<uintptr_t>(port::wrapped_callable(value));
      return 0;
    default: return 0;
  }
}

namespace {

PyObject* bind_quietly(PyObject* value, PyObject* owner, PyTypeObject* type) {
  PyTypeObject* kind = Py_TYPE(value);
  PyObject* bound = nullptr;
  if (kind == &PyFunction_Type) {
    if (owner != nullptr) bound = new_method(port::thread_with_gil(), value, owner);
  } else if (kind == &PyStaticMethod_Type) {
    return Py_XNewRef(port::wrapped_callable(value));
  } else if (kind == &PyClassMethod_Type) {
    if (PyObject* function = port::wrapped_callable(value))
      bound = new_method(port::thread_with_gil(), function, reinterpret_cast<PyObject*>(type));
  } else if (kind == &PyMethodDescr_Type || kind == &PyClassMethodDescr_Type || kind == &PyWrapperDescr_Type) {
    bound = kind->tp_descr_get(value, owner, reinterpret_cast<PyObject*>(type));
  } else if (kind == &PyProperty_Type || kind == &PyMemberDescr_Type || kind == &PyGetSetDescr_Type) {
    return owner == nullptr ? Py_NewRef(value) : nullptr;  // of the class they are themselves
  } else {
    return nullptr;
  }
  if (bound == nullptr) PyErr_Clear();  // to be raised where it can be
  return bound;
}

}  // namespace

PyObject* bind_to_object(PyObject* value, PyObject* owner) { return bind_quietly(value, owner, Py_TYPE(owner)); }

PyObject* bind_to_type(PyObject* value, PyObject* owner) {
  return bind_quietly(value, nullptr, reinterpret_cast<PyTypeObject*>(owner));
}

namespace {

// 3.13 Objects/object.c, _PyObject_GetMethod: itself does not add the context.
bool adds_context(AttrAccess access, PyObject* owner) {
  return access == AttrAccess::kLoad || Py_TYPE(owner)->tp_getattro != PyObject_GenericGetAttr;
}

}  // namespace

template <AttrAccess kAccess, bool kOwns>
PyObject* get_by_descriptor(PyThreadState* ts, PyObject* owner, PyObject* value, const AttrCache* cache) {
  PyObject* result = bind(value, owner, Py_TYPE(owner));
  if (result == nullptr && adds_context(kAccess, owner)) add_error_context(owner, cache->name);
  if (kOwns) Py_DECREF(owner);
  return after_escape(ts, result);
}
template PyObject* get_by_descriptor<AttrAccess::kLoad, false>(PyThreadState*, PyObject*, PyObject*, const AttrCache*);
template PyObject* get_by_descriptor<AttrAccess::kLoad, true>(PyThreadState*, PyObject*, PyObject*, const AttrCache*);
template PyObject* get_by_descriptor<AttrAccess::kMethod, false>(PyThreadState*, PyObject*, PyObject*,
                                                                 const AttrCache*);
template PyObject* get_by_descriptor<AttrAccess::kMethod, true>(PyThreadState*, PyObject*, PyObject*, const AttrCache*);

PyObject* op_load_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<AttrCache*>(arg);
  PyObject* owner = top[-1];
  if (AttrEntry* entry = lookup<describe_load>(cache, owner)) {
    PyObject* value = nullptr;
    Loaded loaded = load(ts, entry, owner, cache->name, &value);
    switch (loaded) {
      case Loaded::kGeneric:
      case Loaded::kUnbound: break;
      case Loaded::kBorrowed:
        Py_INCREF(value);
        Py_DECREF(owner);
        return value;
      case Loaded::kMethod: value = bind(value, owner, Py_TYPE(owner)); [[fallthrough]];
      case Loaded::kNew:
        if (value == nullptr) add_error_context(owner, cache->name);
        Py_DECREF(owner);
        return after_escape(ts, value);
    }
  }
  return op_load_attr(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

PyObject* op_load_field_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<FieldCache*>(arg);
  const auto version_is = [](uint32_t version) {
    return [version](const FieldCache::Entry& entry) { return entry.version == version; };
  };
  const auto last = std::end(cache->entries);
  if (std::none_of(cache->entries, last, version_is(Py_TYPE(top[-1])->tp_version_tag)) &&
      std::any_of(cache->entries, last, version_is(kNoVersion))) {
    const AttrEntry* found = lookup<describe_load>(&cache->attribute, top[-1]);
    const bool field = found != nullptr && (found->kind == AttrKind::kInlineValue || found->kind == AttrKind::kSlot);
    if (field && found->kind == cache->first && cache->entries[0].version == kNoVersion) {
      cache->entries[0] = {found->version, found->offset};
    } else if (field) {
      const auto empty = std::find_if(cache->entries + 1, last, version_is(kNoVersion));
      const int32_t kind = found->kind == AttrKind::kInlineValue ? FieldCache::kInline : 0;
      if (empty != last) *empty = {found->version, found->offset + kind};
    }
  }
  return op_load_attr_cached(ts, top, reinterpret_cast<intptr_t>(&cache->attribute));
}

PyObject* op_load_method_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<AttrCache*>(arg);
  PyObject* owner = top[-1];
  AttrEntry* entry = lookup<describe_load>(cache, owner);
  PyObject* value = nullptr;
  const Loaded loaded = entry != nullptr ? load(ts, entry, owner, cache->name, &value) : Loaded::kGeneric;
  switch (loaded) {
    case Loaded::kGeneric:
    case Loaded::kUnbound: return op_load_attr_method(ts, top, reinterpret_cast<intptr_t>(cache->name));
    case Loaded::kMethod:
      top[-1] = Py_NewRef(value);
      top[0] = owner;
      return kDone;
    case Loaded::kBorrowed: Py_INCREF(value); [[fallthrough]];
    case Loaded::kNew:
      if (value == nullptr && adds_context(AttrAccess::kMethod, owner)) add_error_context(owner, cache->name);
      Py_DECREF(owner);
      break;
  }
  if (value == nullptr) return nullptr;
  top[-1] = value;
  top[0] = nullptr;
  return after_escape(ts, kDone);
}

// --- storing

namespace {

// Steals `value` if it says yes. 3.13 Python/bytecodes.c, _STORE_ATTR_INSTANCE_VALUE.
bool store_inline(const AttrEntry& entry, PyObject* owner, PyObject* value) {
  PyDictValues* values = _PyObject_InlineValues(owner);
  if (!values->valid || instance_dict(entry, owner) != nullptr || entry.index == AttrEntry::kNoIndex) return false;
  PyObject* old = values->values[entry.index];
  values->values[entry.index] = value;
  if (old == nullptr)
    _PyDictValues_AddToInsertionOrder(values, entry.index);
  else
    Py_DECREF(old);
  return true;
}

// In a dictionary that is not split with the object's inline values, and whose keys run nobody's code.
// -1: an exception is set, 0: stored, 1: not done
int store_in_dict(const AttrEntry& entry, PyObject* owner, PyObject* name, PyObject* value) {
  PyDictObject* dict = instance_dict(entry, owner);
  if (dict == nullptr || dict->ma_values != nullptr || !DK_IS_UNICODE(dict->ma_keys)) return 1;
  Py_INCREF(dict);
  const int failed = _PyDict_SetItem_KnownHash(reinterpret_cast<PyObject*>(dict), name, value, hash_of(name));
  Py_DECREF(dict);
  return failed;
}

}  // namespace

PyObject* op_store_attr_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<AttrCache*>(arg);
  PyObject* owner = top[-1];
  PyObject* value = top[-2];
  // Not even looked for where the owner is a type: a type watcher hears of changes only while the type has a version.
  const AttrEntry* entry = PyType_Check(owner) ? nullptr : lookup<describe_store>(cache, owner);
  if (entry == nullptr) return op_store_attr(ts, top, reinterpret_cast<intptr_t>(cache->name));
  int failed = 1;
  switch (entry->kind) {
    case AttrKind::kSlot: {
      PyObject* old = member(owner, entry->offset);
      member(owner, entry->offset) = value;
      Py_XDECREF(old);
      Py_DECREF(owner);
      return after_escape(ts, kDone);
    }
    case AttrKind::kInlineValue:
      if (store_inline(*entry, owner, value)) {
        Py_DECREF(owner);
        return after_escape(ts, kDone);
      }
      [[fallthrough]];
    case AttrKind::kHintedDict: failed = store_in_dict(*entry, owner, cache->name, value); break;
    case AttrKind::kDataDescriptor: {
      PyObject* descriptor = Py_NewRef(entry->value);
      failed = Py_TYPE(descriptor)->tp_descr_set(descriptor, owner, value) < 0 ? -1 : 0;
      Py_DECREF(descriptor);
      break;
    }
    default: break;
  }
  if (failed > 0) return op_store_attr(ts, top, reinterpret_cast<intptr_t>(cache->name));
  Py_DECREF(value);
  Py_DECREF(owner);
  return after_escape(ts, failed == 0 ? kDone : nullptr);
}

}  // namespace whipsnake
