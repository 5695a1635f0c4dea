// What inline caches are filled with: how attribute `name` of objects like `owner` is found. All conclusions hold for
// every object whose type has the version written down; what depends on the object itself is checked again on use.
#include "jit/runtime/caches.h"

namespace whipsnake {

namespace {

// Keys of more entries are not searched one by one.
constexpr Py_ssize_t kMaxKeys = 64;

bool has_inline_values(PyTypeObject* type) { return (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) != 0; }

bool is_immutable(PyTypeObject* type) { return (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) != 0; }

uint16_t as_index(Py_ssize_t index) {
  return index >= 0 && index < AttrEntry::kNoIndex ? static_cast<uint16_t>(index) : AttrEntry::kNoIndex;
}

int32_t inline_value_offset(Py_ssize_t index) {
  return port::offset::kInlineValuesItems + static_cast<int32_t>(index) * static_cast<int32_t>(sizeof(PyObject*));
}

// What the type of a class attribute makes of it (descriptor, data descriptor, method) holds while that type is what
// it is: a class can be given a __get__ or __set__ later, and the attribute another __class__. An object whose type is
// immutable cannot be given another class, unless it is a module.
bool pin_type_of_value(PyObject* value, AttrEntry* entry) {
  PyTypeObject* type = Py_TYPE(value);
  if (is_immutable(type) && !PyModule_Check(value)) return true;
  entry->value_version = version_of(type);
  return entry->value_version != 0;
}

AttrKind kind_on_type(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  if (type->tp_descr_get == nullptr) return AttrKind::kTypeValue;
  return (type->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) != 0 ? AttrKind::kMethod : AttrKind::kBinding;
}

// --- modules

bool describe_module(PyObject* owner, PyObject* name, AttrEntry* entry) {
  auto* dict = reinterpret_cast<PyDictObject*>(reinterpret_cast<PyModuleObject*>(owner)->md_dict);
  // Module objects have attributes of their type, too, but only data descriptors come before the dictionary's.
  if (dict == nullptr || _PyType_Lookup(&PyModule_Type, name) != nullptr) return false;
  PyDictKeysObject* keys = dict->ma_keys;
  if (!DK_IS_UNICODE(keys) || dict->ma_values != nullptr) return false;
  Py_ssize_t index = -1;
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries && index < 0; ++i)
    if (entries[i].me_key == name) index = i;
  if (as_index(index) == AttrEntry::kNoIndex || entries[index].me_value == nullptr) return false;
  entry->kind = AttrKind::kModule;
  entry->keys = version_of_keys(keys);
  entry->hint = as_index(index);
  entry->offset = static_cast<int32_t>(reinterpret_cast<const char*>(&entries[index].me_value) -
                                       reinterpret_cast<const char*>(keys));
  return true;
}

// --- types

// A class attribute that is returned as it is when it is asked for on the class. 3.13 Objects/funcobject.c and
// descrobject.c: func_descr_get, method_get, wrapperdescr_get without an object.
bool unbound_is_itself(PyObject* value) {
  return Py_TYPE(value)->tp_descr_get == nullptr || Py_IS_TYPE(value, &PyFunction_Type) ||
         Py_IS_TYPE(value, &PyMethodDescr_Type) || Py_IS_TYPE(value, &PyWrapperDescr_Type);
}

// 3.13 Objects/typeobject.c, _Py_type_getattro_impl
Described describe_of_type(PyTypeObject* owner, PyObject* name, AttrEntry* entry) {
  PyTypeObject* meta = Py_TYPE(owner);
  entry->version = version_of(owner);
  entry->keys = version_of(meta);
  if (entry->version == 0 || entry->keys == 0) return Described::kNotThis;
  if (meta->tp_getattro != PyType_Type.tp_getattro) return Described::kNever;
  PyObject* of_meta = _PyType_Lookup(meta, name);
  PyObject* found = nullptr;
  if (of_meta != nullptr && Py_TYPE(of_meta)->tp_descr_set != nullptr) {
    if (Py_TYPE(of_meta)->tp_descr_get == nullptr) return Described::kNever;
  } else {
    // Whether an attribute of the metatype is a data descriptor must not change unnoticed.
    if (of_meta != nullptr && (!is_immutable(Py_TYPE(of_meta)) || PyModule_Check(of_meta))) return Described::kNever;
    found = _PyType_Lookup(owner, name);
  }
  if (found != nullptr) {
    entry->kind = unbound_is_itself(found) ? AttrKind::kOfType : AttrKind::kOfTypeBinding;
  } else {
    if (of_meta == nullptr || Py_TYPE(of_meta)->tp_descr_get == nullptr) return Described::kNever;
    found = of_meta;
    entry->kind = AttrKind::kOfMeta;
  }
  entry->value = found;
  if (!pin_type_of_value(found, entry)) return Described::kNotThis;
  // Machine code looks at the type of the value before it knows that the metatype still has it.
  return entry->kind == AttrKind::kOfMeta && entry->value_version != 0 ? Described::kNever : Described::kYes;
}

// --- instances

// A class with __getattr__ and without __getattribute__: attributes that exist are found as usual. Anything that can
// raise AttributeError is not, for then __getattr__ is asked.
// 3.13 Objects/typeobject.c, update_one_slot: such a class of Python code has _Py_slot_tp_getattr_hook.
// Its __getattr__, borrowed; null: it is another class.
PyObject* only_addition_getattr(PyTypeObject* type) {
  static PyObject* const getattr = PyUnicode_InternFromString("__getattr__");
  static PyObject* const getattribute = PyUnicode_InternFromString("__getattribute__");
  if (getattr == nullptr || getattribute == nullptr || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  PyObject* hook = _PyType_Lookup(type, getattr);
  const bool only_addition = hook != nullptr && PyFunction_Check(hook) &&
                             _PyType_Lookup(type, getattribute) == _PyType_Lookup(&PyBaseObject_Type, getattribute);
  return only_addition ? hook : nullptr;
}

// 3.13 Objects/descrobject.c, member_get: a member of another class raises.
bool describe_member(PyTypeObject* type, PyObject* found, bool store, AttrEntry* entry) {
  const auto* descriptor = reinterpret_cast<PyMemberDescrObject*>(found);
  const PyMemberDef* member = descriptor->d_member;
  // _Py_T_OBJECT: null reads as None, which is left to the descriptor as the error of the other is.
  if ((member->type != Py_T_OBJECT_EX && member->type != _Py_T_OBJECT) ||
      !PyType_IsSubtype(type, descriptor->d_common.d_type))
    return false;
  if ((member->flags & (Py_AUDIT_READ | Py_RELATIVE_OFFSET)) != 0) return false;
  if (store && (member->flags & Py_READONLY) != 0) return false;
  if (member->offset < 0 || member->offset > INT32_MAX) return false;
  entry->kind = AttrKind::kSlot;
  entry->offset = static_cast<int32_t>(member->offset);
  return true;
}

// object.__class__, which gives the type.
bool is_class_descriptor(PyObject* found) {
  if (!Py_IS_TYPE(found, &PyGetSetDescr_Type)) return false;
  const auto* descriptor = reinterpret_cast<PyGetSetDescrObject*>(found);
  return descriptor->d_common.d_type == &PyBaseObject_Type && strcmp(descriptor->d_getset->name, "__class__") == 0;
}

Described describe_data_descriptor(PyTypeObject* type, PyObject* found, bool may_raise, bool store, AttrEntry* entry) {
  entry->value = found;
  if (Py_IS_TYPE(found, &PyMemberDescr_Type) && describe_member(type, found, store, entry)) return Described::kYes;
  if (!store && is_class_descriptor(found)) {
    entry->kind = AttrKind::kSlot;
    entry->offset = port::offset::kType;
    return Described::kYes;
  }
  if (!may_raise) return Described::kNever;
  entry->kind = !store && Py_IS_TYPE(found, &PyProperty_Type) ? AttrKind::kProperty : AttrKind::kDataDescriptor;
  return Described::kYes;
}

// Where instances of this type keep attributes of their own.
bool describe_instance_dict(PyTypeObject* type, AttrEntry* entry) {
  entry->inline_values = has_inline_values(type);
  entry->index = entry->hint = AttrEntry::kNoIndex;
  if ((type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0)
    entry->dict_offset = port::offset::kManagedDict;
  else if (type->tp_dictoffset < 0 || type->tp_dictoffset > INT32_MAX)
    return false;  // counted from the end of objects of different sizes
  else
    entry->dict_offset = static_cast<int32_t>(type->tp_dictoffset);
  return !entry->inline_values || shared_keys(type) != nullptr;
}

PyDictObject* instance_dict(PyObject* owner, const AttrEntry& entry) {
  return *reinterpret_cast<PyDictObject**>(reinterpret_cast<char*>(owner) + entry.dict_offset);
}

Described describe_in_dict(PyObject* owner, PyObject* name, AttrEntry* entry) {
  PyDictObject* dict = instance_dict(owner, *entry);
  // Others of the type may have inline values and no dictionary.
  entry->shadow = dict == nullptr && !entry->inline_values ? Shadow::kNoDict : Shadow::kAsk;
  if (dict != nullptr && dict->ma_values == nullptr) entry->hint = as_index(find_key(dict->ma_keys, name));
  if (entry->hint != AttrEntry::kNoIndex || entry->type_kind == AttrKind::kNone) entry->kind = AttrKind::kHintedDict;
  return Described::kYes;
}

}  // namespace

Py_ssize_t find_key(PyDictKeysObject* keys, PyObject* name) {
  if (!DK_IS_UNICODE(keys) || keys->dk_nentries > kMaxKeys) return -1;
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries; ++i)
    if (entries[i].me_key == name) return i;
  return -1;
}

bool all_keys_interned(PyDictKeysObject* keys) {
  if (!DK_IS_UNICODE(keys) || keys->dk_nentries > kMaxKeys) return false;
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries; ++i)
    if (entries[i].me_key != nullptr && !PyUnicode_CHECK_INTERNED(entries[i].me_key)) return false;
  return true;
}

