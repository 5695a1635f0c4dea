// sys.monitoring as the loop counter uses it: the tool id that PEP 669 reserves for optimizers, with local JUMP events.
//
// CPython 3.13 exports no C functions for this, so the functions of the module sys.monitoring are called, by their C
// entry points, which change nothing but our own tool's bits.
#pragma once

#include "jit/cpython/v313/internals.h"

namespace whipsnake::port {

// Takes the tool id and registers `callback` (borrowed) for JUMP events. False when another tool has the id, or out of
// memory; no exception is set.
bool claim_optimizer_tool(PyObject* callback);
// Gives it back. All of our events must have been switched off.
void release_optimizer_tool();
// False when someone took the id or the callback away from us.
bool optimizer_tool_is_ours();

// Switches our JUMP events on `code` on or off, also while frames are running it. False on failure; no exception is
// set. Leaves a pending exception alone.
bool set_jump_events(PyCodeObject* code, bool on);

// Does to the instructions of `code`, which is running, what the interpreter does when it begins a function: makes
// those instrumented to whose events somebody listens now. Machine code begins functions without it, so the interpreter
// needs it before it is handed a frame in the middle. Leaves a pending exception alone.
void update_instrumentation(PyCodeObject* code);

// What a callback returns to hear no more of the instruction it was called for. Borrowed, immortal.
PyObject* monitoring_disable();

// True if any tool but ours listens to local events of `code`.
bool has_foreign_local_events(PyCodeObject* code);

// True if a tool of sys.monitoring (not the legacy profiler, which looks closer) hears CALL events, of all code or,
// with `code`, of that code object. The interpreter then tells such a tool of C_RETURN, too, for every callee that it
// does not inline, Python functions with a vectorcall of ours included.
bool calls_are_heard();
bool calls_are_heard(PyCodeObject* code);

// True if a tool of sys.monitoring hears any global event.
bool global_events_are_heard();

// While active, `changed(code)` is called whenever events were set through sys.monitoring: local ones of `code`, or,
// with null, global ones. The module's functions stay the same objects; only their C entry points are redirected.
bool observe_events(void (*changed)(PyCodeObject* code));
void stop_observing_events();

}  // namespace whipsnake::port
