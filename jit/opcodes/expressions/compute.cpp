#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "jit/opcodes/answer.h"
#include "jit/opcodes/cells.h"
#include "jit/opcodes/expressions/by_steps.h"
#include "jit/opcodes/expressions/expressions.h"
#include "jit/opcodes/expressions/plan.h"
#include "jit/runtime/int_sequences.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/stress.h"

namespace whipsnake::opcodes {

using baseline::ValueStack;

namespace {

constexpr Reg kPool[] = {Reg::kArg1, Reg::kArg3, Reg::kT1, Reg::kT2};  // ints and elements
constexpr Reg kObject = Reg::kArg2;                                    // an operand that is an object
constexpr Reg kTemp = Reg::kT0;
constexpr Reg kTemp2 = Reg::kRet;

class Compute {
 public:
  Compute(Emitter& e, const Plan& plan) : e_(e), masm_(e.masm()), steps_(plan.steps), outer_(plan.outer) {}

  void emit() {
    const Act end = steps_.back().act;
    const bool answers = end == Act::kCompareFloats || end == Act::kCompareInts || end == Act::kTruth;
    const int base = e_.stack().depth() - outer_;
    if (answers) e_.flush_below(outer_);
    // Helpers that are called without a site do not look after what is borrowed below.
    const auto generic = [this](const Step& step) { return e_.is_generic(*step.instruction); };
    if (std::any_of(steps_.begin(), steps_.end(), generic)) e_.protect_locals_below(outer_);
    if (end == Act::kStore) e_.forget_local(stored_local(*steps_.back().instruction), outer_);
    std::optional<Answer> answer;
    if (answers) {
      e_.at(*steps_.back().instruction);
      answer.emplace(e_);
    } else {
      result_ = e_.allocate();
    }
    for (int slot = base; slot < e_.stack().depth(); ++slot)
      cells_.push_back({.value = e_.stack().slot(slot), .slot = slot});
    before_ = e_.stack();
    before_.drop(outer_);
    for (step_ = 0; step_ < steps_.size(); ++step_) {
      failure_ = -1;
      e_.at(*steps_[step_].instruction);
      if (stress::settings.slow_every != 0 && has_guards(steps_[step_].act)) e_.fail_under_stress(fail());
      take(steps_[step_], answer);
    }
    const bool branches = answer && answer->branches();
    e_.skip_following(static_cast<int>(steps_.size()) - 1 + (branches ? 1 : 0));
  }

 private:
  // --- registers

  Reg allocate() {
    for (Reg reg : kPool)
      if ((busy_ & bit(reg)) == 0) {
        busy_ |= bit(reg);
        return reg;
      }
    e_.fail();  // the plan counts them
    return kTemp;
  }
  FReg allocate_float() {
    for (int number = 0; number < 8; ++number)
      if ((busy_floats_ & 1u << number) == 0) {
        busy_floats_ |= 1u << number;
        return static_cast<FReg>(number);
      }
    e_.fail();
    return FReg::kF0;
  }
  static unsigned bit(Reg reg) { return 1u << static_cast<unsigned>(reg); }
  void free(Reg reg) { busy_ &= ~bit(reg); }
  void free(FReg reg) { busy_floats_ &= ~(1u << static_cast<unsigned>(reg)); }
  void free(const Cell& cell) {
    if (cell.in_register()) free(cell.reg);
    if (cell.is(Cell::Form::kFloat)) free(cell.freg);
  }

  // --- failures

  // Where it goes on by steps, from the current one, with the operands still there.
  Label fail() {
    if (failure_ < 0) {
      failure_ = static_cast<int>(failures_.size());
      failures_.push_back({step_, masm_.new_label(), cells_, used_});
    }
    return failures_[static_cast<size_t>(failure_)].label;
  }

  // --- operands

  Cell pop() {
    Cell cell = cells_.back();
    cells_.pop_back();
    if (cell.is_object() && cell.value.owned()) used_.push_back(cell);
    return cell;
  }
  const Cell& peek(int from_top) const { return cells_[cells_.size() - static_cast<size_t>(from_top)]; }

