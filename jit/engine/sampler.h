// The clock of the tier-up policy: a thread that every millisecond or so asks the interpreter to look at what it is
// executing. Whatever does not turn up in such samples runs exactly as without us, calls inlined and nothing counted.
//
// The thread is one that the C library does not know of (quiet_thread.h), touches nothing of Python but the queue of
// pending calls (3.13 Python/ceval_gil.c), takes no signals, and sleeps for good while a request stays unanswered, so
// that an idle process stays idle. It is not there across a fork(): CPython warns of a process that forks with threads,
// and rightly.
#pragma once

#include <cstdint>

#include "jit/cpython/port.h"

namespace whipsnake::sampler {

// Starts sampling; `take` is called in the main interpreter with the GIL held, wherever it serves pending calls, and
// must neither raise nor run Python code. False when there can be no thread or its request cannot be made.
bool start(void (*take)(PyThreadState* ts));
void stop();

// For a fork that began before start() could register its hooks: the thread ends, and comes back after the fork.
void pause_for_fork();

uint64_t taken();  // samples so far, for statistics

}  // namespace whipsnake::sampler
