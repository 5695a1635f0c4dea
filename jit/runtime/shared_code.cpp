#include "jit/runtime/shared_code.h"

#include <unordered_map>

#include "jit/asm/code_heap.h"
#include "jit/runtime/records.h"

namespace whipsnake {

namespace {

// Never destroyed: machine code outlives static objects.
std::unordered_map<uint64_t, const uint8_t*>& pieces() {
  static auto* map = new std::unordered_map<uint64_t, const uint8_t*>;
  return *map;
}

}  // namespace

const uint8_t* shared_code(SharedCode what, uint32_t variant, const std::function<void(Masm&)>& emit) {
  const uint64_t key = static_cast<uint64_t>(what) << 32 | variant;
  const auto found = pieces().find(key);
  if (found != pieces().end()) return found->second;
  const std::unique_ptr<Masm> masm = make_masm(kHostCpu, code_heap->near_range());
  if (!masm) return nullptr;
  emit(*masm);
  const CodeBuffer buffer = masm->finish();
  const uint8_t* code = masm->failed() ? nullptr : code_heap->install(buffer);
  if (code != nullptr) pieces().emplace(key, code);
  return code;
}

}  // namespace whipsnake
