"""Allocations that fail, one after the other: Python's own, the compiler's, and a process without address space."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import Hostile

CALLS = {
    "fib": "(7)",
    "floats": "(5)",
    "fails": "(7)",
    "strings": "(2)",
    "match": "({'k': [1, 2]})",
    "values": "(4)",
    "Derived": "(5)",
}


@pytest.mark.parametrize("how", ["compile", "call", "loop", "interpreter"])
def test_every_allocation_of_python_fails_once(hostile: Hostile, how: str) -> None:
    """While a function is compiled, and while its machine code runs: MemoryError or the right result."""
    hostile(
        f"""
        import _testcapi, work
        CALLS = {CALLS!r}
        whipsnake.enable(threshold={"0" if how == "loop" else 10**8}, loop_threshold={"2" if how == "loop" else 10**8})
        def attempt(space, name, n):
            function = space[name]
            call = eval(f"lambda: list(f(4)) if {{name!r}} == 'values' else f{{CALLS[name]}}", {{"f": function}})
            describe = lambda result: repr(getattr(result, "__slots__", result))
            expected = describe(call())
            if {how!r} == "call":
                for f in space.values():
                    if isinstance(f, types.FunctionType): assert whipsnake.compile(f)
            error = result = None
            _testcapi.set_nomemory(n, n + 1)
            try:
                if {how!r} == "compile" and isinstance(function, types.FunctionType): whipsnake.compile(function)
                result = call()
            except MemoryError as e:
                error = True
            finally:
                _testcapi.remove_mem_hooks()
            assert error or describe(result) == expected, (name, n, result)
            assert describe(call()) == expected, (name, n)
            return error
        for name in CALLS:
            silent = n = 0
            while silent < 12 and n < 600:
                n += 1
                silent = 0 if attempt(work.fresh(), name, n) else silent + 1
            assert n > 12 or name == "fib", name
        """,
    )


FAILING = r"""
// Counts the allocations of one thread while armed, and refuses the n-th (n < 0: it and all after it).
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
static __thread long left, forever, count;
static int refused(void) {
  if (left == 0) return 0;
  if (--left != 0) return 0;
  if (forever) left = 1;
  ++count;
  errno = ENOMEM;
  return 1;
}
// How many have been refused since the last call.
long arm(long n) { long before = count; forever = n < 0; left = n < 0 ? -n : n; count = 0; return before; }
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *malloc(size_t size) { return refused() ? 0 : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return refused() ? 0 : __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { return refused() ? 0 : __libc_realloc(p, size); }
"""


@pytest.fixture(scope="session")
def failing_malloc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload, whose ``arm(n)`` makes the n-th allocation of the C library fail."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "failing.c").write_text(FAILING)
    compiler = os.environ.get("CC", "gcc")
    library = folder / "failing.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, folder / "failing.c"], check=True)
    return library


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="allocation is the sanitizer's")
@pytest.mark.parametrize("mode", ["threshold=10**8", "threshold=10**8, watchers=False"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_allocation_of_the_compiler_fails(
    hostile: Hostile, failing_malloc: Path, mode: str, sign: str
) -> None:
    """Once, and from then on: the function stays interpreted, or is compiled; it works in either case."""
    hostile(
        f"""
        import work
        arm = ctypes.PyDLL({str(failing_malloc)!r}).arm
        arm.argtypes, arm.restype = [ctypes.c_long], ctypes.c_long
        whipsnake.enable(loop_threshold=10**8, {mode})
        names = ["everything", "fails", "closure", "match", "agen"]
        expected = work.run(1, 5)
        compiled = declined = 0
        for name in names:
            n = 0
            while n < 2000:
                n += 1 + (n // 10 if LONG == 1 else 0)
                space = work.fresh()
                function = space[name]
                arm({sign}n)
                try: whipsnake.compile(function)
                except MemoryError: pass
                finally: done = arm(0) == 0
                assert repr(space["everything"](5)) == expected, (name, n)
                if whipsnake.tier(function) == "baseline": compiled += 1
                else: declined += 1
                if done: break  # it needs fewer
            else:
                raise AssertionError(name)
        assert compiled >= len(names) and declined > 20, (compiled, declined)
        """,
        LD_PRELOAD=str(failing_malloc),
    )


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="allocation is the sanitizer's")
@pytest.mark.parametrize("mode", ["threshold=0, loop_threshold=3", "threshold=2, entry='pep523'"])
def test_allocations_fail_at_random_while_machine_code_runs(
    hostile: Hostile, failing_malloc: Path, mode: str
) -> None:
    """Compiling, invalidating, leaving machine code, freeing it: each with little memory."""
    hostile(
        f"""
        import work
        arm = ctypes.PyDLL({str(failing_malloc)!r}).arm
        arm.argtypes, arm.restype = [ctypes.c_long], ctypes.c_long
        expected = [work.run(seed, 5) for seed in range(9)]
        whipsnake.enable({mode})
        rng = random.Random(7)
        failed = worked = 0
        space = None
        end = time.monotonic() + 3 * LONG
        while time.monotonic() < end or worked < 10 or whipsnake.stats()["functions_compiled"] < 30:
            seed = rng.randrange(9)
            if space is None or rng.random() < 0.3:
                space = work.fresh(seed)
            space["SEED"] = seed
            if rng.random() < 0.2: space["Base"].factor = 2
            arm(rng.randrange(1, rng.choice((5, 50, 2000))))
            try:
                result = repr(space["everything"](5))
            except MemoryError:
                failed += 1
                continue
            finally:
                arm(0)
            worked += 1
            assert result == expected[seed]
        """,
        LD_PRELOAD=str(failing_malloc),
    )


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="allocation is the sanitizer's")
def test_first_resumptions_find_no_memory(hostile: Hostile, failing_malloc: Path) -> None:
    """Of compiled generators and coroutines, by C code and by compiled code."""
    hostile(
        f"""
        import work
        arm = ctypes.PyDLL({str(failing_malloc)!r}).arm
        arm.argtypes, arm.restype = [ctypes.c_long], ctypes.c_long
        RESUME = {{
            "values": lambda space: sum(space["values"](4)),
            "agen": lambda space: space["drive"](space["later"](4)),
            "later": lambda space: space["later"](4).send(None),
        }}
        whipsnake.enable(threshold=10**8, loop_threshold=10**8)
        def attempt(name, n):
            space = work.fresh()
            for f in space.values():
                if isinstance(f, types.FunctionType): assert whipsnake.compile(f)
            arm(n)
            try: return repr(RESUME[name](space)), arm(0)
            except MemoryError: return None, arm(0)
            except StopIteration as stop: return repr(stop.value), arm(0)
        for name in RESUME:
            expected, _ = attempt(name, 0)
            n = refused = 1
            while refused:
                result, refused = attempt(name, n)
                assert result in (expected, None), (name, n, result)
                n += 1
            assert n > 4, name
        """,
        LD_PRELOAD=str(failing_malloc),
    )


@pytest.mark.parametrize("mode", ["threshold=0, loop_threshold=3", ""])
def test_no_address_space(hostile: Hostile, mode: str) -> None:
    """ulimit -v in the middle of a program: MemoryError perhaps, right results otherwise, and it goes on later."""
    hostile(f"""
        import resource, work
        expected = [work.run(seed) for seed in range(20)]
        whipsnake.enable({mode})
        kept = [work.fresh(seed) for seed in range(5)]
        work.run()
        for extra in (0, 64 << 10, 1 << 20, 3 << 20):
            with open("/proc/self/statm") as file: now = int(file.read().split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (now + extra, -1))
            failed = 0
            hoard = []
            try:
                while len(hoard) < 10**6: hoard.append(bytearray(600))
            except MemoryError: pass
            for _ in range(len(hoard) // 2 if extra else 0): hoard.pop()
            for seed in range(20):
                try: assert work.run(seed) == expected[seed]
                except MemoryError: failed += 1
            del hoard
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
            assert [work.run(seed) for seed in range(20)] == expected
    """)
