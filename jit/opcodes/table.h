// Which opcode has which template: one row for every opcode of the interpreter, checked at build time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jit/baseline/compile.h"

namespace whipsnake::opcodes {

const baseline::TemplateTable& templates();

// For users: `whipsnake opcodes`.
struct Coverage {
  const char* name;
  int number;
  bool handled;
  const char* reason;       // why not; "" when handled
  const char* specializes;  // base opcode of a specialised form, else null
  int caches;
};
std::vector<Coverage> coverage();

}  // namespace whipsnake::opcodes
