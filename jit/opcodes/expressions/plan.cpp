#include "jit/opcodes/expressions/plan.h"

#include <algorithm>
#include <optional>

#include "jit/cpython/profile.h"
#include "jit/opcodes/expressions/expressions.h"
#include "jit/runtime/int_sequences.h"

namespace whipsnake::opcodes {

namespace {

constexpr int kMaxFloats = 5;     // at a time; two more for operands
constexpr int kMaxRegisters = 4;  // ints and elements, results included
constexpr int kMaxSteps = 24;

class Planner {
 public:
  Planner(Emitter& e, const Instruction& first) : e_(e) { look(first); }

  Plan plan() const { return {steps_, outer_}; }

 private:
  void look(const Instruction& first) {
    int gain = 0;
    for (int number = 0; number < kMaxSteps; ++number) {
      const Instruction* next = number == 0 ? &first : e_.following(number);
      if (next == nullptr) break;
      const Act act = act_of(*next);
      if (act == Act::kStop || !fits(act)) break;
      steps_.push_back({next, act});
      gain += take(act, *next);
      if (gain > 0 && (ends(act) || is_whole())) {
        length_ = steps_.size();
        outer_ = pulled_;
      }
      if (ends(act)) break;
    }
    steps_.resize(length_);
  }

  // One computed value is all that there is in the place of the operands.
  bool is_whole() const { return cells_.size() == 1 && cells_[0].computed(); }

  // The entry so many from the top; those in front of the expression are looked up when they are needed. Null: there
  // is none, or nothing that could be computed with.
  const Cell* peek(int from_top) {
    while (static_cast<int>(cells_.size()) < from_top) {
      const int slot = e_.stack().depth() - pulled_ - 1;
      if (slot < 0 || e_.stack().slot(slot).is(Value::Kind::kNull)) return nullptr;
      cells_.insert(cells_.begin(), Cell{.value = e_.stack().slot(slot), .slot = slot});
      ++pulled_;
    }
    return &cells_[cells_.size() - static_cast<size_t>(from_top)];
  }

  Act act_of(const Instruction& i) {
    switch (i.opcode) {
      case LOAD_FAST:
      case LOAD_FAST_LOAD_FAST:
      case LOAD_CONST: return cells_.empty() ? Act::kStop : Act::kPush;
      case BINARY_OP: return of_operation(i);
      case UNARY_NEGATIVE: return !cells_.empty() && cells_.back().is(Cell::Form::kFloat) ? Act::kNegate : Act::kStop;
      case BINARY_SUBSCR: return of_subscript(i);
      case LOAD_ATTR: return of_attribute(i);
      case COMPARE_OP: return of_comparison(i);
      case TO_BOOL: return is_whole() && has_truth(cells_[0], i) ? Act::kTruth : Act::kStop;
      case STORE_FAST:
      case STORE_FAST_LOAD_FAST: return is_whole() && cells_[0].is_number() ? Act::kStore : Act::kStop;
      default: return Act::kStop;
    }
  }

