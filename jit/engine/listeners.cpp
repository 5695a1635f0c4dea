// Other users of sys.monitoring: what compiled code and its entries have to know about them.
#include "jit/cpython/port.h"
#include "jit/engine/entries.h"
#include "jit/engine/framework.h"
#include "jit/runtime/context.h"
#include "jit/runtime/records.h"

namespace whipsnake::entry {

namespace {

struct Found {
  bool local_events = false;
  bool calls = false;
};

void note_foreign_events(CodeRecord* record, void* context) {
  auto* found = static_cast<Found*>(context);
  record->foreign_events = port::has_foreign_local_events(record->code);
  if (!record->foreign_events) return;
  found->local_events = true;
  if (port::calls_are_heard(record->code)) found->calls = true;
}

}  // namespace

void events_changed(PyCodeObject* code) {
  if (!framework::enabled()) return;
  // A record for each code object that others listen to, so that they are found when the last one stops listening.
  if (code != nullptr && port::has_foreign_local_events(code)) get_record(code);
  Found found;
  visit_records(note_foreign_events, &found);
  foreign_local_events = found.local_events;
  // Local events change no version; compiled code that is running has to look.
  allow_compiled_code(PyThreadState_Get(), compiled_code_allowed());
  const bool heard = found.calls || port::calls_are_heard();
  suspend_vectorcall(heard);
  suspend_eval_frame(heard || port::global_events_are_heard());
}

}  // namespace whipsnake::entry
