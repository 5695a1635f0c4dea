#include "jit/cpython/decode.h"

#include <algorithm>

namespace whipsnake {

namespace {

constexpr int32_t kMaxOparg = 1 << 28;  // no instruction of a code object that fits into memory needs more

// The bytecode without what the interpreter wrote over it. 3.13 Objects/codeobject.c, deopt_code, trusts the code to
// be well formed, so it is asked only for what cannot be told otherwise: the opcodes below INSTRUMENTED_LINE and
// INSTRUMENTED_INSTRUCTION (where those are, _Py_Instrument has walked the code already).
class Reader {
 public:
  explicit Reader(PyCodeObject* code) : code_(code), units_(port::instructions(code)) {}
  ~Reader() { Py_XDECREF(plain_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  CodeUnit unit(uint32_t index) const { return units_[index]; }

  // The base opcode at `index`; null when there is none that may stand in a code object.
  const OpcodeInfo* opcode(uint32_t index) {
    const OpcodeInfo* info = opcode_info(units_[index].op.code);
    if (info != nullptr && (info->number == INSTRUMENTED_LINE || info->number == INSTRUMENTED_INSTRUCTION)) {
      info = plain_opcode(index);
    }
    return info != nullptr ? opcode_info(info->base) : nullptr;
  }

 private:
  const OpcodeInfo* plain_opcode(uint32_t index) {
    if (code_->_co_monitoring == nullptr) {
      return nullptr;  // not put there by the interpreter
    }
    if (plain_ == nullptr) {
      plain_ = PyCode_GetCode(code_);
      if (plain_ == nullptr) {
        PyErr_Clear();
        return nullptr;
      }
    }
    const auto* units = reinterpret_cast<const CodeUnit*>(PyBytes_AS_STRING(plain_));
    return opcode_info(units[index].op.code);
  }

  PyCodeObject* code_;
  const CodeUnit* units_;
  PyObject* plain_ = nullptr;
};

bool is_backward(uint8_t opcode) { return opcode == JUMP_BACKWARD || opcode == JUMP_BACKWARD_NO_INTERRUPT; }

bool is_cell(PyCodeObject* code, int32_t slot) {
  return slot < code->co_nlocalsplus &&
         (_PyLocals_GetKind(code->co_localspluskinds, slot) & (CO_FAST_CELL | CO_FAST_FREE)) != 0;
}

// The interpreter's specialised instructions go by the outcomes for which the answer is True, others by the operator.
bool is_comparison(int32_t oparg) {
  // 3.13 Python/compile.c, compare_masks: from Py_LT to Py_GE
  constexpr int32_t kOutcomes[] = {COMPARISON_LESS_THAN,    COMPARISON_LESS_THAN | COMPARISON_EQUALS,
                                   COMPARISON_EQUALS,       COMPARISON_NOT_EQUALS,
                                   COMPARISON_GREATER_THAN, COMPARISON_GREATER_THAN | COMPARISON_EQUALS};
  return (oparg >> 5) <= Py_GE && (oparg & 15) == kOutcomes[oparg >> 5];
}

// The keys of BUILD_CONST_KEY_MAP, which the interpreter takes for a tuple of so many without a look.
bool loads_keys(PyCodeObject* code, const Instruction& instruction, int32_t count) {
  if (instruction.opcode != LOAD_CONST) return false;
  PyObject* keys = PyTuple_GET_ITEM(code->co_consts, instruction.oparg);
  return PyTuple_CheckExact(keys) && PyTuple_GET_SIZE(keys) == count;
}

bool oparg_in_range(PyCodeObject* code, uint8_t opcode, int32_t oparg) {
  const auto is_name = [code](int32_t index) { return index < PyTuple_GET_SIZE(code->co_names); };
  switch (opcode) {
    case LOAD_CONST:
    case RETURN_CONST: return oparg < PyTuple_GET_SIZE(code->co_consts);

    case LOAD_ATTR:
    case LOAD_GLOBAL: return is_name(oparg >> 1);
    case LOAD_SUPER_ATTR: return is_name(oparg >> 2);
    case DELETE_ATTR:
    case DELETE_GLOBAL:
    case DELETE_NAME:
    case IMPORT_FROM:
    case IMPORT_NAME:
    case LOAD_FROM_DICT_OR_GLOBALS:
    case LOAD_NAME:
    case STORE_ATTR:
    case STORE_GLOBAL:
    case STORE_NAME: return is_name(oparg);

    case DELETE_FAST:
    case LOAD_FAST:
    case LOAD_FAST_AND_CLEAR:
    case LOAD_FAST_CHECK:
    case STORE_FAST: return oparg < code->co_nlocalsplus;
    case LOAD_FAST_LOAD_FAST:
    case STORE_FAST_LOAD_FAST:
    case STORE_FAST_STORE_FAST: return (oparg >> 4) < code->co_nlocalsplus && (oparg & 15) < code->co_nlocalsplus;
    case DELETE_DEREF:
    case LOAD_DEREF:
    case LOAD_FROM_DICT_OR_DEREF:
    case MAKE_CELL:
    case STORE_DEREF: return is_cell(code, oparg);
    case COPY_FREE_VARS: return oparg == code->co_nfreevars;

    case BINARY_OP: return oparg <= NB_INPLACE_XOR;
    case COMPARE_OP: return is_comparison(oparg);
    case CONTAINS_OP:
    case IS_OP: return oparg <= 1;
    case CALL_INTRINSIC_1: return oparg <= MAX_INTRINSIC_1;
    case CALL_INTRINSIC_2: return oparg <= MAX_INTRINSIC_2;
    case CONVERT_VALUE: return oparg >= FVC_STR && oparg <= FVC_ASCII;
    case BUILD_SLICE: return oparg == 2 || oparg == 3;
    case SET_FUNCTION_ATTRIBUTE:
      return oparg == MAKE_FUNCTION_DEFAULTS || oparg == MAKE_FUNCTION_KWDEFAULTS ||
             oparg == MAKE_FUNCTION_ANNOTATIONS || oparg == MAKE_FUNCTION_CLOSURE;
    case RAISE_VARARGS:
    case RERAISE: return oparg <= 2;
    case YIELD_VALUE: return oparg <= 1;
    case SWAP: return oparg >= 2;
    case COPY:
    case DICT_MERGE:
    case DICT_UPDATE:
    case LIST_APPEND:
    case LIST_EXTEND:
    case MAP_ADD:
    case SET_ADD:
    case SET_UPDATE: return oparg >= 1;

    default: return true;
  }
}

// Sets the jump targets. `at` gives for a code unit the instruction that starts there, or -1.
bool resolve_targets(std::vector<Instruction>& instructions, const std::vector<int32_t>& at) {
  const auto size = static_cast<int64_t>(at.size());
  const auto opcode_at = [&](int64_t unit) {
    const int32_t i = unit >= 0 && unit < size ? at[static_cast<size_t>(unit)] : -1;
    return i < 0 ? uint8_t{CACHE} : instructions[static_cast<size_t>(i)].opcode;
  };
  for (Instruction& instruction : instructions) {
    if (!kOpcodes[instruction.opcode].is_jump) {
      continue;
    }
    int64_t target = instruction.next;
    target += is_backward(instruction.opcode) ? -int64_t{instruction.oparg} : int64_t{instruction.oparg};
    if (instruction.opcode == FOR_ITER) {
      if (opcode_at(target) != END_FOR || opcode_at(target + 1) != POP_TOP) {
        return false;
      }
      target += 2;
    }
    if (opcode_at(target) == CACHE) {
      return false;
    }
    instruction.target = static_cast<int32_t>(target);
  }
  return true;
}

// For each code unit the instruction that starts there, or -1.
std::vector<int32_t> instructions_by_unit(const std::vector<Instruction>& instructions, size_t size) {
  std::vector<int32_t> at(size, -1);
  for (size_t i = 0; i < instructions.size(); i++) {
    at[instructions[i].start] = static_cast<int32_t>(i);
  }
  return at;
}

}  // namespace

bool decode(PyCodeObject* code, std::vector<Instruction>& instructions) {
  instructions.clear();
  Reader reader(code);
  const auto size = static_cast<uint32_t>(port::instruction_count(code));
  for (uint32_t start = 0; start < size;) {
    uint32_t index = start;
    int64_t oparg = 0;
    const OpcodeInfo* info = reader.opcode(index);
    while (info != nullptr && info->number == EXTENDED_ARG) {
      oparg = (oparg | reader.unit(index).op.arg) << 8;
      index++;
      if (index == size || oparg > kMaxOparg) {
        return false;
      }
      info = reader.opcode(index);
    }
    if (info == nullptr) {
      return false;
    }
    oparg |= reader.unit(index).op.arg;
    const uint32_t next = index + 1 + info->caches;
    const auto small_oparg = static_cast<int32_t>(oparg);
    if (oparg > kMaxOparg || next > size || stack_use(info->number, small_oparg, false).popped < 0 ||
        !oparg_in_range(code, info->number, small_oparg)) {
      return false;
    }
    if (info->number == BUILD_CONST_KEY_MAP &&
        (instructions.empty() || !loads_keys(code, instructions.back(), small_oparg))) {
      return false;
    }
    const OpcodeInfo& current = kOpcodes[reader.unit(index).op.code];
    const bool specialised = current.base == info->number && current.number < MIN_INSTRUMENTED_OPCODE;
    instructions.push_back({.index = index,
                            .start = start,
                            .next = next,
                            .opcode = info->number,
                            .specialized = specialised ? current.number : info->number,
                            .oparg = small_oparg,
                            .target = -1,
                            .cache = port::instructions(code) + index + 1});
    start = next;
  }
  return resolve_targets(instructions, instructions_by_unit(instructions, size));
}

namespace {

// 3.13 Objects/exception_handling_notes.txt: numbers of 6 bits per byte, most significant first; 0x40 says that more
// follow, 0x80 marks the first byte of an entry.
class TableReader {
 public:
  explicit TableReader(PyObject* table)
      : next_(reinterpret_cast<const uint8_t*>(PyBytes_AS_STRING(table))), end_(next_ + PyBytes_GET_SIZE(table)) {}

