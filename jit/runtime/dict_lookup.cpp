#include "jit/runtime/dict_lookup.h"

#include <bit>
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

constexpr int kMaxNesting = 16;  // of tuples

// Whether it is hashed and compared as tuples are; named tuples are.
bool is_plain_tuple(PyObject* object) {
  const PyTypeObject* type = Py_TYPE(object);
  return type->tp_hash == PyTuple_Type.tp_hash && type->tp_richcompare == PyTuple_Type.tp_richcompare;
}

Match match(PyObject* left, PyObject* right, int nesting = 0);

Match match_tuples(PyObject* left, PyObject* right, int nesting) {
  const Py_ssize_t count = PyTuple_GET_SIZE(left);
  if (count != PyTuple_GET_SIZE(right)) return Match::kOther;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyTuple_GET_ITEM(left, i);
    if (item == PyTuple_GET_ITEM(right, i)) continue;
    const Match found = match(item, PyTuple_GET_ITEM(right, i), nesting);
    if (found != Match::kSame) return found;
  }
  return Match::kSame;
}

// Of different objects.
Match match(PyObject* left, PyObject* right, int nesting) {
  if (is_plain_tuple(left) && is_plain_tuple(right))
    return nesting < kMaxNesting ? match_tuples(left, right, nesting + 1) : Match::kUnknown;
  if (!Py_IS_TYPE(left, Py_TYPE(right))) return Match::kUnknown;
  if (Py_IS_TYPE(left, &PyUnicode_Type)) return match_str(left, right);
  if (Py_IS_TYPE(left, &PyFloat_Type))
    return PyFloat_AS_DOUBLE(left) == PyFloat_AS_DOUBLE(right) ? Match::kSame : Match::kOther;
  if (!Py_IS_TYPE(left, &PyLong_Type)) return Match::kUnknown;
  if (!port::is_short(left) || !port::is_short(right)) return Match::kUnknown;
  return port::short_value(left) == port::short_value(right) ? Match::kSame : Match::kOther;
}

// No object's.
constexpr Py_hash_t kUnknownHash = -1;

// Of a short int: it is below the prime that hashes are reduced by.
[[gnu::always_inline]] inline Py_hash_t hash_of_short(PyObject* number) {
  const Py_hash_t value = port::is_compact(number) ? port::compact_value(number) : port::short_value(number);
  return value == -1 ? -2 : value;
}

Py_hash_t hash_of_other(PyObject* key, int nesting);

// Of what is hashed without running anybody's code, as hash() tells it; else kUnknownHash.
[[gnu::always_inline]] inline Py_hash_t hash_of(PyObject* key, int nesting = 0) {
  if (Py_IS_TYPE(key, &PyLong_Type) && port::is_short(key)) return hash_of_short(key);
  if (Py_IS_TYPE(key, &PyUnicode_Type)) {
    const Py_hash_t known = reinterpret_cast<PyASCIIObject*>(key)->hash;
    return known != -1 ? known : PyUnicode_Type.tp_hash(key);
  }
  return hash_of_other(key, nesting);
}

// 3.13 Objects/tupleobject.c, tuplehash: xxHash, a round for each item.
Py_hash_t hash_of_tuple(PyObject* tuple, int nesting) {
  constexpr uint64_t kPrime1 = 11400714785074694791ULL;
  constexpr uint64_t kPrime2 = 14029467366897019727ULL;
  constexpr uint64_t kPrime5 = 2870177450012600261ULL;
  constexpr uint64_t kLengthMix = kPrime5 ^ 3527539;
  constexpr Py_hash_t kInsteadOfError = 1546275796;
  PyObject* const* item = reinterpret_cast<PyTupleObject*>(tuple)->ob_item;
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple);
  uint64_t sum = kPrime5;
  for (PyObject* const* end = item + count; item != end; ++item) {
    const Py_hash_t hash = hash_of(*item, nesting);
    if (hash == kUnknownHash) [[unlikely]]
      return kUnknownHash;
    sum = std::rotl(sum + static_cast<uint64_t>(hash) * kPrime2, 31) * kPrime1;
  }
  sum += static_cast<uint64_t>(count) ^ kLengthMix;
  return sum == ~uint64_t{0} ? kInsteadOfError : static_cast<Py_hash_t>(sum);
}

Py_hash_t hash_of_other(PyObject* key, int nesting) {
  const PyTypeObject* type = Py_TYPE(key);
  if (type->tp_hash == PyTuple_Type.tp_hash)
    return is_plain_tuple(key) && nesting < kMaxNesting ? hash_of_tuple(key, nesting + 1) : kUnknownHash;
  if (type == &PyFloat_Type || type == &PyBool_Type || key == Py_None || type->tp_hash == PyBaseObject_Type.tp_hash)
    return type->tp_hash(key);
  return kUnknownHash;
}

template <typename Entry>
Py_hash_t hash_at(const Entry& entry) {
  if constexpr (std::is_same_v<Entry, PyDictUnicodeEntry>)
    return reinterpret_cast<PyASCIIObject*>(entry.me_key)->hash;
  else
    return entry.me_hash;
}

template <typename Entry>
const Entry* entries_of(const PyDictKeysObject* keys) {
  return reinterpret_cast<const Entry*>(keys->dk_indices + (size_t{1} << keys->dk_log2_index_bytes));
}

// 3.13 Objects/dictobject.c, do_lookup(): open addressing, 5 bits of the hash more at each step.
template <typename Index, typename Entry>
bool probe(const PyDictKeysObject* keys, PyObject* key, Py_hash_t hash, PyObject** value) {
  const auto* indices = reinterpret_cast<const Index*>(keys->dk_indices);
  const Entry* entries = entries_of<Entry>(keys);
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

bool known_hash(PyObject* key, Py_hash_t* hash) {
  *hash = hash_of(key);
  return *hash != kUnknownHash;
}

bool find_in_dict(PyObject* dict, PyObject* key, PyObject** value) {
  if (!Py_IS_TYPE(dict, &PyDict_Type)) return false;
  return find_in_any_dict(dict, key, value);
}

bool find_in_any_dict(PyObject* dict, PyObject* key, PyObject** value) {
  const Py_hash_t hash = hash_of(key);
  if (hash == kUnknownHash) return false;
  const PyDictKeysObject* keys = reinterpret_cast<PyDictObject*>(dict)->ma_keys;
  switch (keys->dk_kind) {
    case DICT_KEYS_UNICODE: return find<PyDictUnicodeEntry>(keys, key, hash, value);
    case DICT_KEYS_GENERAL: return find<PyDictKeyEntry>(keys, key, hash, value);
    default: return false;
  }
}

PyObject* value_at_place(PyObject* dict, Py_ssize_t place, PyObject* key) {
  const PyDictKeysObject* keys = reinterpret_cast<PyDictObject*>(dict)->ma_keys;
  if (keys->dk_kind != DICT_KEYS_UNICODE || place >= keys->dk_nentries) return nullptr;
  const PyDictUnicodeEntry& entry = entries_of<PyDictUnicodeEntry>(keys)[place];
  return entry.me_key == key ? entry.me_value : nullptr;
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
