// What is hot is found by looking now and then at the frames on top of the running thread. Their code is compiled when
// it turns up often enough, and callers of hot code with it, so that calls between the two need not change sides.
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/engine/policy.h"
#include "jit/engine/sampler.h"
#include "jit/engine/thrashing.h"
#include "jit/runtime/context.h"
#include "jit/runtime/frames.h"
#include "jit/runtime/records.h"
#include "jit/support/clock.h"

namespace whipsnake::entry {

namespace {

void compile_frame(CodeRecord* record, Frame* frame) {
  watch_loops(record);  // while it is cold: all its frames are the interpreter's, and may be in the middle of a loop
  framework::compile(record, frame->f_globals, frame->f_builtins);
}

void note(Frame* frame, int depth) {
  CodeRecord* record = get_record(port::code_of(frame));
  if (record == nullptr) return;
  if (policy::compile_at_sample(*record, depth, sampler::taken())) compile_frame(record, frame);
  if (!record->compiled) return;
  auto* func = reinterpret_cast<PyFunctionObject*>(frame->f_funcobj);
  if (func->vectorcall == port::function_vectorcall) adopt(func);
}

void take_sample(PyThreadState* ts) {
  if (!framework::active() || !compiled_code_allowed() || !find_monitoring_quiet(ts)) return thrashing::look_away(ts);
  thrashing::look(ts, sampler::taken());
  int depth = 0;
  for (Frame* frame = ts->current_frame; frame != nullptr && depth < policy::kSampledFrames; frame = frame->previous) {
    if (!port::is_of_program(frame)) continue;
    // While a program loads its modules that is what samples find, and compiling it gives nothing back.
    if (!port::is_import_machinery(port::code_of(frame))) note(frame, depth);
    ++depth;
  }
}

// A function that is not compiled calls machine code.
void count_crossing(Frame* caller) {
  CodeRecord* record = get_record(port::code_of(caller));
  if (record == nullptr || record->state != TierState::kCold || !framework::active()) return;
  if (!policy::crosses_often(*record, now())) return;
  compile_frame(record, caller);
  if (record->compiled && PyFunction_Check(caller->f_funcobj))
    adopt(reinterpret_cast<PyFunctionObject*>(caller->f_funcobj));
}

// Machine code calls a function that is not compiled.
void count_call(PyFunctionObject* func) {
  CodeRecord* record = get_record(reinterpret_cast<PyCodeObject*>(func->func_code));
  if (record == nullptr || !framework::active()) return;
  if (record->state == TierState::kCold) {
    if (!policy::crosses_often(*record, now())) return;
    framework::compile(record, func->func_globals, func->func_builtins);
  }
  if (record->compiled) adopt(func);
}

}  // namespace

bool start_samples() {
  called_from_machine_code = count_call;
  calls_machine_code = count_crossing;
  return sampler::start(take_sample);
}

void stop_samples() {
  called_from_machine_code = nullptr;
  calls_machine_code = nullptr;
  sampler::stop();
  thrashing::forget(PyThreadState_GetUnchecked());
}

}  // namespace whipsnake::entry
