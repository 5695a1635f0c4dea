// Lookups in the keys of a dictionary by identity.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

inline constexpr Py_ssize_t kKeyAbsent = -1;
inline constexpr Py_ssize_t kKeyUnknown = -2;  // something has the same hash, or the table is large

// The entry for `name`, whose hash is given, in a table of str keys only; it may be empty (no value). Runs no code.
// 3.13 Objects/dictobject.c, unicodekeys_lookup_unicode: open addressing, 5 bits of the hash more at each step.
inline Py_ssize_t probe_unicode_keys(const PyDictKeysObject* keys, PyObject* name, Py_hash_t hash) {
  constexpr int kByteIndices = 8;  // smaller tables have indices of one byte
  if (keys->dk_log2_size >= kByteIndices) return kKeyUnknown;
  const auto* indices = reinterpret_cast<const int8_t*>(keys->dk_indices);
  const auto* entries = reinterpret_cast<const PyDictUnicodeEntry*>(indices + (size_t{1} << keys->dk_log2_index_bytes));
  const size_t mask = (size_t{1} << keys->dk_log2_size) - 1;
  auto perturbation = static_cast<size_t>(hash);
  for (size_t slot = perturbation & mask;; slot = (slot * 5 + perturbation + 1) & mask) {
    const int8_t index = indices[slot];
    if (index == DKIX_EMPTY) return kKeyAbsent;
    if (index >= 0) {
      const PyObject* key = entries[index].me_key;
      if (key == name) return index;
      if (reinterpret_cast<const PyASCIIObject*>(key)->hash == hash) return kKeyUnknown;
    }
    perturbation >>= 5;
  }
}

}  // namespace whipsnake::port
