#include "jit/runtime/native_call_code.h"

#include <string>
#include <utility>
#include <vector>

#include "jit/asm/masm.h"
#include "jit/cpython/port.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/context.h"
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"

namespace whipsnake {

namespace {

namespace offset = port::offset;

constexpr int kMaxArguments = 5;
constexpr int32_t kWord = sizeof(PyObject*);
constexpr Reg kHome = Reg::kArg1;  // of the callable

// Those that decide how a function is called, and METH_STATIC, by which it has no self.
constexpr int kDeciding =
    METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD | METH_STATIC;

enum class Callable : uint8_t {
  kFunction,  // bound to its self
  kMethod,    // the descriptor of one, whose self is the first operand
  kClass,     // that has a tp_vectorcall
};
struct NativeConvention {
  const char* name;
  Callable callable;
  int flags;  // those that are set among kDeciding
};

constexpr int kFastKeywords = METH_FASTCALL | METH_KEYWORDS;

// What the interpreter has seen at a CALL.
struct Row {
  uint8_t specialized;
  NativeConvention convention;
  const uint8_t* made[kMaxArguments + 1];  // asked for at each site
};
Row rows[] = {
    {CALL_BUILTIN_O, {"builtin_o", Callable::kFunction, METH_O}, {}},
    {CALL_BUILTIN_FAST, {"builtin_fast", Callable::kFunction, METH_FASTCALL}, {}},
    {CALL_BUILTIN_FAST_WITH_KEYWORDS, {"builtin_keywords", Callable::kFunction, kFastKeywords}, {}},
    {CALL_METHOD_DESCRIPTOR_O, {"method_o", Callable::kMethod, METH_O}, {}},
    {CALL_METHOD_DESCRIPTOR_NOARGS, {"method_noargs", Callable::kMethod, METH_NOARGS}, {}},
    {CALL_METHOD_DESCRIPTOR_FAST, {"method_fast", Callable::kMethod, METH_FASTCALL}, {}},
    {CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS, {"method_keywords", Callable::kMethod, kFastKeywords}, {}},
    {CALL_BUILTIN_CLASS, {"class", Callable::kClass, 0}, {}},
    {CALL_TUPLE_1, {"class", Callable::kClass, 0}, {}},
};

// 3.13 Python/bytecodes.c, CALL_BUILTIN_* and CALL_METHOD_DESCRIPTOR_*.
class Maker {
 public:
  Maker(Masm& masm, const NativeConvention& convention, int arguments)
      : masm_(masm), convention_(convention), arguments_(arguments) {}

  void make() {
    if (convention_.callable == Callable::kClass) {
      find_class();
      call_class();
    } else {
      find_function();
      call();
    }
    release_operands();
    masm_.leave_thunk(kLocals);
    finish();
    masm_.bind(other_);
    masm_.lea(Reg::kArg1, operand(2 + arguments_));
    masm_.mov_imm(Reg::kArg2, arguments_);
    masm_.mov(Reg::kArg0, Reg::kThread);
    const OpHelper general = convention_.callable == Callable::kClass ? &op_call : &op_call_native;
    masm_.jump_mem(near_constant(address_of(general)));
    emit_deaths();
  }

 private:
  static constexpr int kLocals = 16;
  static Mem saved(int index) { return Mem::at(Reg::kNativeStack, index * kWord); }
  static Mem operand(int index) { return Mem::at(kHome, index * kWord); }

  // kT1 = the function's definition, kArg0 = its self.
  void find_function() {
    masm_.load(Reg::kT0, operand(0));
    if (convention_.callable == Callable::kMethod) {
      sequences::guard_type(masm_, Reg::kT0, &PyMethodDescr_Type, Reg::kT1, other_);
      masm_.load(Reg::kArg0, operand(1));
      masm_.test(Reg::kArg0, Reg::kArg0);
      masm_.jump_if(Cond::kEqual, other_);
      masm_.load(Reg::kT1, Mem::at(Reg::kArg0, offset::kType));
      masm_.cmp(Reg::kT1, Mem::at(Reg::kT0, offset::kDescriptorType));
      masm_.jump_if(Cond::kNotEqual, other_);
      masm_.load(Reg::kT1, Mem::at(Reg::kT0, offset::kDescriptorMethod));
    } else {
      sequences::guard_type(masm_, Reg::kT0, &PyCFunction_Type, Reg::kT1, other_);
      masm_.cmp(operand(1), 0);
      masm_.jump_if(Cond::kNotEqual, other_);
      masm_.load(Reg::kT1, Mem::at(Reg::kT0, offset::kNativeDefinition));
      masm_.load(Reg::kArg0, Mem::at(Reg::kT0, offset::kNativeSelf));
    }
    masm_.load32(Reg::kT0, Mem::at(Reg::kT1, static_cast<int32_t>(offsetof(PyMethodDef, ml_flags))));
    masm_.and_(Reg::kT0, kDeciding);
    masm_.cmp32(Reg::kT0, convention_.flags);
    masm_.jump_if(Cond::kNotEqual, other_);
    masm_.cmp32(Mem::at(Reg::kThread, offset::kThreadCRecursionRemaining), 0);
    masm_.jump_if(Cond::kLessEqual, other_);
  }