  // Whether an operand may be asked for as an int, or as a float.
  static bool may_be_int(const Cell& cell) {
    if (cell.is(Cell::Form::kFloat)) return false;
    return !cell.is_object() || !cell.value.is(Value::Kind::kConstant) || cell.is_short_constant();
  }
  static bool may_be_float(const Cell& cell) {
    if (!cell.is_object() || !cell.value.is(Value::Kind::kConstant)) return true;
    return cell.is_constant(&PyFloat_Type) || cell.is_compact_constant();
  }
  Act of_operation(const Instruction& i) {
    const Cell* left = peek(2);  // the first, since it may move the others
    const Cell* right = peek(1);
    if (right == nullptr || left == nullptr) return Act::kStop;
    const auto operation = static_cast<int>(port::without_in_place(i.oparg));
    // Of elements of any kind, floats are the way that knows ints, too.
    if (specialises_numbers(operation) && e_.is_generic(i) && left->is(Cell::Form::kElement) &&
        right->is(Cell::Form::kElement))
      return Act::kFloats;
    switch (i.specialized) {
      case BINARY_OP_ADD_FLOAT:
      case BINARY_OP_SUBTRACT_FLOAT:
      case BINARY_OP_MULTIPLY_FLOAT: return floats(*left, *right);
      case BINARY_OP_ADD_INT:
      case BINARY_OP_SUBTRACT_INT:
      case BINARY_OP_MULTIPLY_INT: return ints(*left, *right, operation);
      case BINARY_OP: break;
      default: return Act::kStop;
    }
    switch (operation) {
      case NB_ADD:
      case NB_SUBTRACT:
      case NB_MULTIPLY:
        if (left->is_float() || right->is_float()) return floats(*left, *right);
        // Of two ints or floats the interpreter would have specialised it.
        if (has_run(i) == Ran::kYes && left->is_int() != right->is_int())
          return may_be_float(*left) && may_be_float(*right) ? Act::kFloats : Act::kStop;
        break;
      case NB_TRUE_DIVIDE: return quotient(*left, *right);
      default: break;
    }
    return left->is_int() || right->is_int() ? ints(*left, *right, operation) : Act::kStop;
  }

  // What is known to be an int needs a float on the other side.
  static Act floats(const Cell& left, const Cell& right) {
    if ((left.is_int() && !right.is_float()) || (right.is_int() && !left.is_float())) return Act::kStop;
    return may_be_float(left) && may_be_float(right) ? Act::kFloats : Act::kStop;
  }

  // The interpreter does not specialise divisions; next to a number it is one of numbers.
  static Act quotient(const Cell& left, const Cell& right) {
    if (!left.is_float() && !right.is_float() && !left.is_int() && !right.is_int()) return Act::kStop;
    if (right.is_constant(&PyFloat_Type) && PyFloat_AS_DOUBLE(right.value.constant) == 0.0) return Act::kStop;
    if (right.is_compact_constant() && port::compact_value(right.value.constant) == 0) return Act::kStop;
    return may_be_float(left) && may_be_float(right) ? Act::kFloats : Act::kStop;
  }

  static Act ints(const Cell& left, const Cell& right, int operation) {
    if (!may_be_int(left) || !may_be_int(right)) return Act::kStop;
    std::optional<Py_ssize_t> known;
    if (right.is_compact_constant()) known = port::compact_value(right.value.constant);
    return sequences::has_int_sequence(operation, sequences::IntRange::kWord, known) ? Act::kInts : Act::kStop;
  }

  Act of_subscript(const Instruction& i) {
    if (i.specialized != BINARY_SUBSCR_LIST_INT && i.specialized != BINARY_SUBSCR_TUPLE_INT) return Act::kStop;
    const Cell* container = peek(2);
    const Cell* index = peek(1);
    if (index == nullptr || container == nullptr) return Act::kStop;
    if (!may_be_looked_into(*container)) return Act::kStop;
    if (index->is_object() && index->value.is(Value::Kind::kConstant) &&
        !(index->is_compact_constant() && port::compact_value(index->value.constant) >= 0))
      return Act::kStop;
    return may_be_int(*index) ? Act::kItem : Act::kStop;
  }

  Act of_attribute(const Instruction& i) {
    if (i.specialized != LOAD_ATTR_INSTANCE_VALUE && i.specialized != LOAD_ATTR_SLOT) return Act::kStop;
    if ((i.oparg & 1) != 0) return Act::kStop;
    const Cell* owner = peek(1);
    return owner != nullptr && may_be_looked_into(*owner) ? Act::kField : Act::kStop;
  }

  // What the value stack owns dies at the instruction that takes it, which may run code.
  static bool may_be_looked_into(const Cell& cell) {
    return cell.is(Cell::Form::kElement) || (cell.is_object() && !cell.value.owned());
  }