uint32_t version_of(PyTypeObject* type) {
  if (type->tp_version_tag == 0 && !PyUnstable_Type_AssignVersionTag(type)) return 0;
  return type->tp_version_tag;
}

Described describe_load(PyObject* owner, PyObject* name, AttrEntry* entry) {
  *entry = AttrEntry{};
  PyTypeObject* type = Py_TYPE(owner);
  if (!PyUnicode_CHECK_INTERNED(name)) return Described::kNotThis;
  if (PyType_Check(owner)) return describe_of_type(reinterpret_cast<PyTypeObject*>(owner), name, entry);
  entry->version = version_of(type);
  if (entry->version == 0) return Described::kNotThis;
  if (PyModule_CheckExact(owner)) return describe_module(owner, name, entry) ? Described::kYes : Described::kNotThis;
  const bool plain = type->tp_getattro == PyObject_GenericGetAttr;
  PyObject* hook = plain ? nullptr : only_addition_getattr(type);
  if (!plain && hook == nullptr) {
    entry->kind = AttrKind::kGeneric;
    return Described::kYes;
  }
  PyObject* found = _PyType_Lookup(type, name);
  if (found != nullptr && !pin_type_of_value(found, entry)) return Described::kNotThis;
  if (found != nullptr && Py_TYPE(found)->tp_descr_get != nullptr && Py_TYPE(found)->tp_descr_set != nullptr)
    return describe_data_descriptor(type, found, plain, false, entry);
  entry->value = found != nullptr ? found : hook;
  entry->type_kind = found != nullptr ? kind_on_type(found) : hook != nullptr ? AttrKind::kHook : AttrKind::kNone;
  entry->kind = entry->type_kind;
  if (!plain && entry->type_kind == AttrKind::kBinding) return Described::kNever;
  if (!describe_instance_dict(type, entry)) return Described::kNever;
  if (entry->dict_offset == 0) return entry->value != nullptr ? Described::kYes : Described::kNever;
  if (!entry->inline_values) return describe_in_dict(owner, name, entry);

  PyDictKeysObject* keys = shared_keys(type);
  entry->index = as_index(find_key(keys, name));
  entry->keys = static_cast<uint32_t>(keys->dk_nentries);
  if (entry->index == AttrEntry::kNoIndex && !all_keys_interned(keys)) return Described::kNever;
  entry->shadow = Shadow::kAsk;
  if (!_PyObject_InlineValues(owner)->valid) return describe_in_dict(owner, name, entry);
  if (entry->index == AttrEntry::kNoIndex) {
    entry->shadow = Shadow::kSharedKeys;
    return entry->value != nullptr ? Described::kYes : Described::kNotThis;
  }
  entry->offset = inline_value_offset(entry->index);
  if (entry->value == nullptr || _PyObject_InlineValues(owner)->values[entry->index] != nullptr)
    entry->kind = AttrKind::kInlineValue;
  return Described::kYes;
}

