// The templates, one function per opcode, by family. Those that only hand their operands to a helper are made by the
// generic shapes at the end and need no function of their own.
#pragma once

#include "jit/baseline/emitter.h"

namespace whipsnake::opcodes {

using baseline::Emitter;

// For templates that know a type or value while they are compiled.
inline bool is_constant_of(const baseline::Value& value, const PyTypeObject* type) {
  return value.is(baseline::Value::Kind::kConstant) && Py_IS_TYPE(value.constant, const_cast<PyTypeObject*>(type));
}
inline bool is_compact_constant(const baseline::Value& value) {
  return is_constant_of(value, &PyLong_Type) && port::is_compact(value.constant);
}

// A borrowed operand as an argument of a call.
inline void load_operand(Emitter& e, int from_top, Reg into) {
  const Reg from = e.use(from_top, into);
  if (from != into) e.masm().mov(into, from);
}

// variables.cpp: locals, cells, constants, globals
void store_local(Emitter& e, int index);  // the top entry moves to local variable `index`
// The end of a POP_JUMP_IF_NONE or POP_JUMP_IF_NOT_NONE that has nothing to give up.
void jump_by_none(Emitter& e, Reg value, const Instruction& jump);
// The variable that STORE_FAST or STORE_FAST_LOAD_FAST stores to.
inline int stored_local(const Instruction& i) { return i.opcode == STORE_FAST ? i.oparg : i.oparg >> 4; }
void nop(Emitter& e, const Instruction& i);
void load_const(Emitter& e, const Instruction& i);
void load_fast(Emitter& e, const Instruction& i);
void load_fast_check(Emitter& e, const Instruction& i);
void load_fast_and_clear(Emitter& e, const Instruction& i);
void load_fast_load_fast(Emitter& e, const Instruction& i);
void store_fast(Emitter& e, const Instruction& i);
void store_fast_load_fast(Emitter& e, const Instruction& i);
void store_fast_store_fast(Emitter& e, const Instruction& i);
void delete_fast(Emitter& e, const Instruction& i);
void make_cell(Emitter& e, const Instruction& i);
void copy_free_vars(Emitter& e, const Instruction& i);
void load_deref(Emitter& e, const Instruction& i);
void store_deref(Emitter& e, const Instruction& i);
void load_global(Emitter& e, const Instruction& i);

// stack.cpp: movement on the value stack
void pop_top(Emitter& e, const Instruction& i);
void push_null(Emitter& e, const Instruction& i);
void copy(Emitter& e, const Instruction& i);
void swap(Emitter& e, const Instruction& i);
void end_send(Emitter& e, const Instruction& i);

// control.cpp: jumps, loops, function entry and exit
void resume(Emitter& e, const Instruction& i);
void jump_forward(Emitter& e, const Instruction& i);
void jump_backward(Emitter& e, const Instruction& i);
void jump_backward_no_interrupt(Emitter& e, const Instruction& i);
void pop_jump_if_true(Emitter& e, const Instruction& i);
void pop_jump_if_false(Emitter& e, const Instruction& i);
void pop_jump_if_none(Emitter& e, const Instruction& i);
void pop_jump_if_not_none(Emitter& e, const Instruction& i);
void return_value(Emitter& e, const Instruction& i);
void return_const(Emitter& e, const Instruction& i);

// iteration.cpp: for loops and generators
void for_iter(Emitter& e, const Instruction& i);
void send(Emitter& e, const Instruction& i);
void yield_value(Emitter& e, const Instruction& i);
void return_generator(Emitter& e, const Instruction& i);

// exceptions.cpp
void raise_varargs(Emitter& e, const Instruction& i);
void reraise(Emitter& e, const Instruction& i);
void end_async_for(Emitter& e, const Instruction& i);
void cleanup_throw(Emitter& e, const Instruction& i);

// logic.cpp: truth, comparison, identity, containment, fused with a branch that follows
void to_bool(Emitter& e, const Instruction& i);
void unary_not(Emitter& e, const Instruction& i);
void compare_op(Emitter& e, const Instruction& i);
void is_op(Emitter& e, const Instruction& i);
void contains_op(Emitter& e, const Instruction& i);

// arithmetic.cpp
void binary_op(Emitter& e, const Instruction& i);
void unary_negative(Emitter& e, const Instruction& i);
void unary_invert(Emitter& e, const Instruction& i);
// `result` = a new reference to an int object for the number in `value`, which is lost, as kT0 is; it goes on at
// `failed` if there is no memory.
void load_int(Emitter& e, Reg result, Reg value, Label failed);

// containers.cpp
void binary_subscr(Emitter& e, const Instruction& i);
void store_subscr(Emitter& e, const Instruction& i);
void build_slice(Emitter& e, const Instruction& i);
void unpack_sequence(Emitter& e, const Instruction& i);
void list_append(Emitter& e, const Instruction& i);
// The object in kT1, whose reference is the list's, behind the items of the list in a register.
void append_to_list(Emitter& e, Reg list);

// attributes.cpp
void load_attr(Emitter& e, const Instruction& i);
void store_attr(Emitter& e, const Instruction& i);
void load_super_attr(Emitter& e, const Instruction& i);

// calls.cpp
void call(Emitter& e, const Instruction& i);
void call_kw(Emitter& e, const Instruction& i);
void call_function_ex(Emitter& e, const Instruction& i);

// --- generic shapes: everything is done by the opcode's helper ---

template <OpHelper kHelper, int kPops, int kResults>
void with_oparg(Emitter& e, const Instruction& i) {
  if constexpr (kResults > 1)
    e.operation_storing(kHelper, kPops, kResults, i.oparg);
  else
    e.operation(kHelper, kPops, kResults, i.oparg);
}

// `oparg` selects a name after a shift.
template <OpHelper kHelper, int kPops, int kResults, int kShift = 0>
void with_name(Emitter& e, const Instruction& i) {
  e.operation(kHelper, kPops, kResults, reinterpret_cast<intptr_t>(e.name(i.oparg >> kShift)));
}

// oparg * kScale + kExtra operands.
template <OpHelper kHelper, int kScale, int kExtra, int kResults = 1>
void with_operands(Emitter& e, const Instruction& i) {
  e.operation(kHelper, i.oparg * kScale + kExtra, kResults, i.oparg);
}

// The helper also looks at operands that stay: kView + oparg * kScale entries from the top must be in memory.
template <OpHelper kHelper, int kPops, int kResults, int kView, int kScale = 0>
void with_view(Emitter& e, const Instruction& i) {
  e.flush_top(kView + i.oparg * kScale);
  e.operation(kHelper, kPops, kResults, i.oparg);
}

}  // namespace whipsnake::opcodes
