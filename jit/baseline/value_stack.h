// The compile-time value stack: where each entry of Python's value stack is while a basic block is being compiled.
//
// Loads push descriptions, not values: a constant or a local costs nothing until somebody needs it in a register or in
// memory. Every entry has a home, its slot in the frame's stack area; "in memory" always means there, as an owned
// reference. At the edges of basic blocks all entries are in memory, so that any block can be entered from the
// interpreter and left to it.                                                                         [borrow]
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "jit/asm/registers.h"

struct _object;  // PyObject

namespace whipsnake::baseline {

struct Value {
  enum class Kind : uint8_t {
    kMemory,    // owned, in its home slot
    kRegister,  // owned, in a register that survives calls
    kLocal,     // borrowed from local variable `index`, which is bound as long as the entry exists
    kConstant,  // borrowed: `constant`
    kNull,      // PUSH_NULL
  };
  Kind kind = Kind::kMemory;
  Reg reg = Reg::kNone;
  int32_t index = -1;
  _object* constant = nullptr;

  static Value memory() { return {}; }
  static Value in_register(Reg reg) { return {Kind::kRegister, reg, -1, nullptr}; }
  static Value local(int index) { return {Kind::kLocal, Reg::kNone, index, nullptr}; }
  static Value of_constant(_object* object) { return {Kind::kConstant, Reg::kNone, -1, object}; }
  static Value null() { return {Kind::kNull, Reg::kNone, -1, nullptr}; }

  bool is(Kind other) const { return kind == other; }
  bool owned() const { return kind == Kind::kMemory || kind == Kind::kRegister; }
};

class ValueStack {
 public:
  // Everything in memory: the state at the start of a block.
  void reset(int depth) { values_.assign(static_cast<size_t>(depth), Value::memory()); }

  int depth() const { return static_cast<int>(values_.size()); }
  void push(const Value& value) { values_.push_back(value); }
  Value pop() {
    const Value value = values_.back();
    values_.pop_back();
    return value;
  }
  void drop(int count) { values_.resize(values_.size() - static_cast<size_t>(count)); }

  // peek(1) is the top; slot(0) the bottom.
  Value& peek(int from_top) { return values_[values_.size() - static_cast<size_t>(from_top)]; }
  Value& slot(int index) { return values_[static_cast<size_t>(index)]; }
  const Value& slot(int index) const { return values_[static_cast<size_t>(index)]; }

  // The slot whose value is in `reg`, or -1.
  int find_register(Reg reg) const {
    for (int i = 0; i < depth(); ++i)
      if (slot(i).is(Value::Kind::kRegister) && slot(i).reg == reg) return i;
    return -1;
  }

 private:
  std::vector<Value> values_;
};

}  // namespace whipsnake::baseline