  Reg object_of(const Cell& cell) {
    return cell.is(Cell::Form::kElement) ? cell.reg : e_.use_value(cell.value, cell.slot, kObject);
  }

  // Local variables stay what they are during an expression.
  bool known(const Cell& cell, const PyTypeObject* type) {
    if (cell.is_constant(type)) return true;
    if (!cell.is_object() || !cell.value.is(Value::Kind::kLocal)) return false;
    const auto found = std::find(known_.begin(), known_.end(), std::pair(cell.value.index, type));
    if (found != known_.end()) return true;
    known_.emplace_back(cell.value.index, type);
    return false;
  }

  // The register with the cell's value: its own, or `into`.
  Reg int_of(const Cell& cell, Reg into) {
    if (cell.is(Cell::Form::kInt)) return cell.reg;
    if (cell.is_constant(&PyLong_Type)) {
      masm_.mov_imm(into, port::short_value(cell.value.constant));
      return into;
    }
    const Label otherwise = fail();
    const Label longer = masm_.new_label();
    const Label loaded = masm_.new_label();
    const bool is_int = known(cell, &PyLong_Type);
    const Reg object = object_of(cell);
    if (!is_int) sequences::guard_type(masm_, object, &PyLong_Type, kTemp, otherwise);
    sequences::compact_value(masm_, into, object, kTemp, longer);
    masm_.bind(loaded);
    e_.cold([&masm = masm_, object, into, longer, loaded, otherwise] {
      masm.bind(longer);
      load_two_digits(masm, into, object, otherwise);
      masm.jump(loaded);
    });
    return into;
  }

  // `value` = that of an int whose tag is in kTemp. 3.13 Include/cpython/longintrepr.h.
  static void load_two_digits(Masm& masm, Reg value, Reg object, Label otherwise) {
    const Label positive = masm.new_label();
    masm.cmp(kTemp, 3 << port::kIntTagBits);
    masm.jump_if(Cond::kAboveEqual, otherwise);
    masm.load32(kTemp2, Mem::at(object, port::offset::kLongDigit + static_cast<int32_t>(sizeof(digit))));
    masm.shl(kTemp2, PyLong_SHIFT);
    masm.load32(value, Mem::at(object, port::offset::kLongDigit));
    masm.or_(value, kTemp2);
    masm.test(kTemp, 2);
    masm.skip_if(Cond::kEqual, positive);
    masm.neg(value);
    masm.bind(positive);
  }

  // Where `ints` are welcome, compact ones count as floats.
  FReg float_of(const Cell& cell, bool ints) {
    if (cell.is(Cell::Form::kFloat)) return cell.freg;
    const FReg into = allocate_float();
    if (cell.is(Cell::Form::kInt)) {
      masm_.int_to_float(into, cell.reg);
      return into;
    }
    if (cell.is_constant(&PyLong_Type)) {
      masm_.mov_imm(kTemp, port::compact_value(cell.value.constant));
      masm_.int_to_float(into, kTemp);
      return into;
    }
    const Reg object = object_of(cell);
    if (!ints) {
      if (!known(cell, &PyFloat_Type)) sequences::guard_type(masm_, object, &PyFloat_Type, kTemp, fail());
      masm_.fload(into, Mem::at(object, port::offset::kFloatValue));
      return into;
    }
    const bool is_float = cell.is_constant(&PyFloat_Type);
    const Label other = masm_.new_label();
    const Label loaded = masm_.new_label();
    if (!is_float) sequences::guard_type(masm_, object, &PyFloat_Type, kTemp, other);
    masm_.fload(into, Mem::at(object, port::offset::kFloatValue));
    if (is_float) return into;
    masm_.bind(loaded);
    e_.cold([&masm = masm_, object, into, other, loaded, otherwise = fail()] {
      masm.bind(other);
      guard_int(masm, otherwise);
      load_compact_as_float(masm, into, object, otherwise);
      masm.jump(loaded);
    });
    return into;
  }

  // --- steps

