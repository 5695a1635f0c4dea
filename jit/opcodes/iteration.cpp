#include <limits>

#include "jit/opcodes/cells.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/generators.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/thunks.h"

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
    iterator_ = e.home(e.stack().depth() - 1);
    top_ = e.home(e.stack().depth());
    failed_ = e.error_exit();
    result_ = e.allocate();
  }

  Reg result() const { return result_; }
  Label exhausted() const { return exhausted_; }
  Label failed() const { return failed_; }
  Mem iterator() const { return iterator_; }

  // Anything the fast paths do not handle: the helper finds the next item. For hot and cold code.
  void generic() {
    Masm& masm = e_.masm();
    e_.store_position();
    masm.mov(Reg::kArg0, Reg::kThread);
    masm.lea(Reg::kArg1, top_);
    masm.mov_imm(Reg::kArg2, 0);
    e_.call(&op_for_iter_next);
    masm.cmp(Reg::kRet, 1);  // null: error; kDone: exhausted
    masm.jump_if(Cond::kEqual, exhausted_);
    masm.jump_if(Cond::kBelow, failed_);
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
  Label failed_;
  Mem iterator_;  // on top of the stack
  Mem top_;
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

// The store behind the loop's head, if that is what it is.
const Instruction* store_behind(Emitter& e) {
  const Instruction* next = e.following();
  return next != nullptr && (next->opcode == STORE_FAST || next->opcode == STORE_FAST_LOAD_FAST) ? next : nullptr;
}

// Goes to `stored` when the next number has been written into the object that the variable of `store` had, and nobody
// else.
void next_of_range(Emitter& e, ForIter& loop, Label other, const Instruction* store, Label stored) {
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
  if (store != nullptr) {
    const Label elsewhere = masm.new_label();
    sequences::overwrite_int(masm, e.local(stored_local(*store)), Reg::kArg0, Reg::kT1, Reg::kT0, elsewhere);
    masm.jump(stored);
    masm.bind(elsewhere);
  }
  const Label longer = masm.new_label();
  const Label made = masm.new_label();
  load_if_small_int(masm, loop.result(), Reg::kArg0, Reg::kT0, longer);
  masm.jump(made);
  masm.bind(longer);
  e.store_position();
  e.call(&int_from_signed);
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, e.error_exit());
  masm.mov(loop.result(), Reg::kRet);
  masm.bind(made);
}

// Behind the resumption of the generator at `home`: jumps to `finished` when it has returned, its result in kRet.
void look_how_resumed(Emitter& e, Mem home, Label failed, Label finished) {
  Masm& masm = e.masm();
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, failed);
  masm.load(Reg::kT1, home);
  masm.cmp8(Mem::at(Reg::kT1, port::offset::kGeneratorState), FRAME_EXECUTING);
  masm.jump_if(Cond::kGreaterEqual, finished);
}

void next_of_generator(Emitter& e, ForIter& loop, Label other) {
  Masm& masm = e.masm();
  const Label returned = masm.new_label();
  e.store_position();
  masm.load(Reg::kArg1, loop.iterator());
  sequences::guard_type(masm, Reg::kArg1, &PyGen_Type, Reg::kT1, other);
  masm.cmp8(Mem::at(Reg::kArg1, port::offset::kGeneratorState), FRAME_EXECUTING);
  masm.jump_if(Cond::kGreaterEqual, other);
  masm.load(Reg::kArg2, near_constant(Py_None));
  ResumeCache* cache = new_resume_cache(e);
  if (cache == nullptr) return;
  masm.mov_ptr(Reg::kT0, cache);
  masm.call_mem(near_constant(thunks.resume));
  look_how_resumed(e, loop.iterator(), loop.failed(), returned);
  masm.mov(loop.result(), Reg::kRet);
  e.stack().push(Value::in_register(loop.result()));
  e.jump_if_heard(e.leave_exit(e.instruction().next));
  e.stack().drop(1);
  e.cold([&e, returned, exhausted = loop.exhausted()] {
    e.masm().bind(returned);
    if (kHostCpu == Cpu::kX64) e.masm().mov(Reg::kArg0, Reg::kRet);
    e.decref(Reg::kArg0);
    e.masm().jump(exhausted);
  });
}

}  // namespace

