#include "jit/runtime/caches.h"

#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

// A site that keeps missing stops filling its cache.
constexpr uint32_t kMaxMisses = 64;

}  // namespace

// --- globals ---

// 3.13 Objects/dictobject.c, _PyDictKeys_GetVersionForCurrentState
uint32_t version_of_keys(PyDictKeysObject* keys) {
  if (keys->dk_version == 0) {
    uint32_t& next = PyInterpreterState_Get()->dict_state.next_keys_version;
    if (next != 0) keys->dk_version = next++;
  }
  return keys->dk_version != 0 ? keys->dk_version : kNoVersion;
}

namespace {

constexpr uint32_t kMaxRefusals = 8;
constexpr uint32_t kMaxPlaces = 16;

// Keys that machine code can look into; null: none.
PyDictKeysObject* plain_keys(PyObject* dict) {
  auto* exact = reinterpret_cast<PyDictObject*>(dict);
  return PyDict_CheckExact(dict) && exact->ma_values == nullptr && DK_IS_UNICODE(exact->ma_keys) ? exact->ma_keys
                                                                                                 : nullptr;
}

// 3.13 Python/specialize.c, _Py_Specialize_LoadGlobal
void find_place(GlobalCache* cache) {
  cache->globals_version = kNoVersion;
  if (++cache->places > kMaxPlaces) return;
  PyDictKeysObject* globals = plain_keys(cache->globals);
  PyDictKeysObject* builtins = plain_keys(cache->builtins);
  if (globals == nullptr || builtins == nullptr) return;
  PyDictKeysObject* keys = globals;
  const Py_hash_t hash = PyObject_Hash(cache->name);
  if (_PyDict_GetItem_KnownHash(cache->globals, cache->name, hash) == nullptr) keys = builtins;
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries; ++i) {
    if (entries[i].me_key != cache->name) continue;
    cache->offset =
        static_cast<int32_t>(reinterpret_cast<const char*>(&entries[i].me_value) - reinterpret_cast<const char*>(keys));
    cache->builtins_version = keys == builtins ? version_of_keys(builtins) : 0;
    cache->globals_version = version_of_keys(globals);
    return;
  }
}

}  // namespace

const uint8_t* load_global_code() {
  namespace offset = port::offset;
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made != nullptr) return made;
  made = shared_code("load_global", [](Masm& masm) {
    const auto cache = [](size_t field) { return Mem::at(Reg::kT2, static_cast<int32_t>(field)); };
    const Label found = masm.new_label();
    const Label slow = masm.new_label();
    const auto keys_of = [&](size_t dict, size_t version) {
      masm.load(Reg::kT0, cache(dict));
      masm.load(Reg::kT0, Mem::at(Reg::kT0, offset::kDictKeys));
      masm.load32(Reg::kT1, Mem::at(Reg::kT0, offset::kDictKeysVersion));
      masm.cmp32(Reg::kT1, cache(version));
      masm.jump_if(Cond::kNotEqual, slow);
    };
    keys_of(offsetof(GlobalCache, globals), offsetof(GlobalCache, globals_version));
    masm.cmp32(cache(offsetof(GlobalCache, builtins_version)), 0);
    masm.jump_if(Cond::kEqual, found);
    keys_of(offsetof(GlobalCache, builtins), offsetof(GlobalCache, builtins_version));
    masm.bind(found);
    masm.load32_signed(Reg::kT1, cache(offsetof(GlobalCache, offset)));
    masm.load(Reg::kRet, Mem::indexed(Reg::kT0, Reg::kT1, 1));
    masm.test(Reg::kRet, Reg::kRet);
    masm.jump_if(Cond::kEqual, slow);
    sequences::incref(masm, Reg::kRet, Reg::kT0);
    masm.ret();
    masm.bind(slow);
    masm.load(Reg::kT0, cache(offsetof(GlobalCache, site)));
    masm.jump_code(thunks.slow);
  });
  return made;
}

