#include "jit/opcodes/expressions/by_steps.h"

#include <algorithm>
#include <utility>

#include "jit/runtime/numbers.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/thunks.h"

namespace whipsnake::opcodes {

using baseline::ValueStack;

namespace {

OpHelper helper_of(const Instruction& i) {
  switch (i.opcode) {
    case BINARY_OP: return &op_binary_op;
    case BINARY_SUBSCR: return &op_binary_subscr;
    case UNARY_NEGATIVE: return &op_unary_negative;
    case COMPARE_OP: return &op_compare_op;
    case TO_BOOL: return &op_to_bool;
    case LOAD_ATTR: return &op_load_field_cached;
    default: Py_UNREACHABLE();
  }
}

int operands_of(const Instruction& i) {
  return i.opcode == UNARY_NEGATIVE || i.opcode == TO_BOOL || i.opcode == LOAD_ATTR ? 1 : 2;
}

// Releasing may run code that needs the scratch memory for itself.
void release_scratch(PyObject** objects, Py_ssize_t count) {
  PyObject* kept[kMaxEntries];
  std::copy_n(objects, count, kept);
  for (Py_ssize_t index = 0; index < count; ++index) Py_DECREF(kept[index]);
}

class BySteps {
 public:
  BySteps(Emitter& e, const std::vector<Step>& steps, const ValueStack& before, const std::vector<Failure>& failures)
      : e_(e), steps_(steps), before_(before), failures_(failures) {}

  void emit(const std::function<void()>& finished) {
    const ValueStack kept = e_.stack();
    for (const Step& step : steps_) entrances_.push_back(step.act == Act::kStore ? Label() : e_.masm().new_label());
    for (const Failure& failure : failures_) fail(failure);
    auto depth = static_cast<int>(failures_.front().cells.size());
    for (size_t step = failures_.front().step; step < steps_.size(); ++step) {
      const Instruction& i = *steps_[step].instruction;
      if (steps_[step].act == Act::kStore) break;
      e_.at(i);
      e_.masm().bind(entrances_[step]);
      if (steps_[step].act == Act::kPush) {
        depth = push(i, depth);
        continue;
      }
      const int operands = operands_of(i);
      in_memory(depth);
      operate(steps_[step], operands);
      depth -= operands;
      if (!is_last(step)) e_.masm().store(home(depth++), Reg::kRet);
    }
    finished();
    e_.stack() = kept;
  }

 private:
  // kRet = the result. What is below the expression is the caller's care.
  void operate(const Step& step, int operands) {
    const Instruction& i = *step.instruction;
    const intptr_t arg = step.field != nullptr ? reinterpret_cast<intptr_t>(step.field) : i.oparg;
    if (e_.is_generic(i)) {
      e_.carry_out(helper_of(i), operands, 1, arg);
    } else {
      e_.masm().mov_ptr(Reg::kT0, e_.slow_site(helper_of(i), operands, 1, arg));
      e_.masm().call_code(thunks.slow);
    }
  }

  bool is_last(size_t step) const { return step + 1 == steps_.size() || steps_[step + 1].act == Act::kStore; }
  Mem home(int index) const { return e_.home(before_.depth() + index); }

  void in_memory(int entries) {
    e_.stack() = before_;
    for (int entry = 0; entry < entries; ++entry) e_.stack().push(Value::memory());
  }

  int push(const Instruction& i, int depth) {
    std::vector<Cell> pushed;
    push_operands(e_, i, pushed);
    for (const Cell& cell : pushed) {
      const Reg reg = e_.use_value(cell.value, cell.slot, Reg::kT0);
      e_.incref(reg);
      e_.masm().store(home(depth++), reg);
    }
    return depth;
  }

  // Everything to memory, then numbers become objects, which calls C++; releasing may run anything and comes last.
  void fail(const Failure& failure) {
    Masm& masm = e_.masm();
    e_.at(*steps_[failure.step].instruction);
    masm.bind(failure.label);
    const auto count = static_cast<int>(failure.cells.size());
    const auto scratch = [](int index) {
      return Mem::at(Reg::kContext, static_cast<int32_t>(offsetof(ThreadContext, scratch)) + index * 8);
    };
    const auto each = [&](auto act) {
      for (int index = 0; index < count; ++index) act(index, failure.cells[static_cast<size_t>(index)]);
    };
    int used = count;
    for (const Cell& cell : failure.used) masm.store(scratch(used++), e_.use_value(cell.value, cell.slot, Reg::kT0));
    const bool uses = !failure.used.empty();
    bool numbers = false;
    each([&](int index, const Cell& cell) {
      numbers = numbers || cell.is_number();
      if (cell.is(Cell::Form::kInt)) masm.store(scratch(index), cell.reg);
      if (cell.is(Cell::Form::kFloat)) masm.fstore(scratch(index), cell.freg);
      if (!cell.is(Cell::Form::kElement)) return;
      sequences::incref(masm, cell.reg, Reg::kT0);
      masm.store(home(index), cell.reg);
    });
    if (numbers) masm.load(Reg::kT2, near_constant(Py_None));
    each([&](int index, const Cell& cell) {
      if (cell.is_number()) masm.store(home(index), Reg::kT2);  // should there be no memory for the object
      if (!cell.is_object() || cell.value.is(Value::Kind::kMemory)) return;
      const Reg reg = e_.use_value(cell.value, cell.slot, Reg::kT1);
      if (!cell.value.owned()) sequences::incref(masm, reg, Reg::kT0);
      masm.store(home(index), reg);
    });
    in_memory(count);
    if (numbers || uses) e_.store_position();
    const auto release_used = [&] {
      masm.lea(Reg::kArg0, scratch(count));
      masm.mov_imm(Reg::kArg1, static_cast<int64_t>(failure.used.size()));
      e_.call(&release_scratch);
    };
    const Label failed = !numbers ? Label() : uses ? masm.new_label() : e_.error_exit(0);
    each([&](int index, const Cell& cell) {
      if (!cell.is_number()) return;
      if (cell.is(Cell::Form::kInt)) {
        masm.load(Reg::kArg0, scratch(index));
        e_.call(&int_from_signed);
        masm.test(Reg::kRet, Reg::kRet);
        masm.jump_if(Cond::kEqual, failed);
      } else {
        masm.fload(FReg::kF0, scratch(index));
        call_new_float(masm, failed);
      }
      masm.store(home(index), Reg::kRet);
    });
    if (uses) release_used();
    masm.jump(entrances_[failure.step]);
    if (!numbers || !uses) return;
    masm.bind(failed);
    release_used();
    masm.jump(e_.error_exit(0));
  }

  Emitter& e_;
  const std::vector<Step>& steps_;
  const ValueStack& before_;
  const std::vector<Failure>& failures_;
  std::vector<Label> entrances_;
};

}  // namespace

void emit_by_steps(Emitter& e, const std::vector<Step>& steps, const ValueStack& before,
                   const std::vector<Failure>& failures, const std::function<void()>& finished) {
  BySteps(e, steps, before, failures).emit(finished);
}

}  // namespace whipsnake::opcodes
