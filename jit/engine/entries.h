// The ways into compiled code. Each start() takes effect process-wide, each stop() undoes it; both are called by the
// framework only, with the GIL held, in the main interpreter.
#pragma once

#include <string>

#include "jit/runtime/code_record.h"

namespace whipsnake::entry {

// --- vectorcall: functions count their calls in a trampoline and are entered through their vectorcall pointer.
// False when no function watcher is to be had; nothing was changed then.
bool start_vectorcall();
void stop_vectorcall();
// Gives a function the vectorcall that the state of its code asks for. Only touches functions that have CPython's own
// or one of ours.
void adopt(PyFunctionObject* func);

// --- samples: in vectorcall mode, what the interpreter executes is looked at now and then; functions count only their
// first calls and have CPython's own vectorcall after them until they are compiled. False: there will be no samples.
bool start_samples();
void stop_samples();

// --- PEP 523: the frame evaluator counts and enters.
void start_eval_frame();
void stop_eval_frame();
bool eval_frame_displaced();  // somebody installed an evaluator after us
// In vectorcall mode: the next frame of exactly this function (module code, class bodies) is entered compiled.
void enter_once(PyFunctionObject* func);
void cancel_enter_once();
extern PyFunctionObject* awaited_function;  // borrowed, only compared; null when there is none

// --- loops: JUMP events of sys.monitoring count back edges of frames that the interpreter runs. Empty string, or why
// they are not available.
std::string start_loops();
void stop_loops();
// Starts counting the back edges of a cold code object with loops. Safe from anywhere, also while it runs.
void watch_loops(CodeRecord* record);
// Ends that. As safe.
void ignore_loops(CodeRecord* record);

// --- sys.monitoring: other tools may have changed the events they listen to, of `code` or (null) of all code.
// While one listens to calls, functions have their own vectorcall: the interpreter would take them for C functions and
// tell of their returns. An evaluator changes what the interpreter inlines, and so what tools hear in other ways, too.
void events_changed(PyCodeObject* code);
void suspend_vectorcall(bool suspend);
void suspend_eval_frame(bool suspend);

// --- generators resumed from C: next(), send(), asyncio.
void start_generators();
void stop_generators();

}  // namespace whipsnake::entry