void for_iter(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  ForIter loop(e, i);
  const Label other = masm.new_label();
  const Label next = masm.new_label();
  const Instruction* store = i.specialized == FOR_ITER_RANGE ? store_behind(e) : nullptr;
  const Label stored = masm.new_label();
  switch (e.without_fast_path() ? FOR_ITER : i.specialized) {
    case FOR_ITER_LIST: next_of_sequence(e, loop, &PyListIter_Type, true, other); break;
    case FOR_ITER_TUPLE: next_of_sequence(e, loop, &PyTupleIter_Type, false, other); break;
    case FOR_ITER_RANGE: next_of_range(e, loop, other, store, stored); break;
    case FOR_ITER_GEN: next_of_generator(e, loop, other); break;
    default:
      loop.generic();
      loop.finish();
      return;
  }
  masm.bind(next);
  // Anything else out of line; places that see lists and tuples are common.
  loop.sequence_ended();
  e.cold([&e, loop, other, next, specialized = i.specialized]() mutable {
    const Label neither = e.masm().new_label();
    e.masm().bind(other);
    if (specialized == FOR_ITER_LIST || specialized == FOR_ITER_TUPLE) {
      const bool is_list = specialized == FOR_ITER_TUPLE;
      next_of_sequence(e, loop, is_list ? &PyListIter_Type : &PyTupleIter_Type, is_list, neither);
      e.masm().jump(next);
    }
    e.masm().bind(neither);
    loop.generic();
    e.masm().jump(next);
  });
  loop.finish();
  if (store == nullptr) return;
  e.at(*store);
  store_local(e, stored_local(*store));
  masm.bind(stored);
  if (store->opcode == STORE_FAST_LOAD_FAST) e.push_local(store->oparg & 15);
  e.skip_following();
}

// Sites that have seen a generator or coroutine resume it directly; the rest, and they for anything else, ask
// op_send().
void send(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  e.flush();
  const Label finished = masm.new_label();
  const Label finished_tagged = masm.new_label();
  const Reg result = e.allocate();
  const Mem receiver = e.home(e.stack().depth() - 2);
  const int top = e.code()->co_nlocalsplus + e.stack().depth() - 1;  // without the value
  const bool delegates = i.specialized == SEND_GEN && top <= std::numeric_limits<uint16_t>::max();
  if (delegates) {
    const Label known = masm.new_label();
    const Emitter::Slow slow = e.slow_path(&op_send, 1, 1, 0);
    if (slow.site != nullptr) slow.site->finished = static_cast<uint32_t>(i.target);
    e.store_position();
    masm.load(Reg::kArg1, receiver);
    masm.load(Reg::kT1, Mem::at(Reg::kArg1, port::offset::kType));
    masm.cmp(Reg::kT1, near_constant(&PyCoro_Type));
    masm.jump_if(Cond::kEqual, known);
    masm.cmp(Reg::kT1, near_constant(&PyGen_Type));
    masm.jump_if(Cond::kNotEqual, slow.label);
    masm.bind(known);
    masm.cmp8(Mem::at(Reg::kArg1, port::offset::kGeneratorState), FRAME_EXECUTING);
    masm.jump_if(Cond::kGreaterEqual, slow.label);
    masm.load(Reg::kArg2, e.home(e.stack().depth() - 1));
    e.stack().drop(1);
    masm.store16_imm(Mem::at(Reg::kFrame, port::offset::kFrameReturnOffset), static_cast<int16_t>(top));
    masm.jump_code(thunks.delegate);
    e.bind_continuation();
    look_how_resumed(e, receiver, e.error_exit(), finished);
    masm.mov(result, Reg::kRet);
    masm.bind(slow.resume);
    e.finish_slow(slow, [&e, finished_tagged, result] {
      e.masm().test(Reg::kRet, static_cast<int32_t>(kSendFinished));
      e.masm().jump_if(Cond::kNotEqual, finished_tagged);
      e.masm().mov(result, Reg::kRet);
    });
  } else {
    e.operation_call(&op_send, 1, 0);
    masm.test(Reg::kRet, Reg::kRet);
    masm.jump_if(Cond::kEqual, e.error_exit());
    masm.test(Reg::kRet, static_cast<int32_t>(kSendFinished));
    masm.jump_if(Cond::kNotEqual, finished_tagged);
    masm.mov(result, Reg::kRet);
  }
  const Mem returned = e.home(e.stack().depth());
  const int target = i.target;
  e.stack().push(Value::memory());
  const Label heard = e.leave_exit(static_cast<uint32_t>(target));
  e.stack().drop(1);
  e.cold([&e, finished, finished_tagged, returned, target, heard] {
    e.masm().bind(finished_tagged);
    e.masm().sub(Reg::kRet, static_cast<int32_t>(kSendFinished));
    e.masm().bind(finished);
    e.masm().store(returned, Reg::kRet);
    e.jump_if_heard(heard);
    e.masm().jump(e.label_of(target));
  });
  e.stack().push(Value::in_register(result));
  if (delegates) e.jump_if_heard(e.leave_exit(i.next));
}

}  // namespace whipsnake::opcodes
