"""Start one process, wait for it, and print its time and memory as one line of JSON.

Run as ``python -I -S launch.py CORE STDOUT STDERR PROGRAM [ARGUMENT...]``, CORE being a number or "-".
A process of its own, because the kernel counts the memory of the process that starts a program
towards that program's peak: this one is smaller than any Python program, the demo's runner is not.
"""

import json
import os
import sys
import time


def main(core: str, stdout: str, stderr: str, *command: str) -> None:
    """Run the command with its streams in files, on the given processor core."""
    if core != "-":
        os.sched_setaffinity(0, {int(core)})
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, write, 0o644),
        (os.POSIX_SPAWN_OPEN, 2, stderr, write, 0o644),
    ]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=streams)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    figures = {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_kb": usage.ru_maxrss // 1024 if sys.platform == "darwin" else usage.ru_maxrss,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
