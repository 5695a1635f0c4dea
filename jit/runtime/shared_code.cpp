#include "jit/runtime/shared_code.h"

#include <unordered_map>

#include "jit/asm/code_heap.h"
#include "jit/runtime/records.h"

namespace whipsnake {

void (*on_shared_code)(const SharedCode& piece) = nullptr;

namespace {

// Never destroyed: machine code outlives static objects.
struct Pieces {
  std::vector<SharedCode> all;
  std::unordered_map<std::string, const uint8_t*> by_name;
};
Pieces& pieces() {
  static auto* instance = new Pieces;
  return *instance;
}

}  // namespace

const std::vector<SharedCode>& all_shared_code() { return pieces().all; }

void add_shared_code(std::string name, const uint8_t* code, size_t size) {
  pieces().all.push_back({std::move(name), code, size});
  if (on_shared_code != nullptr) on_shared_code(pieces().all.back());
}

const uint8_t* shared_code(const std::string& name, const std::function<void(Masm&)>& emit) {
  const auto found = pieces().by_name.find(name);
  if (found != pieces().by_name.end()) return found->second;
  const std::unique_ptr<Masm> masm = make_masm(kHostCpu, code_heap->near_range());
  if (!masm) return nullptr;
  emit(*masm);
  const CodeBuffer buffer = masm->finish();
  const uint8_t* code = masm->failed() ? nullptr : code_heap->install(buffer);
  if (code == nullptr) return nullptr;
  pieces().by_name.emplace(name, code);
  add_shared_code(name, code, buffer.size);
  return code;
}

}  // namespace whipsnake