  bool at_end() const { return next_ == end_; }

  // False: not a number, or above kMaxOparg.
  bool read(bool first, uint32_t* value) {
    if (at_end() || ((*next_ & 0x80) != 0) != first) {
      return false;
    }
    uint32_t result = *next_ & 0x3f;
    while ((*next_++ & 0x40) != 0) {
      if (at_end() || (*next_ & 0x80) != 0) {
        return false;
      }
      result = result << 6 | (*next_ & 0x3f);
      if (result > kMaxOparg >> 1) {
        return false;
      }
    }
    *value = result;
    return true;
  }

 private:
  const uint8_t* next_;
  const uint8_t* end_;
};

}  // namespace

bool decode_exception_table(PyCodeObject* code, std::vector<Handler>& handlers) {
  handlers.clear();
  TableReader reader(code->co_exceptiontable);
  const auto size = static_cast<uint32_t>(port::instruction_count(code));
  uint32_t previous_end = 0;
  while (!reader.at_end()) {
    uint32_t start;
    uint32_t length;
    uint32_t target;
    uint32_t depth_and_lasti;
    if (!reader.read(true, &start) || !reader.read(false, &length) || !reader.read(false, &target) ||
        !reader.read(false, &depth_and_lasti)) {
      return false;
    }
    if (start < previous_end || length == 0 || start + length > size || target >= size) {
      return false;
    }
    previous_end = start + length;
    handlers.push_back({.start = start,
                        .end = previous_end,
                        .target = target,
                        .depth = static_cast<int>(depth_and_lasti >> 1),
                        .lasti = (depth_and_lasti & 1) != 0});
  }
  return true;
}

size_t find_instruction(const std::vector<Instruction>& instructions, uint32_t unit) {
  const auto found = std::lower_bound(instructions.begin(), instructions.end(), unit,
                                      [](const Instruction& each, uint32_t start) { return each.start < start; });
  return static_cast<size_t>(found - instructions.begin());
}

// 3.13 Python/ceval.c, exception_unwind: looks up the code unit before the next instruction.
const Handler* find_handler(const std::vector<Handler>& handlers, const Instruction& instruction) {
  const uint32_t unit = instruction.next - 1;
  const auto after = std::upper_bound(handlers.begin(), handlers.end(), unit,
                                      [](uint32_t value, const Handler& handler) { return value < handler.start; });
  if (after == handlers.begin()) {
    return nullptr;
  }
  const Handler& candidate = *(after - 1);
  return unit < candidate.end ? &candidate : nullptr;
}

namespace {

class DepthWalk {
 public:
  DepthWalk(PyCodeObject* code, const std::vector<Instruction>& instructions, const std::vector<Handler>& handlers,
            std::vector<int>& depth_at)
      : instructions_(instructions),
        handlers_(handlers),
        depth_at_(depth_at),
        at_(instructions_by_unit(instructions, static_cast<size_t>(port::instruction_count(code)))),
        limit_(code->co_stacksize) {}

