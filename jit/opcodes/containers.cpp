#include <algorithm>
#include <vector>

#include "jit/opcodes/cells.h"
#include "jit/opcodes/expressions/expressions.h"
#include "jit/opcodes/families.h"
#include "jit/runtime/dict_lookup.h"
#include "jit/runtime/ops/ops.h"
#include "jit/runtime/sequences.h"

namespace whipsnake::opcodes {

using baseline::Value;

namespace {

// result = the value of the index on top of the stack, from the front of a sequence of this size; kArg1 is clobbered.
void load_index(Emitter& e, const Value& key, Mem size, Reg result, Label slow) {
  Masm& masm = e.masm();
  if (is_compact_constant(key)) {
    const Py_ssize_t value = port::compact_value(key.constant);
    masm.mov_imm(result, value);
    if (value < 0) masm.add(result, size);
    return;
  }
  const Label negative = masm.new_label();
  const Label loaded = masm.new_label();
  const Reg index = e.use(1, Reg::kArg1);
  sequences::guard_type(masm, index, &PyLong_Type, result, slow);
  sequences::compact_index(masm, result, index, negative, slow);
  masm.bind(loaded);
  e.cold([&masm, result, index, size, negative, loaded] {
    masm.bind(negative);
    sequences::index_from_end(masm, result, index, size);
    masm.jump(loaded);
  });
}

// sequence[int] for exact lists and tuples with a compact index in range.
void subscript_sequence(Emitter& e, const Instruction& i, bool is_list) {
  Masm& masm = e.masm();
  const Reg result = e.allocate();
  const bool guessed = i.specialized == BINARY_SUBSCR;
  const Emitter::Slow slow =
      guessed ? e.aside(&op_binary_subscr, 2, 1, i.oparg) : e.slow_path(&op_binary_subscr, 2, 1, i.oparg);
  const Value container = e.stack().peek(2);
  const Value key = e.stack().peek(1);
  const Reg sequence = e.use(2, Reg::kArg0);
  sequences::guard_type(masm, sequence, is_list ? &PyList_Type : &PyTuple_Type, Reg::kT0, slow.label);
  load_index(e, key, Mem::at(sequence, port::offset::kVarSize), Reg::kT0, slow.label);
  masm.cmp(Reg::kT0, Mem::at(sequence, port::offset::kVarSize));
  masm.jump_if(Cond::kAboveEqual, slow.label);
  if (is_list) {
    masm.load(Reg::kT1, Mem::at(sequence, port::offset::kListItems));
    masm.load(result, Mem::indexed(Reg::kT1, Reg::kT0, 8));
  } else {
    masm.load(result, Mem::indexed(sequence, Reg::kT0, 8, port::offset::kTupleItems));
  }
  e.incref(result);
  e.stack().drop(2);
  const int slot = e.stack().depth();
  e.release(key, slot + 1);
  e.release(container, slot);
  masm.bind(slow.resume);
  e.finish_slow(slow, result);
  e.stack().push(Value::in_register(result));
}

// dict[str or int]: the helper does the rest, KeyError included.
void subscript_dict(Emitter& e, const Instruction& i) {
  Masm& masm = e.masm();
  const Reg result = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_binary_subscr, 2, 1, i.oparg);
  const int slot = e.stack().depth() - 2;
  const Value container = e.stack().peek(2);
  const Value key = e.stack().peek(1);
  load_operand(e, 2, Reg::kArg0);
  load_operand(e, 1, Reg::kArg1);
  e.call(&known_item);
  masm.test(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kEqual, slow.label);
  masm.mov(result, Reg::kRet);
  e.stack().drop(2);
  e.release(key, slot + 1);
  e.release(container, slot);
  masm.bind(slow.resume);
  e.finish_slow(slow, result);
  e.stack().push(Value::in_register(result));
}

// The interpreter does not specialise these; they are of lists more often than not.
bool is_from_end(const Value& key) { return is_compact_constant(key) && port::compact_value(key.constant) < 0; }

}  // namespace

void binary_subscr(Emitter& e, const Instruction& i) {
  if (expression(e, i)) return;
  if (i.specialized == BINARY_SUBSCR_LIST_INT) return subscript_sequence(e, i, true);
  if (i.specialized == BINARY_SUBSCR_TUPLE_INT) return subscript_sequence(e, i, false);
  if (i.specialized == BINARY_SUBSCR_DICT) return subscript_dict(e, i);
  if (i.specialized == BINARY_SUBSCR && is_from_end(e.stack().peek(1))) return subscript_sequence(e, i, true);
  if (i.specialized == BINARY_SUBSCR_GETITEM) {
    if (GetItemCache* cache = new_getitem_cache(e))
      e.operation(&op_binary_subscr_getitem, 2, 1, reinterpret_cast<intptr_t>(cache));
    return;
  }
  e.operation(&op_binary_subscr, 2, 1, i.oparg);
}

