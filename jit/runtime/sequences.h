// Machine-code sequences over Python objects, for every engine: registers and labels are parameters.
//
// Convention: `temp` registers are clobbered; labels named `slow` are jumped to with nothing changed.
#pragma once

#include "jit/asm/masm.h"
#include "jit/cpython/port.h"
#include "jit/runtime/near_table.h"

namespace whipsnake::sequences {

// 3.13 Include/object.h, Py_INCREF: immortal objects have the low half of the count saturated.
inline void incref(Masm& masm, Reg object, Reg temp) {
  const Label immortal = masm.new_label();
  masm.load32(temp, Mem::at(object, port::offset::kRefcount));
  masm.add32(temp, 1);
  masm.skip_if(Cond::kEqual, immortal);
  masm.store32(Mem::at(object, port::offset::kRefcount), temp);
  masm.bind(immortal);
}

// Jumps to `dead` when the count became zero; immortal objects stay as they are.
inline void decref(Masm& masm, Reg object, Label dead) {
  const Label immortal = masm.new_label();
  masm.cmp32(Mem::at(object, port::offset::kRefcount), 0);
  masm.skip_if(Cond::kLess, immortal);
  masm.add_mem(Mem::at(object, port::offset::kRefcount), -1);
  masm.jump_if(Cond::kEqual, dead);
  masm.bind(immortal);
}

inline void guard_type(Masm& masm, Reg object, const PyTypeObject* type, Reg temp, Label slow) {
  masm.load(temp, Mem::at(object, port::offset::kType));
  masm.cmp(temp, near_constant(type));
  masm.jump_if(Cond::kNotEqual, slow);
}

// The address, which is lost, lies in the code heap's code half; as is_machine_code().
inline void guard_machine_code(Masm& masm, Reg address, Label slow) {
  masm.sub(address, Mem::absolute(&near_table->code_begin));
  masm.cmp(address, Mem::absolute(&near_table->code_bytes));
  masm.jump_if(Cond::kAboveEqual, slow);
}

inline void guard_list_or_subclass(Masm& masm, Reg object, Reg temp, Label slow) {
  masm.load(temp, Mem::at(object, port::offset::kType));
  masm.load32(temp, Mem::at(temp, static_cast<int32_t>(offsetof(PyTypeObject, tp_flags))));
  masm.test(temp, static_cast<int32_t>(Py_TPFLAGS_LIST_SUBCLASS));
  masm.jump_if(Cond::kEqual, slow);
}

// frame->instr_ptr = that of the instruction whose code unit index is in `index`, which is lost.
inline void store_position(Masm& masm, Reg index, Reg temp) {
  static_assert(sizeof(CodeUnit) == 2);
  masm.load(temp, Mem::at(Reg::kFrame, port::offset::kFrameExecutable));
  masm.lea(index, Mem::indexed(temp, index, 2, offsetof(PyCodeObject, co_code_adaptive)));
  masm.store(Mem::at(Reg::kFrame, port::offset::kFrameInstrPtr), index);
}

// The object's type has the version in `version_cell` (uint32_t, never 0 when filled).
inline void guard_type_version(Masm& masm, Reg object, const void* version_cell, Reg temp, Label slow) {
  masm.load(temp, Mem::at(object, port::offset::kType));
  masm.load32(temp, Mem::at(temp, port::offset::kTypeVersion));
  masm.cmp32(temp, Mem::absolute(version_cell));
  masm.jump_if(Cond::kNotEqual, slow);
}

// value = the compact int in `object` (an exact int); leaves for ints of more than one digit.
// 3.13 Include/cpython/longintrepr.h, _PyUnstable_Long_CompactValue.
inline void compact_value(Masm& masm, Reg value, Reg object, Reg temp, Label slow) {
  masm.load(temp, Mem::at(object, port::offset::kLongTag));
  masm.cmp(temp, 16);
  masm.jump_if(Cond::kAboveEqual, slow);
  masm.load32(value, Mem::at(object, port::offset::kLongDigit));
  masm.and_(temp, 3);
  masm.neg(temp);
  masm.add(temp, 1);
  masm.mul(value, temp);
}

// object = what the variable in `local` has, which is of that type and nobody else's.
inline void guard_alone(Masm& masm, Reg object, Mem local, const PyTypeObject* type, Reg temp, Label elsewhere) {
  masm.load(object, local);
  masm.test(object, object);
  masm.jump_if(Cond::kEqual, elsewhere);
  masm.cmp(Mem::at(object, port::offset::kRefcount), 1);
  masm.jump_if(Cond::kNotEqual, elsewhere);
  guard_type(masm, object, type, temp, elsewhere);
}

// The exact int that nobody else has but the variable in `local` becomes `value`. Small ints are shared; negative and
// longer ones are rare. `object` is clobbered, too.
inline void overwrite_int(Masm& masm, Mem local, Reg value, Reg object, Reg temp, Label elsewhere) {
  guard_alone(masm, object, local, &PyLong_Type, temp, elsewhere);
  masm.lea(temp, Mem::at(value, -_PY_NSMALLPOSINTS));
  masm.cmp(temp, PyLong_MASK - _PY_NSMALLPOSINTS);
  masm.jump_if(Cond::kAbove, elsewhere);
  masm.store_imm(Mem::at(object, port::offset::kLongTag), 1 << port::kIntTagBits);
  masm.store32(Mem::at(object, port::offset::kLongDigit), value);
}

// The same for an exact float.
inline void overwrite_float(Masm& masm, Mem local, FReg value, Reg object, Reg temp, Label elsewhere) {
  guard_alone(masm, object, local, &PyFloat_Type, temp, elsewhere);
  masm.fstore(Mem::at(object, port::offset::kFloatValue), value);
}

// The inline value at `offset` from `owner`, which is lost, comes last in the order of attributes, which is kept behind
// the values. 3.13 Include/internal/pycore_dict.h, _PyDictValues_AddToInsertionOrder.
inline void note_added_value(Masm& masm, Reg owner, Reg offset, Reg temp, Reg temp2) {
  masm.sub(offset, port::offset::kInlineValuesItems);
  masm.shr(offset, 3);  // the attribute's index
  masm.load8(temp, Mem::at(owner, port::offset::kInlineValuesCapacity));
  masm.load8(temp2, Mem::at(owner, port::offset::kInlineValuesSize));
  masm.lea(temp, Mem::indexed(owner, temp, 8, port::offset::kInlineValuesItems));
  masm.store8(Mem::indexed(temp, temp2, 1), offset);
  masm.add(temp2, 1);
  masm.store8(Mem::at(owner, port::offset::kInlineValuesSize), temp2);
}

// truth = 0 when `object`, an exact int, is zero; else something else.
inline void int_truth(Masm& masm, Reg truth, Reg object) {
  masm.load(truth, Mem::at(object, port::offset::kLongTag));
  masm.and_(truth, 3);
  masm.sub(truth, 1);  // the sign bits are 1 for zero
}

// value = the compact int in `object` (an exact int), for subscripts; `negative`: it is one, and value is lost.
inline void compact_index(Masm& masm, Reg value, Reg object, Label negative, Label slow) {
  masm.load(value, Mem::at(object, port::offset::kLongTag));
  masm.cmp(value, 16);
  masm.jump_if(Cond::kAboveEqual, slow);
  masm.test(value, 2);
  masm.jump_if(Cond::kNotEqual, negative);
  masm.load32(value, Mem::at(object, port::offset::kLongDigit));
}

// What the `negative` one above comes to in a sequence; that is out of range, as unsigned numbers are compared, if the
// index is.
inline void index_from_end(Masm& masm, Reg value, Reg object, Mem size) {
  masm.load32(value, Mem::at(object, port::offset::kLongDigit));
  masm.neg(value);
  masm.add(value, size);
}

}  // namespace whipsnake::sequences
