"""Two copies of one source: the functions of one are compiled when they are warm, the other stays plain.

Unlike :func:`support.check`, the copies are warmed by as many calls as a test likes, so that the interpreter
knows which code never ran, and what has been compiled goes on from one comparison to the next.
"""

from __future__ import annotations

import builtins
import itertools
import linecache
import sys
import textwrap
import types
from typing import Any

from support import ENGINE, describe, run_coroutine

import whipsnake

WARM = 64
"""Calls before compiling: more than the history of a jump remembers."""

_numbers = itertools.count(1)


def cold_exits() -> int:
    """How often machine code was left for code that had never run."""
    return whipsnake.stats()["exits"].get("cold-code", 0)


class Twins:
    """A source, run twice.

    The names ``log`` (compared after each call), ``sys``, ``types`` and ``run`` (drives a coroutine) are at
    its disposal.
    """

    def __init__(self, source: str) -> None:
        filename = f"<check twins {next(_numbers)}>"
        text = textwrap.dedent(source).strip("\n") + "\n"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        self.text = text
        self.plain, self.jit = self._execute(filename), self._execute(filename)

    def _execute(self, filename: str) -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": "checked", "__builtins__": builtins}
        namespace |= {"log": [], "sys": sys, "types": types, "run": run_coroutine}
        exec(compile(self.text, filename, "exec", dont_inherit=True), namespace)
        return namespace

    def check(self, *calls: str) -> list[str]:
        """Make each of the calls, expressions, in both copies, and compare. Returns what was seen."""
        seen = []
        for call in calls:
            code = compile(call, "<call>", "eval")
            want, have = _outcome(code, self.plain), _outcome(code, self.jit)
            both = f"--- interpreted ---\n{want}\n--- compiled ---\n{have}\n--- source ---\n{self.text}"
            assert have == want, f"{call} differs\n{both}"
            seen.append(want)
        return seen

    def warm(self, *calls: str, times: int = WARM) -> None:
        for _ in range(times):
            self.check(*calls)

    def compile(self, *names: str) -> None:
        """Compile functions, given as expressions; their twins are seen to be interpreted."""
        for name in names:
            function = eval(name, self.jit)
            whipsnake.compile(function)
            assert whipsnake.tier(function) == ENGINE, f"{name}: {whipsnake.why(function)}"
            assert whipsnake.tier(eval(name, self.plain)) == "interpreter"

    def hot(self, *calls: str, names: tuple[str, ...] = ("f",), times: int = WARM) -> None:
        self.warm(*calls, times=times)
        self.compile(*names)

    def tiers(self, *names: str) -> set[str]:
        return {whipsnake.tier(eval(name, self.jit)) for name in names}


def _outcome(code: types.CodeType, namespace: dict[str, Any]) -> str:
    try:
        seen = describe(eval(code, namespace))
    except BaseException as error:
        seen = describe(error)
        error.__traceback__ = None
        del error
    if namespace["log"]:
        seen += f"\nlog: {describe(namespace['log'])}"
        namespace["log"].clear()
    return seen