Described describe_store(PyObject* owner, PyObject* name, AttrEntry* entry) {
  *entry = AttrEntry{};
  PyTypeObject* type = Py_TYPE(owner);
  if (!PyUnicode_CHECK_INTERNED(name)) return Described::kNotThis;
  entry->version = version_of(type);
  if (entry->version == 0) return Described::kNotThis;
  if (type->tp_setattro != PyObject_GenericSetAttr) return Described::kNever;
  PyObject* found = _PyType_Lookup(type, name);
  if (found != nullptr && !pin_type_of_value(found, entry)) return Described::kNotThis;
  if (found != nullptr && Py_TYPE(found)->tp_descr_set != nullptr)
    return describe_data_descriptor(type, found, true, true, entry);
  entry->value = found;
  if (!describe_instance_dict(type, entry) || entry->dict_offset == 0) return Described::kNever;
  entry->kind = AttrKind::kHintedDict;
  if (!entry->inline_values) return Described::kYes;
  entry->index = as_index(find_key(shared_keys(type), name));
  if (!_PyObject_InlineValues(owner)->valid) return Described::kYes;
  if (entry->index == AttrEntry::kNoIndex) {
    // A name more, which the next one finds, unless there is no room: then each instance gets a dictionary for it.
    const bool full = shared_keys(type)->dk_usable <= 0;
    return full ? Described::kYes : Described::kNotThis;
  }
  entry->kind = AttrKind::kInlineValue;
  entry->offset = inline_value_offset(entry->index);
  return Described::kYes;
}

}  // namespace whipsnake