  static bool has_truth(const Cell& cell, const Instruction& i) {
    return cell.is(Cell::Form::kInt) || (cell.is(Cell::Form::kElement) && i.specialized == TO_BOOL_BOOL);
  }

  // It ends the expression, so there must be nothing else.
  Act of_comparison(const Instruction& i) {
    const Cell* left = peek(2);  // the first, since it may move the others
    const Cell* right = peek(1);
    if (right == nullptr || left == nullptr || cells_.size() != 2) return Act::kStop;
    if (i.specialized == COMPARE_OP_FLOAT || left->is(Cell::Form::kFloat) || right->is(Cell::Form::kFloat))
      return may_be_float(*left) && may_be_float(*right) ? Act::kCompareFloats : Act::kStop;
    const bool about_ints = i.specialized == COMPARE_OP_INT || left->is_int() || right->is_int();
    return about_ints && may_be_int(*left) && may_be_int(*right) ? Act::kCompareInts : Act::kStop;
  }

  // Whether there are registers enough.
  bool fits(Act act) {
    if (pulled_ > kMaxEntries || static_cast<int>(cells_.size()) > kMaxEntries) return false;
    const auto count = [this](auto test) {
      return static_cast<int>(std::count_if(cells_.begin(), cells_.end(), test));
    };
    const int floats = count([](const Cell& cell) { return cell.is(Cell::Form::kFloat); });
    const int registers = count([](const Cell& cell) { return cell.in_register(); });
    switch (act) {
      case Act::kFloats:
      case Act::kCompareFloats: return floats <= kMaxFloats;
      case Act::kItem:
      case Act::kField: return registers + 1 <= kMaxRegisters;
      case Act::kInts:
      case Act::kCompareInts: return registers + (peek(1)->is(Cell::Form::kInt) ? 1 : 2) <= kMaxRegisters;
      default: return true;
    }
  }

  // Goes on as if the instruction was done; returns how many objects were not made or counted because of it.
  int take(Act act, const Instruction& i) {
    int used = 0;
    const auto drop = [&] {
      used += cells_.back().computed() ? 1 : 0;
      cells_.pop_back();
    };
    const auto push = [&](Cell::Form form) { cells_.push_back({.form = form}); };
    switch (act) {
      case Act::kPush: push_operands(e_, i, cells_); return 0;
      case Act::kNegate: return 1;
      case Act::kFloats:
      case Act::kInts:
      case Act::kItem:
        drop();
        drop();
        push(act == Act::kFloats ? Cell::Form::kFloat : act == Act::kInts ? Cell::Form::kInt : Cell::Form::kElement);
        return used;
      case Act::kField:
        drop();
        push(Cell::Form::kElement);
        return used;
      case Act::kCompareFloats:
      case Act::kCompareInts: drop(); [[fallthrough]];
      case Act::kTruth:
      case Act::kStore: drop(); return used;
      case Act::kStop: break;
    }
    Py_UNREACHABLE();
  }

  Emitter& e_;
  std::vector<Step> steps_;
  std::vector<Cell> cells_;
  int pulled_ = 0;
  int outer_ = 0;
  size_t length_ = 0;
};

}  // namespace

void push_operands(const Emitter& e, const Instruction& i, std::vector<Cell>& cells) {
  if (i.opcode == LOAD_CONST) {
    cells.push_back({.value = Value::of_constant(e.constant(i.oparg))});
  } else if (i.opcode == LOAD_FAST) {
    cells.push_back({.value = Value::local(i.oparg)});
  } else {
    cells.push_back({.value = Value::local(i.oparg >> 4)});
    cells.push_back({.value = Value::local(i.oparg & 15)});
  }
}

Plan plan_expression(Emitter& e, const Instruction& first) { return Planner(e, first).plan(); }

}  // namespace whipsnake::opcodes