  void take(Step& step, std::optional<Answer>& answer) {
    const Instruction& i = *step.instruction;
    switch (step.act) {
      case Act::kPush: push_operands(e_, i, cells_); break;
      case Act::kFloats: floats(i); break;
      case Act::kInts: ints(i); break;
      case Act::kNegate: masm_.fneg(cells_.back().freg); break;
      case Act::kItem: item(i); break;
      case Act::kField: field(step); break;
      case Act::kCompareFloats: return compare_floats(i, *answer);
      case Act::kCompareInts: return compare_ints(i, *answer);
      case Act::kTruth: return truth(*answer);
      case Act::kStore: return store(i);
      case Act::kStop: Py_UNREACHABLE();
    }
    if (step_ + 1 == steps_.size()) end_with_object();
  }

  void floats(const Instruction& i) {
    const intptr_t operation = port::without_in_place(i.oparg);
    if (operation == NB_TRUE_DIVIDE) check_quotient();
    const Label computed = masm_.new_label();
    const auto [left, right] = float_operands(i, computed);
    if (operation == NB_TRUE_DIVIDE && !peek(1).is_object_constant()) {
      const FReg zero = allocate_float();
      masm_.fzero(zero);
      masm_.fcmp(right, zero);
      masm_.fjump_if(Cond::kFEqual, fail());
      free(zero);
    }
    operate(masm_, operation, left, right);
    masm_.bind(computed);
    free(pop());
    free(pop());
    free(right);
    busy_floats_ |= 1u << static_cast<unsigned>(left);
    cells_.push_back({.form = Cell::Form::kFloat, .freg = left});
  }

  // Of two ints the result is an int, unless it is a quotient. What is not yet looked into is more likely to be a float
  // than the other's type to be no float; of two elements either may be an int.
  std::pair<FReg, FReg> float_operands(const Instruction& i, Label computed) {
    const Cell& left = peek(2);
    const Cell& right = peek(1);
    const bool quotient = port::without_in_place(i.oparg) == NB_TRUE_DIVIDE;
    const bool left_is_element = left.is(Cell::Form::kElement);
    const bool right_is_element = right.is(Cell::Form::kElement);
    if (left_is_element && right_is_element && !quotient) return float_elements(i, computed);
    const FReg first = float_of(left, quotient || right.is_float() || (left_is_element && asked_for_float(right)));
    const FReg second = float_of(right, quotient || left.is_float() || (right_is_element && asked_for_float(left)));
    return {first, second};
  }

  // Whether the operand, next to an element, is no int, or the guard that it is a float fails.
  static bool asked_for_float(const Cell& cell) { return cell.is_object() && !cell.is_int(); }

  // Both are ints now and then, and the result is one. Where it is all that there is, it is made; where a float comes
  // to it, so that it becomes one, it is computed as such, `computed`.
  std::pair<FReg, FReg> float_elements(const Instruction& i, Label computed) {
    const Reg a = peek(2).reg;
    const Reg b = peek(1).reg;
    const FReg left = allocate_float();
    const FReg right = allocate_float();
    const Label otherwise = fail();
    const Label left_other = masm_.new_label();
    const Label left_loaded = masm_.new_label();
    const Label right_other = masm_.new_label();
    const Label right_loaded = masm_.new_label();
    sequences::guard_type(masm_, a, &PyFloat_Type, kTemp, left_other);
    masm_.fload(left, Mem::at(a, port::offset::kFloatValue));
    masm_.bind(left_loaded);
    sequences::guard_type(masm_, b, &PyFloat_Type, kTemp, right_other);
    masm_.fload(right, Mem::at(b, port::offset::kFloatValue));
    masm_.bind(right_loaded);
    const Label ints = label_of_ints(i, computed, left, right);
    e_.cold([&masm = masm_, a, b, left, right, otherwise, ints, left_other, left_loaded, right_other, right_loaded] {
      masm.bind(left_other);
      guard_int(masm, otherwise);
      sequences::guard_type(masm, b, &PyFloat_Type, kTemp, ints);
      load_compact_as_float(masm, left, a, otherwise);
      masm.jump(left_loaded);
      masm.bind(right_other);
      guard_int(masm, otherwise);
      load_compact_as_float(masm, right, b, otherwise);
      masm.jump(right_loaded);
    });
    return {left, right};
  }

