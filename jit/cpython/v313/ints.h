// The inside of exact ints. 3.13 Include/internal/pycore_long.h: the tag holds the number of digits and, in its lowest
// bits, 1 minus the sign; Include/cpython/longintrepr.h: a digit has 30 bits.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

inline constexpr int kIntTagBits = 3;
inline constexpr uint64_t kMaxShortInt = (uint64_t{1} << 2 * PyLong_SHIFT) - 1;  // of the magnitude, in two digits

inline PyLongObject* as_int(PyObject* object) { return reinterpret_cast<PyLongObject*>(object); }

// Of at most one digit.
inline bool is_compact(PyObject* object) { return _PyLong_IsCompact(as_int(object)) != 0; }
inline Py_ssize_t compact_value(PyObject* object) { return _PyLong_CompactValue(as_int(object)); }

// Of at most two digits.
inline bool is_short(PyObject* object) { return as_int(object)->long_value.lv_tag < uintptr_t{3} << kIntTagBits; }
inline int64_t short_value(PyObject* object) {
  if (is_compact(object)) return compact_value(object);
  const _PyLongValue& inside = as_int(object)->long_value;
  const int64_t magnitude = static_cast<int64_t>(inside.ob_digit[1]) << PyLong_SHIFT | inside.ob_digit[0];
  return (inside.lv_tag & 2) != 0 ? -magnitude : magnitude;
}
// Writes a value other than 0 into memory that has room for its digits; at most kMaxShortInt.
inline void set_short_value(PyObject* object, uint64_t magnitude, bool negative) {
  _PyLongValue& inside = as_int(object)->long_value;
  const uint64_t digits = magnitude > PyLong_MASK ? 2 : 1;
  inside.lv_tag = digits << kIntTagBits | (negative ? 2u : 0u);
  inside.ob_digit[0] = static_cast<digit>(magnitude & PyLong_MASK);
  if (digits == 2) inside.ob_digit[1] = static_cast<digit>(magnitude >> PyLong_SHIFT);
}

// The operation of a BINARY_OP by the number that it has when it is not in place: for ints and floats, which have no
// slots for operations in place, the same.
constexpr intptr_t without_in_place(intptr_t oparg) { return oparg >= NB_INPLACE_ADD ? oparg - NB_INPLACE_ADD : oparg; }
static_assert(NB_ADD == 0 && NB_INPLACE_XOR - NB_INPLACE_ADD == NB_XOR);

}  // namespace whipsnake::port
