"""Runs programs in the interpreter and in Whipsnake's modes, and finds where the two differ."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

WORKER = Path(__file__).with_name("worker.py")

PROGRAM_LIMIT = 0.5
"""Processor seconds that a program may take in the plain interpreter; a longer one is not compared."""


@dataclass(frozen=True)
class Mode:
    """A way to run programs."""

    name: str
    command: tuple[str, ...]
    """The interpreter and what stands before the worker's path."""
    ignored: tuple[str, ...] = ()
    """Log lines that begin so are not compared: differences that ARCHITECTURE.md lists."""
    lifetimes: bool = True
    """Whether programs log destructors and reference counts. Not where garbage is collected at other times."""


PLAIN = Mode("plain", (sys.executable,))

EVALUATOR_DIFFERS = ("trace exception ", "monitor STOP_ITERATION")
"""Tools are not told of the end of generators that the interpreter iterates itself while an evaluator is in place."""

MODES: dict[str, dict[str, str]] = {
    "everything": {"threshold": "0", "loop_threshold": "0"},
    "early": {"threshold": "2", "loop_threshold": "3"},
    "warm": {"threshold": "20"},
    "evaluator": {"threshold": "0", "loop_threshold": "0", "entry": "pep523"},
    "no-watchers": {"threshold": "2", "watchers": "0"},
    "no-memory": {"threshold": "1", "loop_threshold": "1", "code_heap": "fail:{1-12}"},
    "small-budget": {"threshold": "0", "loop_threshold": "2", "budget": "{16-400}K"},
    "early-evaluator": {"threshold": "2", "loop_threshold": "3", "entry": "pep523"},
    "exits": {"threshold": "0", "loop_threshold": "0", "exit_every": "{1-60}", "stress_seed": "{0-999999}"},
    "guards": {"threshold": "2", "loop_threshold": "3", "slow_every": "{1-9}", "stress_seed": "{0-999999}"},
    "collections": {"threshold": "0", "loop_threshold": "0", "gc": "each-call"},
    "no-caches": {"threshold": "2", "loop_threshold": "3", "caches": "0"},
    "no-fast-paths": {
        "threshold": "2",
        "loop_threshold": "3",
        "without": "{attributes|calls|containers|globals|iteration|numbers|truth}",
    },
    "jettison": {
        "threshold": "0",
        "loop_threshold": "0",
        "jettison_every": "{5-200}",
        "stress_seed": "{0-999999}",
    },
}
"""Options of each mode; {a-b} is a number, {a|b} a word, that chance chooses anew for each batch."""


def _chosen(choices: str, rng: Random) -> str:
    """One of ``a|b|c``, or a number of ``low-high``."""
    if "|" in choices:
        return rng.choice(choices.split("|"))
    low, high = map(int, choices.split("-"))
    return str(rng.randint(low, high))


def make_mode(name: str, rng: Random) -> Mode:
    """The mode of that name, with what it leaves to chance chosen."""
    command = [sys.executable, "-m", "whipsnake", "--engine", "baseline"]
    for option, value in MODES[name].items():
        before, brace, rest = value.partition("{")
        if brace:
            limits, _, after = rest.partition("}")
            value = f"{before}{_chosen(limits, rng)}{after}"
        command += ["--" + option.replace("_", "-"), value]
    lifetimes = "gc" not in MODES[name]
    return Mode(name, tuple(command), EVALUATOR_DIFFERS if "evaluator" in name else (), lifetimes)


CAUSES = {
    "exits": "exits",
    "guards": "guards failed",
    "jettison": "code freed",
    "collections": "collections",
    "no-memory": "memory refused",
    "small-budget": "memory refused",
}
"""What a mode is there to make happen: one under which it never does proves nothing."""


