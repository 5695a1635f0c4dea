#include <algorithm>
#include <functional>

#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/native_call_code.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"
#include "jit/runtime/thunks.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// The helper for what the interpreter has seen at this site; null: a Python function, or not known yet.
OpHelper helper_for(uint8_t specialized) {
  switch (specialized) {
    case CALL_LEN: return &op_call_len;
    case CALL_ISINSTANCE: return &op_call_isinstance;
    case CALL_TYPE_1: return &op_call_type;
    case CALL_STR_1: return &op_call_str;
    case CALL_LIST_APPEND: return &op_call_list_append;
    case CALL_BUILTIN_O:
    case CALL_BUILTIN_FAST:
    case CALL_BUILTIN_FAST_WITH_KEYWORDS:
    case CALL_METHOD_DESCRIPTOR_O:
    case CALL_METHOD_DESCRIPTOR_NOARGS:
    case CALL_METHOD_DESCRIPTOR_FAST:
    case CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS: return &op_call_native;
    case CALL_TUPLE_1:
    case CALL_BUILTIN_CLASS:
    case CALL_NON_PY_GENERAL: return &op_call;
    default: return nullptr;
  }
}

// The operands of a call to memory, and everything else there that a call of compiled code would clobber.
void prepare_operands(Emitter& e, int operands) {
  e.flush_top(operands);
  e.protect_locals_below(operands);
  e.spill_registers_below(operands);
  e.store_position();
  e.collect_before_call();
}

// Calls what lies at `callable` with so many arguments behind it and its self; the result is in kRet.
void call_python(Emitter& e, int arguments, Mem callable) {
  const int kind = std::min(arguments, Thunks::kCalls);
  if (kind == Thunks::kCalls) e.masm().mov_imm(Reg::kT1, arguments);
  e.masm().lea(Reg::kArg2, callable);
  e.masm().call_code(thunks.call[kind]);
}

// The call is over: its operands are gone, its result is in kRet.
void take_call(Emitter& e, int operands) {
  e.stack().drop(operands);
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, e.error_exit());
  e.push_owned(Reg::kRet);
}

// A call of a C function; false where there is no machine code for its convention.
bool call_native(Emitter& e, const Instruction& i) {
  const uint8_t* code = native_call_code(i.specialized, i.oparg);
  if (code == nullptr) return false;
  const int operands = i.oparg + 2;
  e.flush_top(operands);
  e.protect_locals_below(operands);
  e.store_position();
  e.masm().lea(Reg::kArg1, e.home(e.stack().depth() - operands));
  e.masm().call_code(code);
  take_call(e, operands);
  return true;
}

