// Machine code that is made once, when somebody first needs it, and shared by all functions.
#pragma once

#include <cstdint>
#include <functional>

#include "jit/asm/masm.h"

namespace whipsnake {

// What a piece is for; together with `variant` it is the piece's name.
enum class SharedCode : uint8_t { kTakeArguments, kReturn };

// The address of the piece, made by `emit` at the first call; null when there is no memory for it. For the life of the
// code heap.
const uint8_t* shared_code(SharedCode what, uint32_t variant, const std::function<void(Masm&)>& emit);

}  // namespace whipsnake
