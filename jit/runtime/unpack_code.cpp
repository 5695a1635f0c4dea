#include "jit/runtime/unpack_code.h"

#include "jit/asm/masm.h"
#include "jit/cpython/port.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake {

namespace {

namespace offset = port::offset;

constexpr int32_t kWord = sizeof(PyObject*);
constexpr Reg kSequence = Reg::kArg0;
constexpr Reg kPlan = Reg::kArg1;  // or the store that is next
constexpr Reg kHome = Reg::kArg2;
constexpr Reg kLeft = Reg::kArg3;  // so many items or stores

Mem plan(size_t field) { return Mem::at(kPlan, static_cast<int32_t>(field)); }

// The last reference to kArg0 is gone, at the instruction in kT0.
void emit_death(Masm& masm) {
  constexpr int kSaved = 32;
  const auto saved = [](int index) { return Mem::at(Reg::kNativeStack, index * kWord); };
  sequences::store_position(masm, Reg::kT0, Reg::kT1);
  masm.enter_thunk(kSaved);
  masm.store(saved(0), kPlan);
  masm.store(saved(1), kHome);
  masm.store(saved(2), kLeft);
  masm.call_mem(near_constant(address_of(&dealloc)));
  masm.load(kPlan, saved(0));
  masm.load(kHome, saved(1));
  masm.load(kLeft, saved(2));
  masm.leave_thunk(kSaved);
}

// As so many STORE_FAST would, one after the other: what was in a variable is released before the next gets its value.
void emit_stores(Masm& masm) {
  const Label next = masm.new_label();
  const Label stored = masm.new_label();
  const Label dead = masm.new_label();
  constexpr auto kFirst = static_cast<int32_t>(offsetof(UnpackPlan, stores));
  constexpr auto kLocal = static_cast<int32_t>(offsetof(UnpackPlan::Store, local));
  constexpr auto kInstruction = static_cast<int32_t>(offsetof(UnpackPlan::Store, instruction));
  masm.load16(kLeft, plan(offsetof(UnpackPlan, count)));
  masm.lea(kHome, Mem::indexed(kHome, kLeft, 8));
  masm.bind(next);
  masm.add(kHome, -kWord);
  masm.load16(Reg::kT0, Mem::at(kPlan, kFirst + kLocal));
  masm.load(Reg::kT1, Mem::at(kHome));
  masm.load(Reg::kArg0, Mem::indexed(Reg::kFrame, Reg::kT0, 8, offset::slot(0)));
  masm.store(Mem::indexed(Reg::kFrame, Reg::kT0, 8, offset::slot(0)), Reg::kT1);
  masm.test(Reg::kArg0, Reg::kArg0);
  masm.skip_if(Cond::kEqual, stored);
  sequences::decref(masm, Reg::kArg0, dead);
  masm.bind(stored);
  masm.add(kPlan, static_cast<int32_t>(sizeof(UnpackPlan::Store)));
  masm.sub(kLeft, 1);
  masm.jump_if(Cond::kNotEqual, next);
  masm.mov_imm(Reg::kRet, 0);
  masm.ret();
  masm.bind(dead);
  masm.load16(Reg::kT0, Mem::at(kPlan, kFirst + kInstruction));
  emit_death(masm);
  masm.jump(stored);
}

void emit_unpack(Masm& masm, bool owns) {
  const Label list = masm.new_label();
  const Label known = masm.new_label();
  const Label next = masm.new_label();
  const Label dead = masm.new_label();
  const Label released = masm.new_label();
  const Label refused = masm.new_label();
  constexpr Reg kItems = Reg::kT1;
  sequences::guard_type(masm, kSequence, &PyTuple_Type, Reg::kT0, list);
  masm.lea(kItems, Mem::at(kSequence, offset::kTupleItems));
  masm.bind(known);
  masm.load16(kLeft, plan(offsetof(UnpackPlan, count)));
  masm.cmp(kLeft, Mem::at(kSequence, offset::kVarSize));
  masm.jump_if(Cond::kNotEqual, refused);
  masm.mov(Reg::kRet, kHome);
  masm.bind(next);  // the last item is the lowest value
  masm.load(Reg::kT0, Mem::indexed(kItems, kLeft, 8, -kWord));
  sequences::incref(masm, Reg::kT0, Reg::kT2);
  masm.store(Mem::at(Reg::kRet), Reg::kT0);
  masm.add(Reg::kRet, kWord);
  masm.sub(kLeft, 1);
  masm.jump_if(Cond::kNotEqual, next);
  if (owns) sequences::decref(masm, kSequence, dead);
  masm.bind(released);
  masm.jump_code(store_locals_code());
  masm.bind(list);
  masm.cmp(Reg::kT0, near_constant(&PyList_Type));
  masm.jump_if(Cond::kNotEqual, refused);
  masm.load(kItems, Mem::at(kSequence, offset::kListItems));
  masm.jump(known);
  masm.bind(refused);
  masm.mov_imm(Reg::kRet, 1);
  masm.ret();
  if (!owns) return;
  masm.bind(dead);
  masm.load16(Reg::kT0, plan(offsetof(UnpackPlan, instruction)));
  emit_death(masm);
  masm.jump(released);
}

}  // namespace

const uint8_t* store_locals_code() { return shared_code("store_locals", emit_stores); }

const uint8_t* unpack_code(bool owns) {
  if (store_locals_code() == nullptr) return nullptr;
  return shared_code(owns ? "unpack.owned" : "unpack", [owns](Masm& masm) { emit_unpack(masm, owns); });
}

}  // namespace whipsnake
