// [late-start] The core's part in starting late: autoload's `_late` has asked for it, and it happens at whichever comes
// first, a pending call a few milliseconds into the program, the import of this module, or a fork.
#pragma once

namespace whipsnake {

// Enables with the default options if `_late` has asked and nobody has done it yet. In the main interpreter, with the
// GIL. No exception is set afterwards.
void start_if_asked();

}  // namespace whipsnake
