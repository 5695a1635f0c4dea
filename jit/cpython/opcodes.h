// The opcodes of the CPython version this is built for: a table that the target interpreter itself wrote during the
// build (tools/generate_opcodes.py), as constants, so that other folders can check at compile time that they know all.
#pragma once

#include <array>
#include <cstdint>

namespace whipsnake {

struct OpcodeInfo {
  const char* name;  // as CPython spells it; null in a hole of the numbering
  uint8_t number;
  uint8_t caches;  // code units that follow it
  bool has_arg;
  bool is_jump;
  uint8_t base;  // what a specialised or instrumented opcode stands for; else the opcode itself
};

namespace opcode_detail {

// Numbers under names of our own: those of CPython's headers are macros.
enum Number : uint8_t {
#define WS_OPCODE(name, number, caches, has_arg, is_jump, base) k##name = number,
#include "jit/cpython/opcode_table.inc"
#undef WS_OPCODE
};

constexpr std::array<OpcodeInfo, 256> make_table() {
  std::array<OpcodeInfo, 256> table = {};
#define WS_OPCODE(name, number, caches, has_arg, is_jump, base) \
  table[number] = { #name, number, caches, has_arg, is_jump, k##base };
#include "jit/cpython/opcode_table.inc"
#undef WS_OPCODE
  return table;
}

}  // namespace opcode_detail

inline constexpr std::array<OpcodeInfo, 256> kOpcodes = opcode_detail::make_table();

// Null for a number that is no opcode.
constexpr const OpcodeInfo* opcode_info(uint8_t number) {
  return kOpcodes[number].name != nullptr ? &kOpcodes[number] : nullptr;
}

constexpr const char* opcode_name(uint8_t number) {
  return kOpcodes[number].name != nullptr ? kOpcodes[number].name : "<unknown>";
}

// False for specialised and instrumented ones: those the interpreter puts in the place of others.
constexpr bool is_base_opcode(uint8_t number) {
  return kOpcodes[number].name != nullptr && kOpcodes[number].base == number;
}

}  // namespace whipsnake
