// Operators of ints whose values are in registers, as machine code: int + int of one instruction, Python's `//`
// and `%`, which round down, shifts as far as their results fit. As sequences.h, for every engine.
#pragma once

#include <functional>
#include <optional>

#include "jit/asm/masm.h"
#include "jit/cpython/port.h"

namespace whipsnake::sequences {

// What both operands are known to be.
enum class IntRange : uint8_t {
  kCompact,  // of one digit; every result there is fits into 64 bits
  kWord,     // of 64 bits
};

// The right operand: what is in a register, or a constant.
struct IntOperand {
  Reg reg = Reg::kNone;
  int32_t value = 0;

  bool is_constant() const { return reg == Reg::kNone; }
};

struct IntScratch {
  Reg temp;
  Reg temp2;  // of kWord
  Reg rest;   // of divisions; cheapest in kArg2, which x86-64 takes for them anyway
};

// Whether operate_on_ints() is for BINARY_OP's `operation`, which is not in place, with `right` or, without that, any
// right operand of the range.
bool has_int_sequence(int operation, IntRange range, std::optional<Py_ssize_t> right);

// into = into `operation` right, 64 bits. Leads to otherwise(), which is asked only if it is needed, with `into` lost,
// where the divisor is not positive, the count of bits is negative or large, or the result does not fit. Clobbers
// `scratch`, and kRet, kArg2 and kArg3 as Masm does.
void operate_on_ints(Masm& masm, int operation, IntRange range, Reg into, IntOperand right, IntScratch scratch,
                     const std::function<Label()>& otherwise);

}  // namespace whipsnake::sequences
