#include "jit/baseline/frames.h"

#include "jit/runtime/calls.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/shapes.h"
#include "jit/runtime/thunks.h"

namespace whipsnake::baseline {

namespace {

using Finish = PyObject*(PyThreadState* ts, Frame* frame, PyObject* value, ThreadContext* context);

void leave_by(Emitter& e, const uint8_t* thunk) {
  e.masm().jump_code(thunk);
  e.end_block();
}

void leave_by(Emitter& e, Finish* finish, const uint8_t* thunk) {
  e.masm().load(Reg::kT0, near_constant(address_of(finish)));
  leave_by(e, thunk);
}

}  // namespace

void emit_entrance(Emitter& e, CodeEntry* door) {
  *door = describe_entry(e.code(), e.globals(), e.builtins(), nullptr);
  door->take = entry_of_shape(*door);
  Masm& masm = e.masm();
  masm.mov_embedded(Reg::kArg4, door);
  if (masm.size() != kDoorInEntrance + sizeof door) e.fail();
  masm.jump_mem(near_constant(address_of(&enter_compiled)));
  masm.align(16);
}

void emit_return(Emitter& e) {
  constexpr int kGenerators = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
  if (const uint8_t* shared = return_of_shape(e.code())) return leave_by(e, shared);
  leave_by(e, &finish_frame, (e.code()->co_flags & kGenerators) != 0 ? thunks.finish_generator : thunks.finish);
}

void emit_return_generator(Emitter& e) { leave_by(e, &return_generator, thunks.finish); }

void emit_yield(Emitter& e, int oparg) {
  // An oparg that CPython's compiler does not make is yield_value()'s business.
  const bool usual = oparg == 0 || oparg == 1;
  e.store_position(usual ? 1 : 0);
  if (usual) return leave_by(e, thunks.yield[oparg]);
  leave_by(e, &yield_value, thunks.finish_generator);
}

}  // namespace whipsnake::baseline