void store_subscr(Emitter& e, const Instruction& i) {
  if (i.specialized != STORE_SUBSCR_LIST_INT) return e.operation(&op_store_subscr, 3, 0, i.oparg);
  Masm& masm = e.masm();
  const Emitter::Slow slow = e.slow_path(&op_store_subscr, 3, 0, i.oparg);
  const Value container = e.stack().peek(2);
  const Value key = e.stack().peek(1);
  const int slot = e.stack().depth() - 3;
  const Reg list = e.use(2, Reg::kArg0);
  sequences::guard_type(masm, list, &PyList_Type, Reg::kT0, slow.label);
  load_index(e, key, Mem::at(list, port::offset::kVarSize), Reg::kT0, slow.label);
  masm.cmp(Reg::kT0, Mem::at(list, port::offset::kVarSize));
  masm.jump_if(Cond::kAboveEqual, slow.label);
  masm.load(Reg::kArg2, Mem::at(list, port::offset::kListItems));
  masm.lea(Reg::kArg2, Mem::indexed(Reg::kArg2, Reg::kT0, 8));
  e.stack().drop(2);
  e.pop_owned(Reg::kT1);
  masm.load(Reg::kArg0, Mem::at(Reg::kArg2, 0));
  masm.store(Mem::at(Reg::kArg2, 0), Reg::kT1);
  e.decref(Reg::kArg0);
  e.release(key, slot + 2);
  e.release(container, slot + 1);
  masm.bind(slow.resume);
  e.finish_slow(slow, std::function<void()>());
}

// A slice that is used at once need not be made.
void build_slice(Emitter& e, const Instruction& i) {
  const Instruction* next = e.following();
  if (next != nullptr && next->opcode == BINARY_SUBSCR) {
    e.at(*next);
    e.skip_following();
    return e.operation(&op_subscr_built_slice, i.oparg + 1, 1, i.oparg);
  }
  if (next != nullptr && next->opcode == DELETE_SUBSCR) {
    e.at(*next);
    e.skip_following();
    return e.operation(&op_delete_built_slice, i.oparg + 1, 0, i.oparg);
  }
  e.operation(&op_build_slice, i.oparg, 1, i.oparg);
}

// 3.13 Include/internal/pycore_list.h, _PyList_AppendTakeRef.
void append_to_list(Emitter& e, Reg list) {
  Masm& masm = e.masm();
  const Label full = masm.new_label();
  const Label appended = masm.new_label();
  masm.load(Reg::kT0, Mem::at(list, port::offset::kVarSize));
  masm.cmp(Reg::kT0, Mem::at(list, port::offset::kListAllocated));
  masm.jump_if(Cond::kGreaterEqual, full);
  masm.load(Reg::kArg2, Mem::at(list, port::offset::kListItems));
  masm.store(Mem::indexed(Reg::kArg2, Reg::kT0, 8), Reg::kT1);
  masm.add_mem(Mem::at(list, port::offset::kVarSize), 1);
  masm.bind(appended);
  // Lists are full often: every fourth time to begin with. Growing one runs nobody's code.
  const Label failed = e.error_exit(0);
  e.cold([&e, list, full, appended, failed] {
    Masm& cold = e.masm();
    cold.bind(full);
    cold.mov(Reg::kArg0, list);
    cold.mov(Reg::kArg1, Reg::kT1);
    e.call(&_PyList_AppendTakeRefListResize);
    cold.test32(Reg::kRet, Reg::kRet);
    cold.jump_if(Cond::kEqual, appended);
    cold.jump(failed);
  });
}

// Comprehensions: the list is theirs alone.
void list_append(Emitter& e, const Instruction& i) {
  e.pop_owned(Reg::kT1);
  append_to_list(e, e.use(i.oparg, Reg::kArg0));
}

