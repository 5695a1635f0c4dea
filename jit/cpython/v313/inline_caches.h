// The version numbers that specialised instructions compare, from the cache cells behind them.
#pragma once

#include <cstring>

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// 0: the instruction compares none of that kind.
struct CachedVersions {
  uint32_t type = 0;      // of the operand's type; of the owner itself where it is a type; of a class that is called
  uint32_t keys = 0;      // of the keys that instances of the owner's type share; of a module's
  uint32_t function = 0;  // of the function that is called
};

namespace detail {

inline uint32_t read_version(const CodeUnit* cache, size_t offset) {
  uint32_t value;
  std::memcpy(&value, reinterpret_cast<const char*>(cache) + offset, sizeof value);
  return value;
}

}  // namespace detail

// Of an instruction that the interpreter has made `specialized`, whose first cache cell is `cache`. What kind of
// version a cell holds is decided by the specialised opcode: instructions of one family use the same cells for
// different things. 3.13 Include/internal/pycore_code.h, "Inline caches"; Python/bytecodes.c, the instructions.
inline CachedVersions cached_versions(uint8_t specialized, const CodeUnit* cache) {
  constexpr size_t kType = offsetof(_PyLoadMethodCache, type_version);
  constexpr size_t kSecond = offsetof(_PyLoadMethodCache, keys_version);
  constexpr size_t kCall = offsetof(_PyCallCache, func_version);
  static_assert(kType == offsetof(_PyAttrCache, version) && kType == offsetof(_PyToBoolCache, version));
  const auto read = [cache](size_t offset) { return detail::read_version(cache, offset); };
  switch (specialized) {
    case LOAD_ATTR_INSTANCE_VALUE:
    case LOAD_ATTR_WITH_HINT:
    case LOAD_ATTR_SLOT:
    case LOAD_ATTR_CLASS:
    case LOAD_ATTR_METHOD_NO_DICT:
    case LOAD_ATTR_METHOD_LAZY_DICT:
    case LOAD_ATTR_NONDESCRIPTOR_NO_DICT:
    case STORE_ATTR_INSTANCE_VALUE:
    case STORE_ATTR_WITH_HINT:
    case STORE_ATTR_SLOT:
    case TO_BOOL_ALWAYS_TRUE: return {.type = read(kType)};
    case LOAD_ATTR_METHOD_WITH_VALUES:
    case LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES: return {.type = read(kType), .keys = read(kSecond)};
    case LOAD_ATTR_PROPERTY:
    case LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN: return {.type = read(kType), .function = read(kSecond)};
    case LOAD_ATTR_MODULE: return {.keys = read(kType)};
    case CALL_PY_EXACT_ARGS:
    case CALL_PY_GENERAL:
    case CALL_BOUND_METHOD_EXACT_ARGS:
    case CALL_BOUND_METHOD_GENERAL: return {.function = read(kCall)};
    case CALL_ALLOC_AND_ENTER_INIT: return {.type = read(kCall)};
    default: return {};
  }
}

}  // namespace whipsnake::port