  // Where it goes on with an exact int as the left one of two elements and, with its type in kTemp, no float as the
  // right one.
  Label label_of_ints(const Instruction& i, Label computed, FReg left, FReg right) {
    const Reg a = peek(2).reg;
    const Reg b = peek(1).reg;
    const Label otherwise = fail();
    const Label ints = masm_.new_label();
    const intptr_t operation = port::without_in_place(i.oparg);
    const size_t next = step_ + 1;
    if (next == steps_.size()) {
      int_result_ = masm_.new_label();
      e_.cold([&e = e_, a, b, ints, otherwise, operation, failed = e_.error_exit(), made = int_result_] {
        Masm& masm = e.masm();
        masm.bind(ints);
        guard_int(masm, otherwise);
        masm.mov(Reg::kArg0, a);
        if (b != Reg::kArg1) masm.mov(Reg::kArg1, b);
        e.store_position();  // tracemalloc asks who allocates
        e.call(int_function(operation));
        masm.test(Reg::kRet, Reg::kRet);
        masm.jump_if(Cond::kEqual, failed);
        masm.jump(made);
      });
      return ints;
    }
    if (steps_[next].act != Act::kFloats || cells_.size() < 3 || !peek(3).is(Cell::Form::kFloat)) return otherwise;
    e_.cold([&masm = masm_, a, b, left, right, ints, otherwise, operation, computed] {
      masm.bind(ints);
      guard_int(masm, otherwise);
      load_compact_as_float(masm, left, a, otherwise);
      load_compact_as_float(masm, right, b, otherwise);
      operate(masm, operation, left, right);
      // Rounded once, as the int would be that is converted; but there is no int -0.
      masm.fzero(right);
      masm.fadd(left, right);
      masm.jump(computed);
    });
    return ints;
  }

  // Of an object whose type is in kTemp.
  static void guard_int(Masm& masm, Label otherwise) {
    masm.cmp(kTemp, near_constant(&PyLong_Type));
    masm.jump_if(Cond::kNotEqual, otherwise);
  }

  static void load_compact_as_float(Masm& masm, FReg into, Reg object, Label otherwise) {
    sequences::compact_value(masm, kTemp2, object, kTemp, otherwise);
    masm.int_to_float(into, kTemp2);
  }

  static void operate(Masm& masm, intptr_t operation, FReg left, FReg right) {
    switch (operation) {
      case NB_ADD: masm.fadd(left, right); break;
      case NB_SUBTRACT: masm.fsub(left, right); break;
      case NB_MULTIPLY: masm.fmul(left, right); break;
      default: masm.fdiv(left, right); break;
    }
  }

  // Of ints, the quotient is that of their floats as long as these are exact.
  void check_quotient() {
    constexpr int kExactBits = 53;
    for (int from_top : {1, 2}) {
      if (!peek(from_top).is(Cell::Form::kInt)) continue;
      masm_.mov(kTemp, peek(from_top).reg);
      masm_.sar(kTemp, kExactBits);
      masm_.add(kTemp, 1);
      masm_.cmp(kTemp, 1);
      masm_.jump_if(Cond::kAbove, fail());
    }
  }

  void ints(const Instruction& i) {
    const auto operation = static_cast<int>(port::without_in_place(i.oparg));
    const Cell left_cell = peek(2);
    const Cell right_cell = peek(1);
    const Reg into = allocate();
    const bool constant = right_cell.is_compact_constant();
    sequences::IntOperand right;
    // An element's register is free once its value has been loaded, but the element is needed where a guard fails.
    const Reg left = int_of(left_cell, into);
    if (constant)
      right.value = static_cast<int32_t>(port::compact_value(right_cell.value.constant));
    else
      right.reg = int_of(right_cell, right_cell.is(Cell::Form::kInt) ? right_cell.reg : allocate());
    if (left != into) masm_.mov(into, left);
    const sequences::IntScratch scratch{.temp = kTemp, .temp2 = kTemp2, .rest = kObject};
    sequences::operate_on_ints(masm_, operation, sequences::IntRange::kWord, into, right, scratch,
                               [this] { return fail(); });
    if (!right.is_constant() && right.reg != right_cell.reg) free(right.reg);
    free(pop());
    free(pop());
    cells_.push_back({.form = Cell::Form::kInt, .reg = into});
  }

