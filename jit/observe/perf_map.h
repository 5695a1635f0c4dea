// /tmp/perf-PID.map, which Linux perf reads to give machine code its names.
#pragma once

namespace whipsnake::observe {

// From now on each piece of machine code gets a line. A child process after fork() writes a file of its own, for what
// it compiles itself. Failure to write is ignored: the map is a convenience.
void start_perf_map();
void stop_perf_map();

}  // namespace whipsnake::observe
