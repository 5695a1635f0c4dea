#include "jit/runtime/dict_lookup.h"

#include <cstring>
#include <type_traits>

namespace whipsnake {

namespace {

// What there is at an entry with the same hash.
enum class Match : uint8_t { kSame, kOther, kUnknown };

Match match_str(PyObject* left, PyObject* right) {
  const Py_ssize_t length = PyUnicode_GET_LENGTH(left);
  const int kind = PyUnicode_KIND(left);
  if (length != PyUnicode_GET_LENGTH(right) || kind != static_cast<int>(PyUnicode_KIND(right))) return Match::kOther;
  const auto bytes = static_cast<size_t>(length) * static_cast<size_t>(kind);
  return std::memcmp(PyUnicode_DATA(left), PyUnicode_DATA(right), bytes) == 0 ? Match::kSame : Match::kOther;
}

Match match(PyObject* left, PyObject* right) {
  if (!Py_IS_TYPE(left, Py_TYPE(right))) return Match::kUnknown;
  if (Py_IS_TYPE(left, &PyUnicode_Type)) return match_str(left, right);
  if (!Py_IS_TYPE(left, &PyLong_Type)) return Match::kUnknown;
  if (!port::is_short(left) || !port::is_short(right)) return Match::kUnknown;
  return port::short_value(left) == port::short_value(right) ? Match::kSame : Match::kOther;
}

// Of an exact str, a short int or what is hashed by its address, as hash() tells it. False: of something else.
bool hash_of(PyObject* key, Py_hash_t* hash) {
  if (Py_IS_TYPE(key, &PyUnicode_Type)) {
    *hash = reinterpret_cast<PyASCIIObject*>(key)->hash;
    if (*hash == -1) *hash = PyUnicode_Type.tp_hash(key);
    return true;
  }
  if (Py_TYPE(key)->tp_hash == PyBaseObject_Type.tp_hash) {
    *hash = PyBaseObject_Type.tp_hash(key);
    return true;
  }
  if (!Py_IS_TYPE(key, &PyLong_Type) || !port::is_short(key)) return false;
  *hash = port::short_value(key);  // below the prime that hashes are reduced by
  if (*hash == -1) *hash = -2;
  return true;
}

template <typename Entry>
Py_hash_t hash_at(const Entry& entry) {
  if constexpr (std::is_same_v<Entry, PyDictUnicodeEntry>)
    return reinterpret_cast<PyASCIIObject*>(entry.me_key)->hash;
  else
    return entry.me_hash;
}

// 3.13 Objects/dictobject.c, do_lookup(): open addressing, 5 bits of the hash more at each step.
template <typename Index, typename Entry>
bool probe(const PyDictKeysObject* keys, PyObject* key, Py_hash_t hash, PyObject** value) {
  const auto* indices = reinterpret_cast<const Index*>(keys->dk_indices);
  const auto* entries = reinterpret_cast<const Entry*>(keys->dk_indices + (size_t{1} << keys->dk_log2_index_bytes));
  const size_t mask = (size_t{1} << keys->dk_log2_size) - 1;
  auto perturbation = static_cast<size_t>(hash);
  for (size_t slot = perturbation & mask;; slot = (slot * 5 + perturbation + 1) & mask) {
    const auto index = static_cast<Py_ssize_t>(indices[slot]);
    if (index >= 0) {
      const Entry& entry = entries[index];
      Match found = Match::kOther;
      if (entry.me_key == key)
        found = Match::kSame;
      else if (hash_at(entry) == hash)
        found = match(entry.me_key, key);
      if (found == Match::kUnknown) return false;
      if (found == Match::kSame) {
        *value = entry.me_value;
        return true;
      }
    } else if (index == DKIX_EMPTY) {
      *value = nullptr;
      return true;
    }
    perturbation >>= 5;
  }
}

template <typename Entry>
bool find(const PyDictKeysObject* keys, PyObject* key, Py_hash_t hash, PyObject** value) {
  if (keys->dk_log2_size < 8) return probe<int8_t, Entry>(keys, key, hash, value);
  if (keys->dk_log2_size < 16) return probe<int16_t, Entry>(keys, key, hash, value);
  return keys->dk_log2_size < 32 && probe<int32_t, Entry>(keys, key, hash, value);
}

}  // namespace

bool find_in_dict(PyObject* dict, PyObject* key, PyObject** value) {
  if (!Py_IS_TYPE(dict, &PyDict_Type)) return false;
  Py_hash_t hash;
  if (!hash_of(key, &hash)) return false;
  const PyDictKeysObject* keys = reinterpret_cast<PyDictObject*>(dict)->ma_keys;
  switch (keys->dk_kind) {
    case DICT_KEYS_UNICODE: return find<PyDictUnicodeEntry>(keys, key, hash, value);
    case DICT_KEYS_GENERAL: return find<PyDictKeyEntry>(keys, key, hash, value);
    default: return false;
  }
}

PyObject* known_item(PyObject* dict, PyObject* key) {
  PyObject* value = nullptr;
  return find_in_dict(dict, key, &value) ? Py_XNewRef(value) : nullptr;
}

PyCFunction cpython_dict_get = nullptr;

PyObject* dict_get(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  PyObject* value = nullptr;
  if ((nargs == 1 || nargs == 2) && find_in_dict(self, args[0], &value)) {
    if (value == nullptr) value = nargs == 2 ? args[1] : Py_None;
    return Py_NewRef(value);
  }
  return reinterpret_cast<PyCFunctionFast>(reinterpret_cast<void (*)()>(cpython_dict_get))(self, args, nargs);
}

void init_dict_get() {
  PyObject* descriptor = PyDict_GetItemString(PyType_GetDict(&PyDict_Type), "get");
  if (descriptor == nullptr || !Py_IS_TYPE(descriptor, &PyMethodDescr_Type)) return;
  const PyMethodDef* definition = reinterpret_cast<PyMethodDescrObject*>(descriptor)->d_method;
  if (definition->ml_flags == METH_FASTCALL) cpython_dict_get = definition->ml_meth;
}

}  // namespace whipsnake
