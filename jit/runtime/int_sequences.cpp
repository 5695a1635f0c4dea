#include "jit/runtime/int_sequences.h"

#include <bit>

namespace whipsnake::sequences {

namespace {

constexpr int kMaxCount = 62;                               // of bits that an int of 64 is shifted by
constexpr int kMaxCompactCount = kMaxCount - PyLong_SHIFT;  // to the left, without looking whether it fits

class Sequence {
 public:
  Sequence(Masm& masm, IntRange range, Reg into, IntOperand right, IntScratch scratch,
           const std::function<Label()>& otherwise)
      : masm_(masm),
        compact_(range == IntRange::kCompact),
        into_(into),
        right_(right),
        scratch_(scratch),
        otherwise_(otherwise) {}

  void emit(int operation) {
    switch (operation) {
      case NB_ADD: right_.is_constant() ? masm_.add(into_, right_.value) : masm_.add(into_, right_.reg); return fit();
      case NB_SUBTRACT:
        right_.is_constant() ? masm_.sub(into_, right_.value) : masm_.sub(into_, right_.reg);
        return fit();
      case NB_MULTIPLY: {
        const Reg factor = in_register();
        return compact_ ? masm_.mul(into_, factor) : masm_.mul_ov(into_, factor, otherwise_());
      }
      case NB_AND: return right_.is_constant() ? masm_.and_(into_, right_.value) : masm_.and_(into_, right_.reg);
      case NB_OR: return right_.is_constant() ? masm_.or_(into_, right_.value) : masm_.or_(into_, right_.reg);
      case NB_XOR: return right_.is_constant() ? masm_.xor_(into_, right_.value) : masm_.xor_(into_, right_.reg);
      case NB_LSHIFT: return shift_left();
      case NB_RSHIFT: return shift_right();
      case NB_FLOOR_DIVIDE: return divide(false);
      case NB_REMAINDER: return divide(true);
      default: Py_UNREACHABLE();
    }
  }

 private:
  void fit() {
    if (!compact_) masm_.jump_if(Cond::kOverflow, otherwise_());
  }

  Reg in_register() {
    if (!right_.is_constant()) return right_.reg;
    masm_.mov_imm(scratch_.temp, right_.value);
    return scratch_.temp;
  }

  // Negative counts are very large ones without a sign.
  void guard_count(int most) {
    masm_.cmp(right_.reg, most);
    masm_.jump_if(Cond::kAbove, otherwise_());
  }

  void shift_left() {
    if (!right_.is_constant()) {
      guard_count(kMaxCompactCount);
      return masm_.shl(into_, right_.reg);
    }
    if (compact_) return masm_.shl(into_, right_.value);
    masm_.mov(scratch_.temp, into_);
    masm_.shl(into_, right_.value);
    masm_.mov(scratch_.temp2, into_);
    masm_.sar(scratch_.temp2, right_.value);
    masm_.cmp(scratch_.temp2, scratch_.temp);
    masm_.jump_if(Cond::kNotEqual, otherwise_());
  }

  void shift_right() {
    if (right_.is_constant()) return masm_.sar(into_, right_.value);
    guard_count(kMaxCount);
    masm_.sar(into_, right_.reg);
  }

  // By a positive number; the result is rounded down.
  void divide(bool remainder) {
    if (right_.is_constant() && std::has_single_bit(static_cast<uint32_t>(right_.value))) {
      if (remainder) return masm_.and_(into_, right_.value - 1);
      if (right_.value > 1) masm_.sar(into_, std::countr_zero(static_cast<uint32_t>(right_.value)));
      return;
    }
    const Label positive = masm_.new_label();
    const Reg divisor = in_register();
    if (!right_.is_constant()) {
      masm_.test(divisor, divisor);
      masm_.jump_if(Cond::kLessEqual, otherwise_());
    }
    const Reg rest = scratch_.rest;
    const Reg quotient = remainder ? Reg::kNone : into_;
    if (compact_)
      masm_.div_signed32(quotient, rest, into_, divisor);
    else
      masm_.div_signed(quotient, rest, into_, divisor);
    masm_.test(rest, rest);
    masm_.skip_if(Cond::kGreaterEqual, positive);
    if (remainder)
      masm_.add(rest, divisor);
    else
      masm_.sub(into_, 1);
    masm_.bind(positive);
    if (remainder) masm_.mov(into_, rest);
  }

  Masm& masm_;
  const bool compact_;
  const Reg into_;
  const IntOperand right_;
  const IntScratch scratch_;
  const std::function<Label()>& otherwise_;
};

}  // namespace

bool has_int_sequence(int operation, IntRange range, std::optional<Py_ssize_t> right) {
  const bool compact = range == IntRange::kCompact;
  const auto within = [right](int most) { return *right >= 0 && *right <= most; };
  switch (operation) {
    case NB_ADD:
    case NB_SUBTRACT:
    case NB_MULTIPLY:
    case NB_AND:
    case NB_OR:
    case NB_XOR: return true;
    case NB_LSHIFT: return right ? within(compact ? kMaxCompactCount : kMaxCount) : compact;
    case NB_RSHIFT: return right ? within(kMaxCount) : compact;
    case NB_FLOOR_DIVIDE:
    case NB_REMAINDER: return !right || *right > 0;
    default: return false;
  }
}

void operate_on_ints(Masm& masm, int operation, IntRange range, Reg into, IntOperand right, IntScratch scratch,
                     const std::function<Label()>& otherwise) {
  Sequence(masm, range, into, right, scratch, otherwise).emit(operation);
}

}  // namespace whipsnake::sequences
