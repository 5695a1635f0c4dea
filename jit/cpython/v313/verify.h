// Run-time verification of the private layouts of CPython 3.13.
#pragma once

namespace whipsnake::port {

// Null, or what is not laid out as expected ("frames", "thread state", ...). Makes a few small objects and looks at
// them through our offsets and through the public API; about a tenth of a millisecond. In the main interpreter, with
// the GIL; no exception is set afterwards.
const char* verify_layouts();

}  // namespace whipsnake::port
