// What the framework and the runtime count, as a dictionary that json.dumps takes.
#pragma once

#include "jit/cpython/port.h"

namespace whipsnake::observe {

// New reference; null with an exception set.
PyObject* statistics();

}  // namespace whipsnake::observe