  void item(const Instruction& i) {
    const bool is_list = i.specialized == BINARY_SUBSCR_LIST_INT;
    const PyTypeObject* type = is_list ? &PyList_Type : &PyTuple_Type;
    const Cell container = peek(2);
    const Cell index = peek(1);
    const Reg into = allocate();
    Reg position = index.reg;
    if (index.is_constant(&PyLong_Type)) {
      position = into;
      masm_.mov_imm(into, port::compact_value(index.value.constant));
    } else if (!index.is(Cell::Form::kInt)) {
      position = into;
      const Reg object = object_of(index);
      if (!known(index, &PyLong_Type)) sequences::guard_type(masm_, object, &PyLong_Type, kTemp, fail());
      load_index(into, object, container, type);
    }
    const Reg sequence = object_of(container);
    if (!known(container, type)) sequences::guard_type(masm_, sequence, type, kTemp, fail());
    masm_.cmp(position, Mem::at(sequence, port::offset::kVarSize));
    masm_.jump_if(Cond::kAboveEqual, fail());
    if (is_list) {
      masm_.load(kTemp, Mem::at(sequence, port::offset::kListItems));
      masm_.load(into, Mem::indexed(kTemp, position, 8));
    } else {
      masm_.load(into, Mem::indexed(sequence, position, 8, port::offset::kTupleItems));
    }
    free(pop());
    free(pop());
    cells_.push_back({.form = Cell::Form::kElement, .reg = into});
  }

  // `into` = the exact int `index`, from the front of the container, which is of `type` and has not been looked at yet.
  void load_index(Reg into, Reg index, const Cell& container, const PyTypeObject* type) {
    const Label negative = masm_.new_label();
    const Label loaded = masm_.new_label();
    const Label otherwise = fail();
    sequences::compact_index(masm_, into, index, negative, otherwise);
    masm_.bind(loaded);
    e_.cold([&e = e_, into, index, container, type, negative, loaded, otherwise] {
      Masm& masm = e.masm();
      masm.bind(negative);
      const bool in_register = container.is(Cell::Form::kElement);
      const Reg sequence = in_register ? container.reg : e.use_value(container.value, container.slot, kTemp2);
      sequences::guard_type(masm, sequence, type, kTemp, otherwise);
      sequences::index_from_end(masm, into, index, Mem::at(sequence, port::offset::kVarSize));
      masm.jump(loaded);
    });
  }

  void compare_floats(const Instruction& i, Answer& answer) {
    const FReg left = float_of(peek(2), true);
    const FReg right = float_of(peek(1), true);
    masm_.fcmp(left, right);
    const Cond cond = float_cond(i.oparg >> 5);
    if (owns_nothing()) {
      e_.stack().drop(outer_);
      answer.from_float_flags(cond);
      return finish_answer(answer);
    }
    masm_.fset_if(cond, kTemp);
    masm_.test(kTemp, kTemp);
    settle(answer, Cond::kNotEqual);
  }

  void compare_ints(const Instruction& i, Answer& answer) {
    const Cell right_cell = peek(1);
    const Reg left = int_of(peek(2), allocate());
    if (right_cell.is_compact_constant())
      masm_.cmp(left, static_cast<int32_t>(port::compact_value(right_cell.value.constant)));
    else
      masm_.cmp(left, int_of(right_cell, right_cell.is(Cell::Form::kInt) ? right_cell.reg : allocate()));
    settle(answer, compare_cond(i.oparg >> 5));
  }

