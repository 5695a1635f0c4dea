"""Runs a batch of programs, one after another in one process: ``worker.py batch.json results.jsonl``.

The batch is a JSON object: "programs", a list of texts, "limit", the processor seconds that one program may take
(0: no limit), and "lifetimes", whether destructors and reference counts are logged. One line per program is
written before it starts and one after it, so that a process that dies tells where. It ends after a program that
cannot be compared. The last line has Whipsnake's statistics, if it is loaded.
"""

from __future__ import annotations

import builtins
import gc
import json
import linecache
import resource
import signal
import sys
import types
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import observe  # type: ignore[import-not-found]  # a script finds it next to itself

MEMORY = 256 * 2**20
"""Bytes that programs may allocate; one that wants more is not compared."""


def _out_of_time(number: int, frame: object) -> None:
    raise observe.Discard("time")


def run(text: str, limit: float) -> tuple[str, list[str]]:
    """Run a program: "" or why it is not to be compared, and its log."""
    lines = observe.LINES
    lines.clear()
    observe.Discard.reason = ""
    module = types.ModuleType("fuzz")
    namespace: dict[str, Any] = module.__dict__
    namespace |= {**observe.NAMES, "__name__": observe.FILENAME, "__builtins__": builtins}
    kept = dict(vars(builtins))
    linecache.cache[observe.FILENAME] = (len(text), None, text.splitlines(True), observe.FILENAME)
    if limit:
        signal.setitimer(signal.ITIMER_PROF, limit, limit)  # again, if the program swallows it
    try:
        try:
            exec(compile(text, observe.FILENAME, "exec", dont_inherit=True), namespace)
        except Exception as error:
            observe.reset()
            observe.emit(f"ended by {observe.describe_error(error)}")
            if isinstance(error, MemoryError):
                observe.Discard.reason = "memory"
            error.__traceback__ = None
            del error
        observe.reset()
        if vars(builtins) != kept:
            for name in vars(builtins).keys() - kept.keys():
                delattr(builtins, name)
            for name, value in kept.items():
                setattr(builtins, name, value)
        observe.emit("end")
        namespace.clear()
        del module, namespace
        gc.collect()
    except observe.Discard:
        pass
    finally:
        if limit:
            signal.setitimer(signal.ITIMER_PROF, 0)
        observe.reset()
    return observe.Discard.reason, list(lines)


def main() -> None:
    """Run the batch."""
    batch = json.loads(Path(sys.argv[1]).read_text())
    limit = batch["limit"]
    signal.signal(signal.SIGPROF, _out_of_time)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = used + (MEMORY if limit else 4 * MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    sys.unraisablehook = observe.unraisable
    if not batch["lifetimes"]:
        observe.hide_lifetimes()
    gc.disable()
    warnings.simplefilter("ignore")
    sys.set_int_max_str_digits(0)
    with open(sys.argv[2], "w") as results:
        for text in batch["programs"]:
            results.write("[]\n")
            results.flush()
            discarded, lines = run(text, limit)
            results.write(json.dumps([discarded, lines]) + "\n")
            results.flush()
            if discarded:
                break  # an exception that came at any time may have left anything behind
        ours = sys.modules.get("whipsnake")
        results.write(json.dumps({"stats": ours.stats() if ours is not None else {}}) + "\n")


if __name__ == "__main__":
    main()
