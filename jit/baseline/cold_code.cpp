#include "jit/baseline/cold_code.h"

#include <algorithm>

#include "jit/cpython/profile.h"

namespace whipsnake::baseline {

namespace {

class Reach {
 public:
  Reach(const std::vector<Instruction>& instructions, const std::vector<Handler>& handlers,
        const std::vector<uint32_t>& warm, std::vector<uint8_t>& cold)
      : instructions_(instructions), handlers_(handlers), warm_(warm), cold_(cold) {}

  void run() {
    cold_.assign(instructions_.size(), 1);
    come_to(0);
    while (!pending_.empty()) {
      const size_t i = pending_.back();
      pending_.pop_back();
      go_on_from(i);
    }
  }

 private:
  void come_to(size_t i) {
    if (i >= instructions_.size() || cold_[i] == 0) return;
    cold_[i] = 0;
    pending_.push_back(i);
  }

  size_t at(uint32_t unit) const { return find_instruction(instructions_, unit); }

  bool warm(uint32_t unit) const { return std::binary_search(warm_.begin(), warm_.end(), unit); }

  void go_on_from(size_t i) {
    const Instruction& instruction = instructions_[i];
    const Jumped jumped = has_jumped(instruction);
    if (instruction.target >= 0) {
      const auto target = static_cast<uint32_t>(instruction.target);
      if (jumped != Jumped::kNever || warm(target)) come_to(at(target));
    }
    if (!ends_flow(instruction.opcode) && (jumped != Jumped::kAlways || warm(instruction.next))) come_to(i + 1);
    const Handler* handler = find_handler(handlers_, instruction);
    if (handler == nullptr) return;
    const bool raises = instruction.opcode == RERAISE || instruction.opcode == RAISE_VARARGS;
    if (raises || warm(handler->target) || handler_has_run(at(handler->target))) come_to(at(handler->target));
  }

  // The first instruction that can tell does. Where none can before the exception goes on, as behind comprehensions,
  // nothing is done here that machine code would be faster with.
  bool handler_has_run(size_t i) const {
    for (; i < instructions_.size(); ++i) {
      const Instruction& instruction = instructions_[i];
      const Ran ran = has_run(instruction);
      if (ran != Ran::kUnknown) return ran == Ran::kYes;
      if (instruction.opcode == RERAISE) return false;
      if (ends_flow(instruction.opcode)) return true;
    }
    return true;
  }

  const std::vector<Instruction>& instructions_;
  const std::vector<Handler>& handlers_;
  const std::vector<uint32_t>& warm_;
  std::vector<uint8_t>& cold_;
  std::vector<size_t> pending_;
};

}  // namespace

void find_cold_code(const std::vector<Instruction>& instructions, const std::vector<Handler>& handlers,
                    const std::vector<uint32_t>& warm, std::vector<uint8_t>& cold) {
  Reach(instructions, handlers, warm, cold).run();
}

}  // namespace whipsnake::baseline