  // The attribute of an owner of the type that was seen first, else of one of those that were seen later.
  void field(Step& step) {
    const Instruction& i = *step.instruction;
    const bool inline_value = i.specialized == LOAD_ATTR_INSTANCE_VALUE;
    step.field = new_field_cache(e_, e_.name(i.oparg >> 1), inline_value ? AttrKind::kInlineValue : AttrKind::kSlot);
    if (step.field == nullptr) return e_.fail();
    const FieldCache::Entry* entries = step.field->entries;
    const Label other = masm_.new_label();
    const Label found = masm_.new_label();
    const Label otherwise = fail();
    const Reg into = allocate();
    const Reg owner = object_of(peek(1));
    masm_.load(kTemp, Mem::at(owner, port::offset::kType));
    masm_.load32(kTemp, Mem::at(kTemp, port::offset::kTypeVersion));
    masm_.cmp32(kTemp, Mem::absolute(&entries[0].version));
    masm_.jump_if(Cond::kNotEqual, other);
    masm_.load32_signed(into, Mem::absolute(&entries[0].offset));
    if (inline_value) {
      masm_.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
      masm_.jump_if(Cond::kEqual, otherwise);
    }
    masm_.bind(found);
    masm_.load(into, Mem::indexed(owner, into, 1));
    masm_.test(into, into);
    masm_.jump_if(Cond::kEqual, otherwise);
    e_.cold([&masm = masm_, entries, owner, into, other, found, otherwise] {
      const Label known = masm.new_label();
      masm.bind(other);
      for (int entry = 1; entry < FieldCache::kEntries; ++entry) {
        masm.load32_signed(into, Mem::absolute(&entries[entry].offset));
        masm.cmp32(kTemp, Mem::absolute(&entries[entry].version));
        masm.jump_if(Cond::kEqual, known);
      }
      masm.jump(otherwise);
      masm.bind(known);
      masm.test(into, FieldCache::kInline);
      masm.jump_if(Cond::kEqual, found);
      masm.add(into, -FieldCache::kInline);
      masm.cmp8(Mem::at(owner, port::offset::kInlineValuesValid), 0);
      masm.jump_if(Cond::kNotEqual, found);
      masm.jump(otherwise);
    });
    free(pop());
    cells_.push_back({.form = Cell::Form::kElement, .reg = into});
  }

  void truth(Answer& answer) {
    const Reg reg = peek(1).reg;
    if (peek(1).is(Cell::Form::kInt)) {
      masm_.test(reg, reg);
      return settle(answer, Cond::kNotEqual);
    }
    const Label known = masm_.new_label();
    masm_.cmp(reg, near_constant(Py_True));
    masm_.jump_if(Cond::kEqual, known);
    masm_.cmp(reg, near_constant(Py_False));
    masm_.jump_if(Cond::kNotEqual, fail());
    masm_.cmp(reg, near_constant(Py_True));
    masm_.bind(known);
    settle(answer, Cond::kEqual);
  }

  // --- the end

  bool owns_nothing() const {
    const auto owned = [](const Cell& cell) { return cell.is_object() && cell.value.owned(); };
    return used_.empty() && std::none_of(cells_.begin(), cells_.end(), owned);
  }

  void release_all() {
    while (!cells_.empty()) pop();
    for (const Cell& cell : used_) e_.release(cell.value, cell.slot);
  }

  // The answer is in the flags. Releasing may run any code, and does it behind the comparison.
  void settle(Answer& answer, Cond cond) {
    e_.stack().drop(outer_);
    if (owns_nothing()) {
      answer.from_flags(cond);
    } else {
      masm_.set_if(cond, kTemp);
      masm_.mov(answer.waiting(), kTemp);
      release_all();
      answer.from_register(answer.waiting());
    }
    finish_answer(answer);
  }

  void finish_answer(Answer& answer) {
    const Label done = masm_.new_label();
    masm_.bind(done);
    by_steps([answer, done, &masm = masm_]() mutable {
      answer.from_helper();
      masm.jump(done);
    });
    answer.finish();
  }

  void by_steps(std::function<void()> finished) {
    if (failures_.empty()) return;
    e_.cold([&e = e_, steps = steps_, before = before_, failures = failures_, finished = std::move(finished)] {
      emit_by_steps(e, steps, before, failures, finished);
    });
  }

