// Machine code that is made once, when somebody first needs it, and shared by all functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "jit/asm/masm.h"

namespace whipsnake {

struct SharedCode {
  std::string name;  // no spaces
  const uint8_t* code;
  size_t size;
};

// All there is so far, and who is told of more (may be null).
const std::vector<SharedCode>& all_shared_code();
extern void (*on_shared_code)(const SharedCode& piece);

// Remembers a piece that somebody has installed.
void add_shared_code(std::string name, const uint8_t* code, size_t size);

// The piece of that name, made by `emit` at the first call; null when there is no memory for it. For the life of the
// code heap.
const uint8_t* shared_code(const std::string& name, const std::function<void(Masm&)>& emit);

}  // namespace whipsnake
