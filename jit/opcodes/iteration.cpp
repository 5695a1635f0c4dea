#include "jit/opcodes/families.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// 3.13 Include/internal/pycore_list.h and pycore_tuple.h, _PyListIterObject and _PyTupleIterObject.
struct SequenceIterator {
  PyObject head;
  Py_ssize_t index;
  PyObject* sequence;  // null when exhausted
};
static_assert(sizeof(SequenceIterator) == sizeof(_PyListIterObject));
static_assert(offsetof(SequenceIterator, sequence) == offsetof(_PyListIterObject, it_seq));
static_assert(offsetof(SequenceIterator, sequence) == offsetof(_PyTupleIterObject, it_seq));

// The end of a loop over a list or tuple. 3.13 Python/bytecodes.c, _ITER_JUMP_LIST. Steals the iterator.
void end_sequence_iterator(SequenceIterator* iterator) {
  if (Py_IS_TYPE(&iterator->head, &PyListIter_Type)) iterator->index = -1;
  Py_CLEAR(iterator->sequence);
  Py_DECREF(&iterator->head);
}

// What all for loops share: the iterator is in memory on top of the stack; after the template the next item is above.
class ForIter {
 public:
  ForIter(Emitter& e, const Instruction& i) : e_(e), i_(i), exhausted_(e.masm().new_label()) {
    e.flush();
    result_ = e.allocate();
  }

  Reg result() const { return result_; }
  Label exhausted() const { return exhausted_; }
  Mem iterator() const { return e_.home(e_.stack().depth() - 1); }

  // Anything the fast path does not handle: the helper finds the next item.
  void generic() {
    Masm& masm = e_.masm();
    e_.operation_call(&op_for_iter_next, 0, 0);
    const Label failed = e_.error_exit();
    masm.cmp(Reg::kRet, 1);  // null: error; kDone: exhausted
    masm.jump_if(Cond::kEqual, exhausted_);
    masm.jump_if(Cond::kBelow, failed);
    masm.mov(result_, Reg::kRet);
  }

  // Where the fast path of a list or tuple goes at the end of the sequence.
  Label sequence_ended() {
    if (!ended_.valid()) ended_ = e_.masm().new_label();
    return ended_;
  }

  // The cold ends of the loop: what is exhausted dies, and whoever began to listen in the last step hears of the line
  // behind the loop.
  void finish() {
    Emitter& e = e_;
    const int slot = e.stack().depth() - 1;
    const int target = i_.target;
    const bool may_be_generator = i_.specialized == FOR_ITER_GEN || i_.specialized == FOR_ITER;
    const Label heard_at_end = may_be_generator ? leave_at_end_for() : Label();
    e.stack().drop(1);
    const Label heard = e.leave_exit(static_cast<uint32_t>(target));
    e.stack().push(Value::memory());
    e.cold([&e, ended = ended_, exhausted = exhausted_, heard, heard_at_end, slot, target] {
      Masm& masm = e.masm();
      const Label out = masm.new_label();
      masm.bind(exhausted);
      if (heard_at_end.valid()) {
        const Label other = masm.new_label();
        masm.load(Reg::kArg0, e.home(slot));
        sequences::guard_type(masm, Reg::kArg0, &PyGen_Type, Reg::kT0, other);
        e.jump_if_heard(heard_at_end);
        masm.bind(other);
      }
      masm.load(Reg::kArg0, e.home(slot));
      e.decref(Reg::kArg0);
      masm.bind(out);
      e.jump_if_heard(heard);
      masm.jump(e.label_of(target));
      if (!ended.valid()) return;
      masm.bind(ended);
      e.store_position();
      masm.load(Reg::kArg0, e.home(slot));
      e.call(&end_sequence_iterator);
      masm.jump(out);
    });
    e.stack().push(Value::in_register(result_));
  }

 private:
  // The interpreter inlines a generator that it has seen here: the last step ends at END_FOR, where tools hear of it,
  // with the generator and what it returned on the stack. Other iterators skip that instruction.
  Label leave_at_end_for() {
    constexpr int kEndForAndPopTop = 2;  // units that FOR_ITER skips when it finds its iterator exhausted
    e_.push_constant(Py_None);
    const Label label = e_.leave_exit(static_cast<uint32_t>(i_.target - kEndForAndPopTop));
    e_.stack().drop(1);
    return label;
  }

  Emitter& e_;
  const Instruction& i_;
  Label exhausted_;
  Label ended_;
  Reg result_ = Reg::kNone;
};