  // kT1 = the class's vectorcall, kArg0 = the class.
  void find_class() {
    masm_.load(Reg::kArg0, operand(0));
    sequences::guard_type(masm_, Reg::kArg0, &PyType_Type, Reg::kT1, other_);
    masm_.cmp(operand(1), 0);
    masm_.jump_if(Cond::kNotEqual, other_);
    masm_.load(Reg::kT1, Mem::at(Reg::kArg0, static_cast<int32_t>(offsetof(PyTypeObject, tp_vectorcall))));
    masm_.test(Reg::kT1, Reg::kT1);
    masm_.jump_if(Cond::kEqual, other_);
  }

  // kRet = the result; kHome as before.
  void call_class() {
    masm_.enter_thunk(kLocals);
    masm_.store(saved(0), kHome);
    pass_array();
    masm_.call(Reg::kT1);
    masm_.load(kHome, saved(0));
  }

  // The address and number of the arguments, and no names of keywords.
  void pass_array() {
    masm_.add(Reg::kArg1, 2 * kWord);
    masm_.mov_imm(Reg::kArg2, arguments_);
    masm_.mov_imm(Reg::kArg3, 0);
  }

  // kRet = the result; kHome as before.
  void call() {
    masm_.add_mem32(Mem::at(Reg::kThread, offset::kThreadCRecursionRemaining), -1);
    masm_.enter_thunk(kLocals);
    masm_.store(saved(0), kHome);
    switch (convention_.flags) {
      case METH_NOARGS: masm_.mov_imm(Reg::kArg1, 0); break;
      case METH_O: masm_.load(Reg::kArg1, operand(2)); break;
      default: pass_array();
    }
    const Mem function = Mem::at(Reg::kT1, static_cast<int32_t>(offsetof(PyMethodDef, ml_meth)));
    if (may_be_dict_get())
      call_dict_get_or(function);
    else
      masm_.call_mem(function);
    masm_.add_mem32(Mem::at(Reg::kThread, offset::kThreadCRecursionRemaining), 1);
    masm_.load(kHome, saved(0));
  }

  bool may_be_dict_get() const {
    return convention_.flags == METH_FASTCALL && (arguments_ == 1 || arguments_ == 2) && cpython_dict_get != nullptr;
  }

  void call_dict_get_or(Mem function) {
    const Label other = masm_.new_label();
    masm_.load(Reg::kT0, function);
    masm_.cmp(Reg::kT0, near_constant(address_of(cpython_dict_get)));
    masm_.skip_if(Cond::kNotEqual, other);
    masm_.load(Reg::kT0, near_constant(address_of(&dict_get)));
    masm_.bind(other);
    masm_.call(Reg::kT0);
  }

  void release_operands() {
    for (int i = convention_.callable == Callable::kMethod ? 1 : 2; i < 2 + arguments_; ++i) release(operand(i));
    release(operand(0));
  }

  void release(Mem place) {
    const Label dead = masm_.new_label();
    const Label released = masm_.new_label();
    masm_.load(Reg::kT0, place);
    sequences::decref(masm_, Reg::kT0, dead);
    masm_.bind(released);
    deaths_.emplace_back(dead, released);
  }

  void emit_deaths() {
    for (const auto& [dead, released] : deaths_) {
      masm_.bind(dead);
      masm_.store(saved(1), Reg::kRet);
      masm_.mov(Reg::kArg0, Reg::kT0);
      masm_.call_mem(near_constant(address_of(&dealloc)));
      masm_.load(Reg::kRet, saved(1));
      masm_.load(kHome, saved(0));
      masm_.jump(released);
    }
  }

  // What after_call() does.
  void finish() {
    const Label failed = masm_.new_label();
    const Label asked = masm_.new_label();
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.skip_if(Cond::kEqual, failed);
    masm_.load(Reg::kT0, Mem::at(Reg::kThread, offset::kThreadEvalBreaker));
    masm_.cmp(Reg::kT0, Mem::absolute(&near_table->ok_breaker));
    masm_.skip_if(Cond::kNotEqual, asked);
    masm_.bind(failed);
    masm_.ret();
    masm_.bind(asked);
    masm_.mov(Reg::kArg1, Reg::kRet);
    masm_.mov(Reg::kArg0, Reg::kThread);
    masm_.jump_mem(near_constant(address_of(&after_call_slow)));
  }

  Masm& masm_;
  const NativeConvention& convention_;
  const int arguments_;
  const Label other_ = masm_.new_label();        // something else than expected: kHome as at the beginning
  std::vector<std::pair<Label, Label>> deaths_;  // of the object in kT0; where to go on
};

}  // namespace

const uint8_t* native_call_code(uint8_t specialized, int arguments) {
  if (arguments > kMaxArguments) return nullptr;
  for (Row& row : rows) {
    if (row.specialized != specialized) continue;
    const NativeConvention& convention = row.convention;
    const bool fits = convention.flags == METH_O        ? arguments == 1
                      : convention.flags == METH_NOARGS ? arguments == 0
                                                        : true;
    if (!fits) return nullptr;
    const uint8_t*& made = row.made[arguments];
    if (made == nullptr)
      made = shared_code("native_call." + std::string(convention.name) + '.' + std::to_string(arguments),
                         [&](Masm& masm) { Maker(masm, convention, arguments).make(); });
    return made;
  }
  return nullptr;
}

}  // namespace whipsnake