// kRet = the length of the object in kArg0 as a new int; null: it is of no type that is known here. Clobbers what a C
// function does.
const uint8_t* length_code() {
  static const uint8_t* made = nullptr;  // asked for at each site
  if (made != nullptr) return made;
  made = shared_code("length", [](Masm& masm) {
    const Label at_16 = masm.new_label();
    const Label known = masm.new_label();
    const Label large = masm.new_label();
    const Label of_set = masm.new_label();
    const Label of_mapping = masm.new_label();
    const Label unknown = masm.new_label();
    const Label other = masm.new_label();
    constexpr Reg kLength = Reg::kT1;
    constexpr int32_t kUsed = offsetof(PySetObject, used);
    static_assert(port::offset::kVarSize == offsetof(PyASCIIObject, length));
    static_assert(port::offset::kVarSize == offsetof(PyDictObject, ma_used));
    masm.load(Reg::kT0, Mem::at(Reg::kArg0, port::offset::kType));
    for (const PyTypeObject* type : {&PyList_Type, &PyTuple_Type, &PyUnicode_Type, &PyDict_Type, &PyBytes_Type}) {
      masm.cmp(Reg::kT0, near_constant(type));
      masm.jump_if(Cond::kEqual, at_16);
    }
    for (const PyTypeObject* type : {&PySet_Type, &PyFrozenSet_Type}) {
      masm.cmp(Reg::kT0, near_constant(type));
      masm.jump_if(Cond::kEqual, of_set);
    }
    masm.cmp(Reg::kT0, near_constant(&PyRange_Type));
    masm.jump_if(Cond::kNotEqual, other);
    masm.load(Reg::kArg0, Mem::at(Reg::kArg0, port::offset::kRangeLength));
    sequences::compact_index(masm, kLength, Reg::kArg0, unknown, unknown);
    masm.jump(known);
    masm.bind(other);  // subclasses have the slot of what they are made from, in the order of PyObject_Size()
    const auto load_slot = [&masm](int32_t suite, int32_t slot, Label none) {
      masm.load(Reg::kT1, Mem::at(Reg::kT0, suite));
      masm.test(Reg::kT1, Reg::kT1);
      masm.jump_if(Cond::kEqual, none);
      masm.load(Reg::kT1, Mem::at(Reg::kT1, slot));
      masm.test(Reg::kT1, Reg::kT1);
      masm.jump_if(Cond::kEqual, none);
    };
    load_slot(offsetof(PyTypeObject, tp_as_sequence), offsetof(PySequenceMethods, sq_length), of_mapping);
    for (const PyTypeObject* type : {&PyList_Type, &PyTuple_Type, &PyUnicode_Type, &PyBytes_Type, &PyByteArray_Type}) {
      masm.cmp(Reg::kT1, near_constant(address_of(type->tp_as_sequence->sq_length)));
      masm.jump_if(Cond::kEqual, at_16);
    }
    masm.cmp(Reg::kT1, near_constant(address_of(PySet_Type.tp_as_sequence->sq_length)));
    masm.jump_if(Cond::kEqual, of_set);
    masm.jump(unknown);
    masm.bind(of_mapping);
    load_slot(offsetof(PyTypeObject, tp_as_mapping), offsetof(PyMappingMethods, mp_length), unknown);
    masm.cmp(Reg::kT1, near_constant(address_of(PyDict_Type.tp_as_mapping->mp_length)));
    masm.jump_if(Cond::kEqual, at_16);
    masm.bind(unknown);
    masm.mov_imm(Reg::kRet, 0);
    masm.ret();
    masm.bind(of_set);
    masm.load(kLength, Mem::at(Reg::kArg0, kUsed));
    masm.jump(known);
    masm.bind(at_16);
    masm.load(kLength, Mem::at(Reg::kArg0, port::offset::kVarSize));
    masm.bind(known);
    masm.cmp(kLength, _PY_NSMALLPOSINTS);
    masm.skip_if(Cond::kAboveEqual, large);
    load_small_int(masm, Reg::kRet, kLength);
    masm.ret();
    masm.bind(large);
    masm.mov(Reg::kArg0, kLength);
    masm.jump_mem(near_constant(address_of(&int_from_signed)));
  });
  return made;
}

// What the calls of known callables below have in common: the callable, no self, and its arguments are looked at where
// they are; `slow` takes over as long as nothing has happened. Where arguments are of kinds that only the helper knows,
// which is nothing unusual, it is called by the way of aside().
class KnownCall {
 public:
  KnownCall(Emitter& e, const void* callable, OpHelper helper, int arguments, Reg result)
      : e_(e),
        operands_(arguments + 2),
        helper_(helper),
        result_(result),
        slow_(e.slow_path(helper, operands_, 1, arguments)) {
    const Reg called = e.use(operands_, Reg::kArg3);
    e.masm().cmp(called, near_constant(callable));
    e.masm().jump_if(Cond::kNotEqual, slow_.label);
  }

  Label slow() const { return slow_.label; }
  Label aside() { return e_.operation_aside(helper_, operands_, operands_ - 2, result_, slow_.resume); }