PyObject* op_load_global_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<GlobalCache*>(arg);
  if (cache->value != nullptr) return Py_NewRef(cache->value);
  if (cache->refusals < kMaxRefusals) {
    if (assume_global(cache->globals, cache->builtins, cache->name, &cache->value)) {
      ++counters.cache_misses;
      return Py_NewRef(cache->value);
    }
    ++cache->refusals;
  } else {
    find_place(cache);
  }
  return op_load_global(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

// --- super() ---

namespace {

// The method that super finds behind `type` in the MRO of self's type: depends on that MRO and what is in its classes,
// which the version stands for. 3.13 Objects/typeobject.c, _super_lookup_descr, supercheck (instances).
PyObject* find_super_method(PyTypeObject* type, PyObject* self, PyObject* name) {
  PyTypeObject* self_type = Py_TYPE(self);
  if (PyType_Check(self) || self_type->tp_getattro != PyObject_GenericGetAttr) return nullptr;
  PyObject* mro = self_type->tp_mro;
  if (mro == nullptr || !PyUnicode_CHECK_INTERNED(name)) return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(mro);
  Py_ssize_t i = 0;
  while (i < count && PyTuple_GET_ITEM(mro, i) != reinterpret_cast<PyObject*>(type)) ++i;
  for (++i; i < count; ++i) {
    PyObject* dict = PyType_GetDict(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i)));
    if (dict == nullptr) return nullptr;
    const bool plain = PyDict_CheckExact(dict) && DK_IS_UNICODE(reinterpret_cast<PyDictObject*>(dict)->ma_keys);
    PyObject* found = plain ? _PyDict_GetItem_KnownHash(dict, name, PyObject_Hash(name)) : nullptr;
    Py_DECREF(dict);
    if (!plain) return nullptr;
    if (found == nullptr) continue;
    const unsigned long flags = Py_TYPE(found)->tp_flags;
    return (flags & Py_TPFLAGS_METHOD_DESCRIPTOR) != 0 && (flags & Py_TPFLAGS_IMMUTABLETYPE) != 0 ? found : nullptr;
  }
  return nullptr;
}

}  // namespace

PyObject* op_load_super_method_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<SuperCache*>(arg);
  PyObject* global_super = top[-3];
  PyObject* type = top[-2];
  PyObject* self = top[-1];
  if (Py_Is(global_super, reinterpret_cast<PyObject*>(&PySuper_Type))) {
    bool hit = cache->version == Py_TYPE(self)->tp_version_tag && reinterpret_cast<PyObject*>(cache->type) == type;
    if (!hit && cache->misses < kMaxMisses && PyType_Check(type)) {
      ++cache->misses;
      const uint32_t version = version_of(Py_TYPE(self));
      PyObject* found = find_super_method(reinterpret_cast<PyTypeObject*>(type), self, cache->name);
      hit = found != nullptr && version != 0;
      if (hit) {
        cache->type = reinterpret_cast<PyTypeObject*>(type);
        cache->version = version;
        cache->method = found;
      }
    }
    if (hit) {
      top[-3] = Py_NewRef(cache->method);
      top[-2] = self;
      Py_DECREF(global_super);
      Py_DECREF(type);
      return kDone;
    }
  }
  return op_load_super_attr(ts, top, cache->oparg);
}

// --- __getitem__ ---

namespace {

// 3.13 Python/specialize.c, _Py_Specialize_BinarySubscr: a class whose __getitem__ is a Python function.
PyObject* find_getitem(PyTypeObject* type) {
  static PyObject* const name = PyUnicode_InternFromString("__getitem__");
  if (name == nullptr || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  PyObject* found = _PyType_Lookup(type, name);
  return found != nullptr && Py_IS_TYPE(found, &PyFunction_Type) ? found : nullptr;
}

PyObject* cached_getitem(GetItemCache* cache, PyTypeObject* type) {
  for (const GetItemCache::Entry& entry : cache->entries)
    if (entry.version == type->tp_version_tag) return entry.function;
  if (cache->misses >= kMaxMisses) return nullptr;
  ++cache->misses;
  const uint32_t version = version_of(type);
  PyObject* found = version != 0 ? find_getitem(type) : nullptr;
  if (found != nullptr) {
    cache->entries[1] = cache->entries[0];
    cache->entries[0] = {version, found};
  }
  return found;
}

}  // namespace

PyObject* op_binary_subscr_getitem(PyThreadState* ts, PyObject** top, intptr_t arg) {
  PyObject* function = cached_getitem(reinterpret_cast<GetItemCache*>(arg), Py_TYPE(top[-2]));
  if (function == nullptr) return op_binary_subscr(ts, top, 0);
  PyObject* arguments[] = {nullptr, top[-2], top[-1]};
  return after_escape(ts, call_stealing(ts, Py_NewRef(function), arguments + 1, 2, nullptr));
}

}  // namespace whipsnake