namespace {

// Whether machine code that is twice as long would not fit into the processor's nearest cache. Elsewhere the longer
// code is the faster.
bool is_large(const Emitter& e) {
  constexpr int kLarge = 1500;
  return port::instruction_count(e.code()) > kLarge;
}

// What follows UNPACK_SEQUENCE, if that is a store to a local variable for each item; else no stores.
struct Stores {
  std::vector<UnpackPlan::Store> all;
  int instructions = 0;
};

Stores stores_behind(const Emitter& e, int count) {
  Stores stores;
  const auto add = [&stores](int local, const Instruction& i) {
    stores.all.push_back({static_cast<uint16_t>(local), static_cast<uint16_t>(i.index)});
  };
  while (static_cast<int>(stores.all.size()) < count) {
    const Instruction* next = e.following(++stores.instructions);
    if (next == nullptr || next->index > UINT16_MAX) return {};
    if (next->opcode == STORE_FAST) {
      add(next->oparg, *next);
    } else if (next->opcode == STORE_FAST_STORE_FAST) {
      add(next->oparg >> 4, *next);
      add(next->oparg & 15, *next);
    } else {
      return {};
    }
  }
  if (static_cast<int>(stores.all.size()) != count) return {};
  return stores;
}

void unpack_to_locals(Emitter& e, const Instruction& i, const Stores& stores) {
  Masm& masm = e.masm();
  UnpackPlan* plan = new_unpack_plan(e, i.oparg);
  if (plan == nullptr) return;
  std::copy(stores.all.begin(), stores.all.end(), plan->stores);
  const Value value = e.stack().pop();
  for (const UnpackPlan::Store& store : stores.all) e.forget_local(store.local);
  e.stack().push(value);
  const Emitter::Slow slow = e.slow_path(&op_unpack_sequence, 1, i.oparg, i.oparg);
  const Reg sequence = e.use(1, Reg::kArg0);
  e.stack().drop(1);
  const Mem home = e.home(e.stack().depth());
  const uint8_t* whole = unpack_code(value.owned());
  if (whole == nullptr) return e.fail();
  masm.mov(Reg::kArg0, sequence);
  masm.mov_ptr(Reg::kArg1, plan);
  masm.lea(Reg::kArg2, home);
  masm.call_code(whole);
  masm.test32(Reg::kRet, Reg::kRet);
  masm.jump_if(Cond::kNotEqual, slow.label);
  masm.bind(slow.resume);
  e.finish_slow(slow, [&masm, plan, home] {
    masm.mov_ptr(Reg::kArg1, plan);
    masm.lea(Reg::kArg2, home);
    masm.call_code(store_locals_code());
  });
  e.skip_following(stores.instructions);
}

}  // namespace

// Exact tuples and lists of the right length; anything else is iterated by the helper.
// Sites may see both types; the one that the interpreter has specialised for comes first.
void unpack_sequence(Emitter& e, const Instruction& i) {
  const bool is_list = i.specialized == UNPACK_SEQUENCE_LIST;
  if (!is_list && i.specialized != UNPACK_SEQUENCE_TUPLE && i.specialized != UNPACK_SEQUENCE_TWO_TUPLE)
    return e.operation_storing(&op_unpack_sequence, 1, i.oparg, i.oparg);
  constexpr int kMany = 4;
  if (i.oparg >= kMany && is_large(e)) {
    const Stores stores = stores_behind(e, i.oparg);
    if (!stores.all.empty()) return unpack_to_locals(e, i, stores);
  }
  Masm& masm = e.masm();
  const Reg keep = e.allocate();
  const Emitter::Slow slow = e.slow_path(&op_unpack_sequence, 1, i.oparg, i.oparg);
  const Value value = e.stack().peek(1);
  const Reg sequence = e.use(1, Reg::kArg0);
  const Label other = masm.new_label();
  const Label known = masm.new_label();
  constexpr Reg kItems = Reg::kT1;
  const auto find_items = [](Masm& m, bool list, Reg from) {
    if (list)
      m.load(kItems, Mem::at(from, port::offset::kListItems));
    else
      m.lea(kItems, Mem::at(from, port::offset::kTupleItems));
  };
  sequences::guard_type(masm, sequence, is_list ? &PyList_Type : &PyTuple_Type, Reg::kT0, other);
  find_items(masm, is_list, sequence);
  masm.bind(known);
  masm.cmp(Mem::at(sequence, port::offset::kVarSize), i.oparg);
  masm.jump_if(Cond::kNotEqual, slow.label);
  if (value.owned()) masm.mov(keep, sequence);
  e.stack().drop(1);
  for (int item = i.oparg; item-- > 0;) {
    masm.load(Reg::kT0, Mem::at(kItems, item * static_cast<int32_t>(sizeof(PyObject*))));
    e.incref(Reg::kT0);
    masm.store(e.home(e.stack().depth()), Reg::kT0);
    e.stack().push(Value::memory());
  }
  if (value.owned()) e.decref(keep);
  masm.bind(slow.resume);
  e.cold([&e, find_items, other, known, sequence, is_list, slow] {
    Masm& cold = e.masm();
    cold.bind(other);
    cold.cmp(Reg::kT0, near_constant(is_list ? &PyTuple_Type : &PyList_Type));
    cold.jump_if(Cond::kNotEqual, slow.label);
    find_items(cold, !is_list, sequence);
    cold.jump(known);
  });
  e.finish_slow(slow, std::function<void()>());
}

}  // namespace whipsnake::opcodes
