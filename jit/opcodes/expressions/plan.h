// What an expression consists of, found out before anything is emitted.
#pragma once

#include <vector>

#include "jit/opcodes/families.h"
#include "jit/runtime/caches.h"
#include "jit/runtime/context.h"

namespace whipsnake::opcodes {

using baseline::Value;

// An entry of the value stack within the expression.
struct Cell {
  enum class Form : uint8_t {
    kObject,   // as `value` says; it belonged to the value stack before
    kElement,  // borrowed, in `reg`
    kInt,      // of 64 bits, in `reg`
    kFloat,    // in `freg`
  };
  Form form = Form::kObject;
  Value value = Value::null();
  int slot = -1;  // of kObject
  Reg reg = Reg::kNone;
  FReg freg = FReg::kF0;

  bool is(Form other) const { return form == other; }
  bool is_object() const { return form == Form::kObject; }
  bool in_register() const { return form == Form::kElement || form == Form::kInt; }
  bool computed() const { return !is_object(); }
  bool is_number() const { return is(Form::kInt) || is(Form::kFloat); }
  bool is_constant(const PyTypeObject* type) const { return is_object() && is_constant_of(value, type); }
  bool is_short_constant() const { return is_constant(&PyLong_Type) && port::is_short(value.constant); }
  bool is_compact_constant() const { return is_object() && opcodes::is_compact_constant(value); }
  bool is_float() const { return is(Form::kFloat) || is_constant(&PyFloat_Type); }
  bool is_int() const { return is(Form::kInt) || is_short_constant(); }
  bool is_object_constant() const { return is_object() && value.is(Value::Kind::kConstant); }
};

enum class Act : uint8_t {
  kStop,  // not part of it
  kPush,
  kFloats,  // BINARY_OP with the result as a float
  kInts,    // ... as an int
  kNegate,
  kItem,
  kField,
  kCompareFloats,  // this one and those below end the expression
  kCompareInts,
  kTruth,
  kStore,
};

inline bool ends(Act act) { return act >= Act::kCompareFloats; }
inline bool has_guards(Act act) { return act != Act::kPush && act != Act::kStore; }

struct Step {
  const Instruction* instruction;
  Act act;
  FieldCache* field = nullptr;  // of kField
};

// Entries at a time, and operands from in front of it.
constexpr int kMaxEntries = 8;
static_assert(2 * kMaxEntries <= sizeof(ThreadContext::scratch) / sizeof(ThreadContext::scratch[0]));

struct Plan {
  std::vector<Step> steps;  // empty: nothing would be saved
  int outer;                // so many entries of the value stack in front of the expression belong to it
};

// What LOAD_CONST, LOAD_FAST and LOAD_FAST_LOAD_FAST push.
void push_operands(const Emitter& e, const Instruction& i, std::vector<Cell>& cells);

// Looks ahead from `first`, as far as operands are loaded, computed with, and used up.
Plan plan_expression(Emitter& e, const Instruction& first);

}  // namespace whipsnake::opcodes
