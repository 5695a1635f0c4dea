#include "jit/runtime/caches.h"

#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/invariants.h"
#include "jit/runtime/ops/ops.h"

namespace whipsnake {

namespace {

// A site that keeps missing stops filling its cache.
constexpr uint32_t kMaxMisses = 64;

}  // namespace

// --- globals ---

PyObject* op_load_global_cached(PyThreadState* ts, PyObject** top, intptr_t arg) {
  auto* cache = reinterpret_cast<GlobalCache*>(arg);
  if (cache->value != nullptr)
    return Py_NewRef(cache->value);
  if (cache->refusals < 8) {
    if (assume_global(cache->globals, cache->builtins, cache->name, &cache->value)) {
      ++counters.cache_misses;
      return Py_NewRef(cache->value);
    }
    ++cache->refusals;
  }
  return op_load_global(ts, top, reinterpret_cast<intptr_t>(cache->name));
}

// --- super() ---

namespace {

// The method that super finds behind `type` in the MRO of self's type: depends on that MRO and what is in its classes,
// which the version stands for. 3.13 Objects/typeobject.c, _super_lookup_descr, supercheck (instances).
PyObject* find_super_method(PyTypeObject* type, PyObject* self, PyObject* name) {
  PyTypeObject* self_type = Py_TYPE(self);
  if (PyType_Check(self) || self_type->tp_getattro != PyObject_GenericGetAttr)
    return nullptr;
  PyObject* mro = self_type->tp_mro;
  if (mro == nullptr || !PyUnicode_CHECK_INTERNED(name))
    return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(mro);
  Py_ssize_t i = 0;
  while (i < count && PyTuple_GET_ITEM(mro, i) != reinterpret_cast<PyObject*>(type))
    ++i;
  for (++i; i < count; ++i) {
    PyObject* dict = PyType_GetDict(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i)));
    if (dict == nullptr)
      return nullptr;
    const bool plain = PyDict_CheckExact(dict) && DK_IS_UNICODE(reinterpret_cast<PyDictObject*>(dict)->ma_keys);
    PyObject* found = plain ? _PyDict_GetItem_KnownHash(dict, name, PyObject_Hash(name)) : nullptr;
    Py_DECREF(dict);
    if (!plain)
      return nullptr;
    if (found == nullptr)
      continue;
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
  if (name == nullptr || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0)
    return nullptr;
  PyObject* found = _PyType_Lookup(type, name);
  return found != nullptr && Py_IS_TYPE(found, &PyFunction_Type) ? found : nullptr;
}

PyObject* cached_getitem(GetItemCache* cache, PyTypeObject* type) {
  for (const GetItemCache::Entry& entry : cache->entries)
    if (entry.version == type->tp_version_tag)
      return entry.function;
  if (cache->misses >= kMaxMisses)
    return nullptr;
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
  if (function == nullptr)
    return op_binary_subscr(ts, top, 0);
  PyObject* arguments[] = {nullptr, top[-2], top[-1]};
  return after_escape(ts, call_stealing(ts, Py_NewRef(function), arguments + 1, 2, nullptr));
}

}  // namespace whipsnake
