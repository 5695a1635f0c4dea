// What may be on the stack where: nothing (NULL), or something that is no exception; and who may be a generator.
#include <algorithm>
#include <cstdint>

#include "jit/cpython/decode.h"

namespace whipsnake {

namespace {

// What a value on the stack may be on some path; all other values are exceptions.
using Kind = uint8_t;
constexpr Kind kMayBeNull = 1;
constexpr Kind kMayBeOther = 2;
constexpr Kind kException = 0;

// Whether operand `place` of an instruction, counted from the deepest one, may be NULL.
bool takes_null(const Instruction& instruction, int place) {
  switch (instruction.opcode) {
    case CALL:
    case CALL_FUNCTION_EX:
    case CALL_KW: return place == 1;
    case STORE_FAST:
    case STORE_FAST_LOAD_FAST:
    case STORE_FAST_STORE_FAST: return true;
    default: return false;
  }
}

// Whether the instruction takes what is on top for an exception.
bool takes_exception(uint8_t opcode) {
  switch (opcode) {
    case CLEANUP_THROW:
    case END_ASYNC_FOR:
    case RERAISE:
    case WITH_EXCEPT_START: return true;
    default: return false;
  }
}

// What the instruction pushes last.
Kind kind_on_top(const Instruction& instruction) {
  switch (instruction.opcode) {
    case LOAD_FAST_AND_CLEAR:
    case PUSH_NULL: return kMayBeNull | kMayBeOther;
    case LOAD_ATTR:
    case LOAD_GLOBAL:
    case LOAD_SUPER_ATTR: return (instruction.oparg & 1) != 0 ? kMayBeNull | kMayBeOther : kMayBeOther;
    case CALL_INTRINSIC_1: return instruction.oparg == INTRINSIC_STOPITERATION_ERROR ? kException : kMayBeOther;
    case CALL_INTRINSIC_2: return instruction.oparg == INTRINSIC_PREP_RERAISE_STAR ? kException : kMayBeOther;
    default: return kMayBeOther;
  }
}

// Follows every path, as often as it brings something new to a place where paths meet.
class KindWalk {
 public:
  KindWalk(PyCodeObject* code, const std::vector<Instruction>& instructions, const std::vector<Handler>& handlers,
           const std::vector<int>& depth_at)
      : is_generator_((code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0),
        instructions_(instructions),
        handlers_(handlers),
        depth_at_(depth_at),
        meetings_(instructions.size()) {}

  bool run() {
    for (const Instruction& instruction : instructions_)
      if (instruction.target >= 0) expect_meeting(static_cast<uint32_t>(instruction.target));
    for (const Handler& handler : handlers_) expect_meeting(handler.target);
    stack_.clear();
    if (!follow(0)) return false;
    while (!pending_.empty()) {
      const size_t i = pending_.back();
      pending_.pop_back();
      meetings_[i].pending = false;
      stack_ = meetings_[i].stack;
      if (!follow(i)) return false;
    }
    return true;
  }

 private:
  struct Meeting {
    std::vector<Kind> stack;
    bool is_one = false;
    bool reached = false;
    bool pending = false;
  };

  size_t at(uint32_t unit) const { return find_instruction(instructions_, unit); }

  void expect_meeting(uint32_t unit) {
    const size_t i = at(unit);
    if (i < meetings_.size()) meetings_[i].is_one = true;  // nobody comes to a handler that starts nowhere
  }

  void meet(size_t i, const std::vector<Kind>& stack) {
    Meeting& meeting = meetings_[i];
    bool news = !meeting.reached;
    if (news) meeting.stack = stack;
    for (size_t slot = 0; slot < std::min(stack.size(), meeting.stack.size()); ++slot) {
      const auto both = static_cast<Kind>(meeting.stack[slot] | stack[slot]);
      news = news || both != meeting.stack[slot];
      meeting.stack[slot] = both;
    }
    meeting.reached = true;
    if (news && !meeting.pending) pending_.push_back(i);
    meeting.pending = meeting.pending || news;
  }

  // From instruction `i` on, with what is in stack_, to the next meeting.
  bool follow(size_t i) {
    for (;; ++i) {
      const Instruction& instruction = instructions_[i];
      if (const Handler* handler = find_handler(handlers_, instruction)) unwind(*handler);
      if (!step(instruction)) return false;
      if (instruction.target >= 0) {
        const size_t target = at(static_cast<uint32_t>(instruction.target));
        const auto depth = static_cast<size_t>(depth_at_[target]);
        jumped_ = stack_;
        jumped_.resize(depth, kMayBeOther);
        meet(target, jumped_);
      }
      if (ends_flow(instruction.opcode)) return true;
      if (meetings_[i + 1].is_one) {
        meet(i + 1, stack_);
        return true;
      }
    }
  }

  void unwind(const Handler& handler) {
    jumped_.assign(stack_.begin(), stack_.begin() + std::min<ptrdiff_t>(handler.depth, std::ssize(stack_)));
    jumped_.resize(static_cast<size_t>(handler.depth), kMayBeOther);
    if (handler.lasti) jumped_.push_back(kMayBeOther);
    jumped_.push_back(kException);
    meet(at(handler.target), jumped_);
  }

  bool step(const Instruction& instruction) {
    const StackUse use = stack_use(instruction.opcode, instruction.oparg, false);
    const auto rest = stack_.size() - static_cast<size_t>(use.popped);
    for (int place = use.kept; place < use.popped; ++place)
      if ((stack_[rest + static_cast<size_t>(place)] & kMayBeNull) != 0 && !takes_null(instruction, place))
        return false;
    if (takes_exception(instruction.opcode) && stack_.back() != kException) return false;
    switch (instruction.opcode) {
      case RETURN_GENERATOR:
        if (!is_generator_ || !stack_.empty()) return false;
        break;
      case YIELD_VALUE:
        if (!is_generator_) return false;
        break;
      case SWAP: std::swap(stack_.back(), stack_[rest]); return true;
      case COPY: stack_.push_back(stack_[rest]); return true;
      case PUSH_EXC_INFO: {  // what was handled before goes below it
        const Kind kind = stack_.back();
        stack_.back() = kMayBeOther;
        stack_.push_back(kind);
        return true;
      }
      default: break;
    }
    stack_.resize(rest + static_cast<size_t>(use.kept));
    stack_.resize(rest + static_cast<size_t>(use.pushed), kMayBeOther);
    if (use.pushed > use.kept) stack_.back() = kind_on_top(instruction);
    return true;
  }

  const bool is_generator_;
  const std::vector<Instruction>& instructions_;
  const std::vector<Handler>& handlers_;
  const std::vector<int>& depth_at_;
  std::vector<Meeting> meetings_;
  std::vector<size_t> pending_;
  std::vector<Kind> stack_;
  std::vector<Kind> jumped_;
};

}  // namespace

bool check_stack_kinds(PyCodeObject* code, const std::vector<Instruction>& instructions,
                       const std::vector<Handler>& handlers, const std::vector<int>& depth_at) {
  return KindWalk(code, instructions, handlers, depth_at).run();
}

}  // namespace whipsnake