  bool run() {
    if (!reach(0, 0)) {
      return false;
    }
    while (!pending_.empty()) {
      const size_t i = pending_.back();
      pending_.pop_back();
      if (!step(i)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool reach(size_t i, int depth) {
    if (i >= instructions_.size() || depth > limit_) {
      return false;
    }
    if (depth_at_[i] < 0) {
      depth_at_[i] = depth;
      pending_.push_back(i);
    }
    return depth_at_[i] == depth;
  }

  bool reach_unit(uint32_t unit, int depth) {
    const int32_t i = at_[unit];
    return i >= 0 && reach(static_cast<size_t>(i), depth);
  }

  bool step(size_t i) {
    const Instruction& instruction = instructions_[i];
    const int depth = depth_at_[i];
    const StackUse use = stack_use(instruction.opcode, instruction.oparg, false);
    const int rest = depth - use.popped;
    if (rest < 0 || rest + use.pushed > limit_) {
      return false;
    }
    if (const Handler* handler = find_handler(handlers_, instruction)) {
      // What is on the stack when it raises must reach up to what the handler expects.
      if (rest + use.kept < handler->depth || !reach_unit(handler->target, handler->depth + (handler->lasti ? 2 : 1))) {
        return false;
      }
    }
    if (instruction.target >= 0) {
      const int change = stack_effect(instruction.opcode, instruction.oparg, true);
      if (!reach_unit(static_cast<uint32_t>(instruction.target), depth + change)) {
        return false;
      }
    }
    return ends_flow(instruction.opcode) || reach(i + 1, rest + use.pushed);
  }

  const std::vector<Instruction>& instructions_;
  const std::vector<Handler>& handlers_;
  std::vector<int>& depth_at_;
  const std::vector<int32_t> at_;
  const int limit_;
  std::vector<size_t> pending_;
};

}  // namespace

bool compute_stack_depths(PyCodeObject* code, const std::vector<Instruction>& instructions,
                          const std::vector<Handler>& handlers, std::vector<int>& depth_at) {
  depth_at.assign(instructions.size(), -1);
  return DepthWalk(code, instructions, handlers, depth_at).run();
}

}  // namespace whipsnake
