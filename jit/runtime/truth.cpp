#include "jit/runtime/truth.h"

#include "jit/asm/masm.h"
#include "jit/cpython/port.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake {

namespace {

// 3.13 Objects/object.c, PyObject_IsTrue: the slots that are asked, in this order; an object with none of them is true.
struct TruthSlot {
  int32_t suite;  // of the type
  int32_t slot;   // in it
};
constexpr TruthSlot kSlots[] = {
    {offsetof(PyTypeObject, tp_as_number), offsetof(PyNumberMethods, nb_bool)},
    {offsetof(PyTypeObject, tp_as_mapping), offsetof(PyMappingMethods, mp_length)},
    {offsetof(PyTypeObject, tp_as_sequence), offsetof(PySequenceMethods, sq_length)},
};

struct Sized {
  PyTypeObject* type;
  int32_t size;  // where its length is
};
const Sized kSized[] = {
    {&PyUnicode_Type, static_cast<int32_t>(offsetof(PyASCIIObject, length))},
    {&PyList_Type, port::offset::kVarSize},
    {&PyTuple_Type, port::offset::kVarSize},
    {&PyDict_Type, static_cast<int32_t>(offsetof(PyDictObject, ma_used))},
};

void emit(Masm& masm) {
  const Label known = masm.new_label();
  const Label unknown = masm.new_label();
  const Label has_slot = masm.new_label();
  const auto is_not = [&](Reg reg, const void* what) {
    const Label next = masm.new_label();
    masm.cmp(reg, near_constant(what));
    masm.skip_if(Cond::kNotEqual, next);
    return next;
  };
  masm.mov_imm(Reg::kT1, 0);
  masm.cmp(Reg::kArg0, near_constant(Py_None));
  masm.jump_if(Cond::kEqual, known);
  masm.load(Reg::kT0, Mem::at(Reg::kArg0, port::offset::kType));
  Label next = is_not(Reg::kT0, &PyBool_Type);
  masm.cmp(Reg::kArg0, near_constant(Py_True));
  masm.set_if(Cond::kEqual, Reg::kT1);
  masm.jump(known);
  masm.bind(next);
  next = is_not(Reg::kT0, &PyLong_Type);
  sequences::int_truth(masm, Reg::kT1, Reg::kArg0);
  masm.jump(known);
  masm.bind(next);
  next = is_not(Reg::kT0, &PyFloat_Type);  // not a number is true
  masm.fload(FReg::kF0, Mem::at(Reg::kArg0, port::offset::kFloatValue));
  masm.fzero(FReg::kF1);
  masm.fcmp(FReg::kF0, FReg::kF1);
  masm.fset_if(Cond::kFNotEqual, Reg::kT1);
  masm.jump(known);
  masm.bind(next);
  for (const Sized& sized : kSized) {
    next = is_not(Reg::kT0, sized.type);
    masm.load(Reg::kT1, Mem::at(Reg::kArg0, sized.size));
    masm.jump(known);
    masm.bind(next);
  }
  for (const TruthSlot& asked : kSlots) {
    const Label none = masm.new_label();
    masm.load(Reg::kT1, Mem::at(Reg::kT0, asked.suite));
    masm.test(Reg::kT1, Reg::kT1);
    masm.skip_if(Cond::kEqual, none);
    masm.load(Reg::kT1, Mem::at(Reg::kT1, asked.slot));
    masm.test(Reg::kT1, Reg::kT1);
    masm.jump_if(Cond::kNotEqual, has_slot);
    masm.bind(none);
  }
  masm.mov_imm(Reg::kT1, 1);
  masm.jump(known);
  masm.bind(has_slot);  // kT1 is what it holds; subclasses of these have it from them
  const auto told_by = [&](lenfunc length, int32_t size) {
    next = is_not(Reg::kT1, address_of(length));
    masm.load(Reg::kT1, Mem::at(Reg::kArg0, size));
    masm.jump(known);
    masm.bind(next);
  };
  for (const Sized& sized : kSized) told_by(sized.type->tp_as_mapping->mp_length, sized.size);
  for (const PyTypeObject* type : {&PyBytes_Type, &PyByteArray_Type})
    told_by(type->tp_as_mapping->mp_length, port::offset::kVarSize);
  told_by(PySet_Type.tp_as_sequence->sq_length, static_cast<int32_t>(offsetof(PySetObject, used)));
  masm.jump(unknown);
  masm.bind(known);
  masm.mov_imm(Reg::kRet, 0);
  masm.ret();
  masm.bind(unknown);
  masm.mov_imm(Reg::kRet, 1);
  masm.ret();
}

}  // namespace

const uint8_t* truth_code() {
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made == nullptr) made = shared_code("truth", emit);
  return made;
}

}  // namespace whipsnake