  // kRet = an object for the only cell, a new reference; the operands are still there if there is no memory for it.
  void make_object() {
    const Cell& cell = cells_.back();
    if (cell.is(Cell::Form::kElement)) {
      sequences::incref(masm_, cell.reg, kTemp);
      if (cell.reg != Reg::kRet) masm_.mov(Reg::kRet, cell.reg);
      return;
    }
    if (cell.is(Cell::Form::kInt)) return load_int(e_, Reg::kRet, cell.reg, e_.error_exit());
    e_.store_position();  // tracemalloc asks who allocates
    if (cell.freg != FReg::kF0) masm_.fmov(FReg::kF0, cell.freg);
    call_new_float(masm_, e_.error_exit());
  }

  void end_with_object() {
    const Label done = masm_.new_label();
    make_object();
    if (int_result_.valid()) masm_.bind(int_result_);
    masm_.mov(result_, Reg::kRet);
    e_.stack().drop(outer_);
    release_all();
    masm_.bind(done);
    by_steps([result = result_, done, &masm = masm_] {
      masm.mov(result, Reg::kRet);
      masm.jump(done);
    });
    e_.stack().push(Value::in_register(result_));
  }

  // Into the variable's own object, if nobody else has that. What is released are numbers: no code runs by that.
  void store(const Instruction& i) {
    const int index = stored_local(i);
    const Label elsewhere = masm_.new_label();
    const Label stored = masm_.new_label();
    const Label made = masm_.new_label();
    const ValueStack with_operands = e_.stack();
    const auto release = [this] {
      e_.stack().drop(outer_);
      for (const Cell& cell : used_) e_.release(cell.value, cell.slot);
    };
    if (e_.may_be_bound(index)) {
      store_in_place(cells_.back(), index, elsewhere);
      release();
      masm_.jump(stored);
      masm_.bind(elsewhere);
      e_.stack() = with_operands;
    }
    e_.at(*steps_[step_ - 1].instruction);
    make_object();
    masm_.mov(result_, Reg::kRet);
    release();
    masm_.bind(made);
    by_steps([result = result_, made, &masm = masm_] {
      masm.mov(result, Reg::kRet);
      masm.jump(made);
    });
    e_.at(*steps_[step_].instruction);
    e_.stack().push(Value::in_register(result_));
    store_local(e_, index);
    masm_.bind(stored);
    if (i.opcode == STORE_FAST_LOAD_FAST) e_.push_local(i.oparg & 15);
  }

  void store_in_place(const Cell& cell, int index, Label elsewhere) {
    if (cell.is(Cell::Form::kFloat))
      sequences::overwrite_float(masm_, e_.local(index), cell.freg, kObject, kTemp, elsewhere);
    else
      sequences::overwrite_int(masm_, e_.local(index), cell.reg, kObject, kTemp, elsewhere);
  }

  Emitter& e_;
  Masm& masm_;
  std::vector<Step> steps_;
  const int outer_;
  ValueStack before_;        // without the operands in front of the expression
  std::vector<Cell> cells_;  // the expression's part of the value stack
  std::vector<Cell> used_;   // owned operands that have been computed with
  std::vector<Failure> failures_;
  std::vector<std::pair<int, const PyTypeObject*>> known_;  // types of local variables
  size_t step_ = 0;
  int failure_ = -1;  // of the current step
  unsigned busy_ = 0;
  unsigned busy_floats_ = 0;
  Reg result_ = Reg::kNone;
  Label int_result_;  // with an int in kRet as the result of the whole, where floats were expected
};

}  // namespace

bool expression(Emitter& e, const Instruction& i) {
  if (stress::settings.without != 0) return false;  // expressions are of several families
  const Plan plan = plan_expression(e, i);
  if (plan.steps.empty()) return false;
  if (new_float_code() == nullptr) {
    e.fail();
    return true;
  }
  Compute(e, plan).emit();
  return true;
}

}  // namespace whipsnake::opcodes