  // The operands are given up, the last ones first.
  void release_operands(int given_up = 0) {
    int slot = e_.stack().depth();
    for (int left = operands_ - given_up; left > 0; --left) {
      const Value value = e_.stack().pop();
      e_.release(value, --slot);
    }
  }

  void finish() {
    e_.masm().bind(slow_.resume);
    if (result_ == Reg::kNone) {  // None
      e_.finish_slow(slow_, std::function<void()>());
      e_.push_constant(Py_None);
    } else {
      e_.finish_slow(slow_, result_);
      e_.stack().push(Value::in_register(result_));
    }
  }

 private:
  Emitter& e_;
  int operands_;
  OpHelper helper_;
  Reg result_;
  Emitter::Slow slow_;
};

// kRet to the result of a call that knows one; null goes to `otherwise`.
void take_result(Emitter& e, Reg result, Label otherwise) {
  e.masm().test(Reg::kRet, Reg::kRet);
  e.masm().jump_if(Cond::kEqual, otherwise);
  e.masm().mov(result, Reg::kRet);
}

void call_len(Emitter& e) {
  const uint8_t* length = length_code();
  if (length == nullptr) return e.fail();
  const Reg result = e.allocate();
  KnownCall call(e, known_callables.len, &op_call_len, 1, result);
  const Label other = call.aside();
  load_operand(e, 1, Reg::kArg0);
  e.masm().call_code(length);
  take_result(e, result, other);
  call.release_operands();
  call.finish();
}

void call_isinstance(Emitter& e) {
  Masm& masm = e.masm();
  const Label exact = masm.new_label();
  const Reg result = e.allocate();
  KnownCall call(e, known_callables.isinstance, &op_call_isinstance, 2, result);
  const Label other = call.aside();
  load_operand(e, 1, Reg::kArg1);
  load_operand(e, 2, Reg::kArg0);
  masm.load(result, near_constant(Py_True));
  masm.cmp(Reg::kArg1, Mem::at(Reg::kArg0, port::offset::kType));
  masm.jump_if(Cond::kEqual, exact);
  masm.mov(Reg::kArg2, Reg::kThread);
  e.call(&known_isinstance);
  take_result(e, result, other);
  masm.bind(exact);
  call.release_operands();
  call.finish();
}

void call_type(Emitter& e) {
  const Reg result = e.allocate();
  KnownCall call(e, &PyType_Type, &op_call_type, 1, result);
  const Reg object = e.use(1, Reg::kArg0);
  e.masm().load(result, Mem::at(object, port::offset::kType));
  e.incref(result);
  call.release_operands();
  call.finish();
}

void call_list_append(Emitter& e) {
  KnownCall call(e, known_callables.list_append, &op_call_list_append, 1, Reg::kNone);
  const Reg list = e.use(2, Reg::kArg0);
  e.masm().test(list, list);
  e.masm().jump_if(Cond::kEqual, call.slow());
  sequences::guard_list_or_subclass(e.masm(), list, Reg::kT0, call.slow());
  e.pop_owned(Reg::kT1);
  append_to_list(e, list);
  call.release_operands(1);
  call.finish();
}

// Calls that the interpreter has an instruction for. False: something else.
bool call_known(Emitter& e, const Instruction& i) {
  const bool without_self = e.stack().peek(i.oparg + 1).is(Value::Kind::kNull);
  if (i.specialized == CALL_LIST_APPEND && i.oparg == 1 && !without_self) return call_list_append(e), true;
  if (!without_self) return false;
  if (i.specialized == CALL_LEN && i.oparg == 1) return call_len(e), true;
  if (i.specialized == CALL_ISINSTANCE && i.oparg == 2) return call_isinstance(e), true;
  if (i.specialized == CALL_TYPE_1 && i.oparg == 1) return call_type(e), true;
  return false;
}