def happened(stats: Mapping[str, Any]) -> Counter[str]:
    """What Whipsnake's statistics tell about the work of a mode."""
    return Counter(
        {
            "compiled": stats.get("functions_compiled", 0),
            "exits": stats.get("exits", {}).get("stress", 0),
            "memory refused": stats.get("memory_refused", 0),
            "cache hits": stats.get("cache_hits", 0),
            **stats.get("stress", {}),
        }
    )


def idle(name: str, seen: Counter[str]) -> str:
    """Why a mode has proven nothing; empty if it has done what it is for."""
    if name in CAUSES and seen[CAUSES[name]] == 0:
        return f"no {CAUSES[name]}"
    if name == "no-caches" and seen["cache hits"] != 0:
        return "caches were used"
    return "" if seen["compiled"] > 0 or name == "no-memory" else "nothing was compiled"


@dataclass
class Batch:
    """What a run of several programs left behind."""

    logs: list[list[str] | None] = field(default_factory=list)
    """Of each program that came to its end; None if it is not to be compared."""
    crash: str = ""
    """How the process ended in the program after these; empty if it ran all."""
    happened: Counter[str] = field(default_factory=Counter)
    """Functions compiled, and what the mode has made happen: exits and so on, by name."""


def environment() -> dict[str, str]:
    """The environment of a run: nothing of Whipsnake's but what its mode says."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("WHIPSNAKE", "_WHIPSNAKE"))
    }
    environ.pop("PYTHONPATH", None)
    return environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def run_batch(mode: Mode, programs: Sequence[str], timeout: float = 60) -> Batch:
    """Run programs one after another in one process."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        batch, results = Path(folder, "batch.json"), Path(folder, "results.jsonl")
        limit = PROGRAM_LIMIT if mode.name == PLAIN.name else 0
        batch.write_text(
            json.dumps({"programs": list(programs), "limit": limit, "lifetimes": mode.lifetimes})
        )
        with subprocess.Popen(
            [*mode.command, str(WORKER), str(batch), str(results)],
            env=environment(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                _, stderr = process.communicate(timeout=timeout)
                status = process.returncode
                ending = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                _, stderr = process.communicate()
                status, ending = -1, f"hang (killed after {timeout:.0f} s)"
        found = Batch()
        for line in results.read_text().splitlines() if results.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the process died while writing it
            if isinstance(entry, dict):
                found.happened = happened(entry["stats"])
            elif entry:
                discarded, log = entry
                found.logs.append(None if discarded else log)
        if status != 0 or len(found.logs) < len(programs):
            tail = stderr.decode(errors="replace")[-1500:]
            found.crash = f"{ending}\n{tail}".strip()
        return found


@dataclass(frozen=True)
class Finding:
    """Programs, run one after another, of which the last differs."""

    programs: tuple[str, ...]
    mode: Mode
    plain: tuple[str, ...]
    ours: tuple[str, ...]
    kind: str
    """"crash", "hang" or "output"."""
    seed: int = -1

    def __str__(self) -> str:
        first = next((i for i, (a, b) in enumerate(zip(self.plain, self.ours, strict=False)) if a != b), None)
        if first is None:
            first = min(len(self.plain), len(self.ours))
        low = max(0, first - 3)
        parts = [
            f"=== {self.kind}, seed {self.seed}, mode {self.mode.name}: {' '.join(self.mode.command[1:])}"
        ]
        for i, program in enumerate(self.programs, 1):
            parts += [f"--- program {i} of {len(self.programs)}", program.rstrip()]
        parts += [f"--- interpreted, from line {low + 1} of {len(self.plain)}", *self.plain[low : first + 5]]
        parts += [f"--- compiled, from line {low + 1} of {len(self.ours)}", *self.ours[low : first + 5]]
        return "\n".join(parts) + "\n"


def visible(mode: Mode, log: list[str] | None) -> tuple[str, ...]:
    """The lines of a log that are compared."""
    return tuple(line for line in log or () if not (mode.ignored and line.startswith(mode.ignored)))


Plain = Sequence["list[str] | None"]


def plain_logs(programs: Sequence[str], lifetimes: bool = True) -> Plain:
    """The logs of the plain interpreter; None for programs that are not compared."""
    logs: list[list[str] | None] = []
    plain = replace(PLAIN, lifetimes=lifetimes)
    while len(logs) < len(programs):
        batch = run_batch(plain, programs[len(logs) :], timeout=60 + len(programs))
        logs += batch.logs
        if len(logs) < len(programs) and (not batch.logs or batch.logs[-1] is not None):
            logs.append(None)  # the interpreter itself died: nothing to compare with
    return logs


def compare(
    mode: Mode, programs: Sequence[str], logs: Plain, timeout: float = 60
) -> tuple[list[Finding], Counter[str]]:
    """Run programs in a mode, together; what differs from *logs* of the plain interpreter, and what happened.

    A program that is not compared ended the plain process, so a new one begins behind it here, too.
    """
    if not mode.lifetimes:
        logs = plain_logs(programs, lifetimes=False)
    findings: list[Finding] = []
    seen: Counter[str] = Counter()
    start = 0
    for end, log in enumerate([*logs, None]):
        if log is None:
            while start < end:
                batch = run_batch(mode, programs[start:end], timeout)
                seen += batch.happened
                for at, ours in enumerate(batch.logs, start):
                    want, have = visible(mode, logs[at]), visible(mode, ours)
                    if want != have:
                        findings.append(Finding(tuple(programs[start : at + 1]), mode, want, have, "output"))
                if not batch.crash:
                    break
                at = min(start + len(batch.logs), end - 1)
                kind = "hang" if batch.crash.startswith("hang") else "crash"
                have = tuple(batch.crash.split("\n"))
                findings.append(
                    Finding(tuple(programs[start : at + 1]), mode, visible(mode, logs[at]), have, kind)
                )
                start = at + 1
            start = end + 1
    return findings, seen


def differs(mode: Mode, programs: Sequence[str], kind: str = "", timeout: float = 20) -> Finding | None:
    """Whether the last of *programs* differs (in that way), if they run one after another; judged anew."""
    logs = plain_logs(programs, mode.lifetimes)
    if None in logs:
        return None
    batch = run_batch(mode, programs, timeout)
    last = len(programs) - 1
    if batch.crash:
        found = "hang" if batch.crash.startswith("hang") else "crash"
        if len(batch.logs) < last or kind not in ("", found):
            return None
        return Finding(tuple(programs), mode, visible(mode, logs[-1]), tuple(batch.crash.split("\n")), found)
    want, have = visible(mode, logs[last]), visible(mode, batch.logs[last])
    if want == have or kind not in ("", "output"):
        return None
    return Finding(tuple(programs), mode, want, have, "output")


def steady(programs: Sequence[str]) -> bool:
    """Whether the plain interpreter says the same each time; else a difference shows nothing."""
    return plain_logs(programs) == plain_logs(programs)


Judge = Callable[[Sequence[str]], "Finding | None"]
"""Says whether a list of programs still shows what was found."""


def judge_of(finding: Finding) -> Judge:
    """A judge for smaller versions of a finding."""
    timeout = 6.0 if finding.kind == "hang" else 20.0
    return lambda programs: differs(finding.mode, programs, finding.kind, timeout)


def isolate(finding: Finding, judge: Judge, tries: int = 40) -> Finding:
    """The same with as few programs before the one that differs as possible."""
    alone = judge(finding.programs[-1:])
    if alone is not None:
        return alone
    best = finding
    step = max(1, len(finding.programs) // 2)
    while tries > 0 and step >= 1:
        before, last = best.programs[:-1], best.programs[-1]
        for start in range(0, len(before), step):
            tries -= 1
            smaller = judge((*before[:start], *before[start + step :], last))
            if smaller is not None:
                best = smaller
                break
            if tries <= 0:
                break
        else:
            step //= 2
    return best
