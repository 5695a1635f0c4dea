// Finds programs that come to machine code only when it is gone from the processor's caches, and are faster in the
// interpreter, whose loop stays there: they walk through more of it in turn than an instruction cache holds, or spend
// their time elsewhere and come to it now and then. From time to time some thousand steps of one thread (function
// entries and back edges of loops that machine code makes) are watched, by way of the breaker: tried on a model of the
// cache, and timed. [thrash]
#pragma once

#include <cstdint>

#include "jit/cpython/port.h"

namespace whipsnake::thrashing {

// Called at each sample, by the thread that is sampled: ends a watch, draws the conclusion (policy::thrashing), and
// starts the next one. `sample` is the sample's number.
void look(PyThreadState* ts, uint64_t sample);

// Instead of look(), while machine code must not run. `ts` is the thread that is sampled.
void look_away(PyThreadState* ts);

// As if nothing had been seen. `ts` is the calling thread.
void forget(PyThreadState* ts);

}  // namespace whipsnake::thrashing