// Machine code calls __init__ in between making the instance and taking it as the result.
void call_class(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  ClassCache* cache = new_class_cache(e, i.oparg);
  if (cache == nullptr) return;
  constexpr int32_t kKept = 16;  // bytes of native stack for the instance; keeps it aligned
  const int operands = i.oparg + 2;
  const Label over = masm.new_label();
  const Label failed = masm.new_label();
  const Label done = masm.new_label();
  prepare_operands(e, operands);
  const Mem callable = e.home(e.stack().depth() - operands);
  const Mem self = e.home(e.stack().depth() - operands + 1);
  masm.mov(Reg::kArg0, Reg::kThread);
  masm.lea(Reg::kArg1, e.home(e.stack().depth()));
  masm.mov_ptr(Reg::kArg2, cache);
  e.call(&op_begin_class);
  e.stack().drop(operands);
  const Label error = e.error_exit();
  const Reg result = e.allocate();
  masm.cmp(Reg::kRet, 1);
  masm.jump_if(Cond::kNotEqual, over);
  // Whoever takes the arguments leaves None in their slots, see may_take_arguments().
  masm.load(Reg::kT0, self);
  masm.add(Reg::kNativeStack, -kKept);
  masm.store(Mem::at(Reg::kNativeStack), Reg::kT0);
  call_python(e, i.oparg, callable);
  masm.load(result, Mem::at(Reg::kNativeStack));
  masm.add(Reg::kNativeStack, kKept);
  masm.add_mem32(Mem::at(Reg::kThread, port::offset::kThreadRecursionRemaining), 1);
  masm.cmp(Reg::kRet, near_constant(Py_None));
  masm.jump_if(Cond::kNotEqual, failed);
  masm.bind(done);
  e.cold([&e, over, failed, done, error, result] {
    Masm& cold = e.masm();
    cold.bind(failed);
    if (kHostCpu == Cpu::kX64) cold.mov(Reg::kArg0, Reg::kRet);
    cold.mov(Reg::kArg1, result);
    e.call(&op_init_failed);
    cold.bind(over);
    cold.test(Reg::kRet, Reg::kRet);
    cold.jump_if(Cond::kEqual, error);
    cold.mov(result, Reg::kRet);
    cold.jump(done);
  });
  e.stack().push(baseline::Value::in_register(result));
}

// `thunk` does the call, or enters the callee; operands on the stack, the result is pushed.
void begin(Emitter& e, const uint8_t* thunk, OpHelper helper, int operands, intptr_t arg) {
  if (e.without_fast_path()) return e.operation(helper, operands, 1, arg);
  prepare_operands(e, operands);
  e.masm().lea(Reg::kArg1, e.home(e.stack().depth()));
  e.masm().mov_imm(Reg::kArg2, arg);
  e.masm().call_code(thunk);
  take_call(e, operands);
}

}  // namespace

void call_kw(Emitter& e, const Instruction& i) {
  const KeywordSite* site = new_keyword_site(e, i.oparg);
  if (site != nullptr) begin(e, thunks.begin_kw, &op_call_kw, i.oparg + 3, reinterpret_cast<intptr_t>(site));
}

void call_function_ex(Emitter& e, const Instruction& i) {
  begin(e, thunks.begin_ex, &op_call_function_ex, 3 + (i.oparg & 1), i.oparg);
}

// Compiled functions are entered directly, everything else goes through a helper.
void call(Emitter& e, const Instruction& i) {
  if (e.without_fast_path()) return e.operation(&op_call, i.oparg + 2, 1, i.oparg);
  if (call_known(e, i) || call_native(e, i)) return;
  if (OpHelper helper = helper_for(i.specialized)) return e.operation(helper, i.oparg + 2, 1, i.oparg);
  if (i.specialized == CALL_ALLOC_AND_ENTER_INIT) return call_class(e, i);
  const int operands = i.oparg + 2;
  prepare_operands(e, operands);
  call_python(e, i.oparg, e.home(e.stack().depth() - operands));
  take_call(e, operands);
}

}  // namespace whipsnake::opcodes