constexpr int32_t kIndex = offsetof(SequenceIterator, index);
constexpr int32_t kSequence = offsetof(SequenceIterator, sequence);

void next_of_sequence(Emitter& e, ForIter& loop, PyTypeObject* iterator_type, bool is_list, Label other) {
  Masm& masm = e.masm();
  masm.load(Reg::kArg0, loop.iterator());
  sequences::guard_type(masm, Reg::kArg0, iterator_type, Reg::kT0, other);
  masm.load(Reg::kArg1, Mem::at(Reg::kArg0, kSequence));
  masm.test(Reg::kArg1, Reg::kArg1);
  masm.jump_if(Cond::kEqual, loop.sequence_ended());
  masm.load(Reg::kT0, Mem::at(Reg::kArg0, kIndex));
  masm.cmp(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kVarSize));
  masm.jump_if(Cond::kAboveEqual, loop.sequence_ended());
  if (is_list) {
    masm.load(Reg::kArg1, Mem::at(Reg::kArg1, port::offset::kListItems));
    masm.load(loop.result(), Mem::indexed(Reg::kArg1, Reg::kT0, 8));
  } else {
    masm.load(loop.result(), Mem::indexed(Reg::kArg1, Reg::kT0, 8, port::offset::kTupleItems));
  }
  masm.add(Reg::kT0, 1);
  masm.store(Mem::at(Reg::kArg0, kIndex), Reg::kT0);
  e.incref(loop.result());
}

void next_of_range(Emitter& e, ForIter& loop, Label other) {
  Masm& masm = e.masm();
  masm.load(Reg::kArg1, loop.iterator());
  sequences::guard_type(masm, Reg::kArg1, &PyRangeIter_Type, Reg::kT0, other);
  masm.cmp(Mem::at(Reg::kArg1, port::offset::kRangeIterLength), 0);
  masm.jump_if(Cond::kLessEqual, loop.exhausted());
  masm.load(Reg::kArg0, Mem::at(Reg::kArg1, port::offset::kRangeIterStart));
  masm.load(Reg::kT0, Mem::at(Reg::kArg1, port::offset::kRangeIterStep));
  masm.add(Reg::kT0, Reg::kArg0);
  masm.store(Mem::at(Reg::kArg1, port::offset::kRangeIterStart), Reg::kT0);
  masm.add_mem(Mem::at(Reg::kArg1, port::offset::kRangeIterLength), -1);
  e.store_position();
  e.call(&int_from_signed);
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, e.error_exit());
  masm.mov(loop.result(), Reg::kRet);
}

}  // namespace

void for_iter(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  ForIter loop(e, i);
  const Label other = masm.new_label();
  switch (i.specialized) {
    case FOR_ITER_LIST: next_of_sequence(e, loop, &PyListIter_Type, true, other); break;
    case FOR_ITER_TUPLE: next_of_sequence(e, loop, &PyTupleIter_Type, false, other); break;
    case FOR_ITER_RANGE: next_of_range(e, loop, other); break;
    default:
      loop.generic();
      loop.finish();
      return;
  }
  // Anything else, out of line.
  const Emitter::Slow slow = e.slow_path(&op_for_iter_next, 0, 1, 0);
  masm.bind(slow.resume);
  e.finish_slow({other, slow.resume, slow.site}, [&e, exhausted = loop.exhausted(), result = loop.result()] {
    e.masm().cmp(Reg::kRet, 1);
    e.masm().jump_if(Cond::kEqual, exhausted);
    e.masm().mov(result, Reg::kRet);
  });
  loop.finish();
}

void send(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  e.flush();
  e.operation_call(&op_send, 1, 0);
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, e.error_exit());
  const Label finished = masm.new_label();
  masm.test(Reg::kRet, static_cast<int32_t>(kSendFinished));
  masm.jump_if(Cond::kNotEqual, finished);
  const Mem returned = e.home(e.stack().depth());
  const int target = i.target;
  e.stack().push(Value::memory());
  const Label heard = e.leave_exit(static_cast<uint32_t>(target));
  e.stack().drop(1);
  e.cold([&e, finished, returned, target, heard] {
    e.masm().bind(finished);
    e.masm().sub(Reg::kRet, static_cast<int32_t>(kSendFinished));
    e.masm().store(returned, Reg::kRet);
    e.jump_if_heard(heard);
    e.masm().jump(e.label_of(target));
  });
  e.push_owned(Reg::kRet);
}

}  // namespace whipsnake::opcodes
