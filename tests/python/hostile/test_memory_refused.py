"""Executable memory that the kernel really refuses, and pages that are never writable and executable at once."""

from __future__ import annotations

import pytest
from support import enabled

import whipsnake

from .conftest import Hostile

RUN = """\
import seccomp, work
        whipsnake.stats()  # loads the extension, which needs executable memory of its own
        expected = [work.run(seed) for seed in range(8)]
        compiled = lambda: whipsnake.stats()["functions_compiled"]"""
MODES = ["threshold=0, loop_threshold=0", "threshold=0, entry='pep523'", ""]
WAYS = ["refuse_executable_memory()", "refuse_executable_memory(seccomp.ENOMEM)", "deny_write_and_execute()"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_refused_from_the_start(hostile: Hostile, mode: str, way: str) -> None:
    hostile(f"""
        {RUN}
        if seccomp.{way} is False: sys.exit()  # a kernel without it
        assert not seccomp.executable_memory_is_there()
        whipsnake.enable({mode})
        assert [work.run(seed) for seed in range(8)] == expected
        assert compiled() == 0 and whipsnake.stats()["code_bytes"] == 0
        whipsnake.disable()
        assert [work.run(seed) for seed in range(8)] == expected
    """)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES[:2])
def test_refused_in_the_middle(hostile: Hostile, mode: str, way: str) -> None:
    """What is compiled already stays executable, what is not stays interpreted."""
    hostile(f"""
        {RUN}
        whipsnake.enable({mode})
        before = work.fresh(5)
        assert repr(before["everything"](9)) == expected[5]
        kept, size = compiled(), whipsnake.stats()["code_bytes"]
        assert kept > 10
        def loop(n):
            for i in range(n):
                if i == n // 2 and seccomp.{way} is False: os._exit(0)
                last = repr(before["everything"](9)), work.run(i % 8)
                assert last == (expected[5], expected[i % 8])
        loop(20)
        assert not seccomp.executable_memory_is_there()
        stats = whipsnake.stats()
        compiled_now = compiled()
        assert [work.run(seed) for seed in range(8)] == expected and compiled() == compiled_now
        assert stats["memory_refused"] > 0
        assert repr(before["everything"](9)) == expected[5] and whipsnake.tier(before["fib"]) == "baseline"
        del before
        gc.collect()
        work.run(1)
        assert whipsnake.stats()["code_bytes"] <= stats["code_bytes"]
        whipsnake.disable(); whipsnake.enable({mode})
        assert [work.run(seed) for seed in range(8)] == expected
    """)


def test_no_memory_is_asked_for_that_is_writable_and_executable(hostile: Hostile) -> None:
    """Not even for a moment: the kernel kills who does."""
    source = """
        import seccomp, work
        expected = [work.run(seed) for seed in range(30)]
        seccomp.die_of_writable_executable_memory()
        if len(sys.argv) > 1:
            import mmap
            mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        for options in ({"threshold": 0}, {"threshold": 3, "budget": "100K"}, {}):
            whipsnake.enable(**options)
            assert [work.run(seed) for seed in range(30)] == expected
            whipsnake.disable()
        assert whipsnake.stats()["functions_compiled"] > 100
    """
    hostile(source)
    assert hostile(source, "seed", code=None).code == -31, "the filter is one"


def test_no_page_is_ever_writable_and_executable(hostile: Hostile) -> None:
    """Another process reads our memory map as fast as it can while we compile."""
    ran = hostile("""
        import subprocess, work
        WATCH = '''if True:
            import sys
            looks = bad = executable = 0
            print("ready", flush=True)
            try:
                while True:
                    with open(sys.argv[1]) as file: lines = file.read().splitlines()
                    looks += 1
                    bad += sum("wx" in line.split()[1] for line in lines)
                    executable += sum("x" in line.split()[1] and line.split()[4] == "0" for line in lines)
            except (OSError, IndexError): pass
            print(looks, bad, executable)
        '''
        def watched(work):
            pid = os.fork()
            if pid == 0:
                work()
                os._exit(0)
            watcher = subprocess.Popen([sys.executable, "-c", WATCH, f"/proc/{pid}/maps"], stdout=subprocess.PIPE)
            watcher.stdout.readline()
            os.waitpid(pid, 0)
            return list(map(int, watcher.communicate()[0].split()))
        def compiles():
            whipsnake.enable(threshold=0)
            end = time.monotonic() + 3 * LONG
            while time.monotonic() < end: work.run()
        looks, bad, executable = watched(compiles)
        assert looks > 100 and executable > looks and bad == 0, (looks, bad, executable)
        def seeded():
            import mmap
            memory = mmap.mmap(-1, 4096, prot=7)
            time.sleep(0.5)
        looks, bad, executable = watched(seeded)
        assert bad > 0
        print(looks)
    """)
    assert int(ran.stdout) > 0


def test_constants_die_with_their_code() -> None:
    """Machine code names constants by address, and keeps none alive."""

    class Constant:
        pass

    import gc
    import weakref

    with enabled():
        for _ in range(50):
            space: dict[str, object] = {}
            exec("def f(): return 'constant', 1.5, [g() for g in (f,)][:0]", space)
            f = space.pop("f")
            f.__globals__.clear()  # type: ignore[attr-defined]
            code = f.__code__.replace(co_consts=f.__code__.co_consts)  # type: ignore[attr-defined]
            constant = Constant()
            ref = weakref.ref(constant)
            code = code.replace(co_consts=tuple(constant if c == "constant" else c for c in code.co_consts))
            del f, constant
            f = type(test_constants_die_with_their_code)(code, {"f": lambda: 1})
            del code
            assert whipsnake.compile(f), whipsnake.why(f)
            # The compiler may have folded the tuple; either way its own constants are returned.
            f()
            f.__globals__.clear()
            del f, space
            gc.collect()
            assert ref() is None


def test_dictionaries_at_the_same_address() -> None:
    """Code compiled for globals that are gone is not taken for those of others that are put at their address."""
    import gc
    import types

    code = compile("def f(x): return x + NUMBER + len('ab')", "<same address>", "exec").co_consts[0]
    with enabled():
        seen, again = set(), 0
        for i in range(500):
            space = {"NUMBER": i, "__builtins__": __builtins__}
            again += id(space) in seen
            seen.add(id(space))
            f = types.FunctionType(code, space)
            assert f(1) == i + 3
            whipsnake.compile(f)
            assert f(2) == i + 4
            del f, space
            gc.collect(0)
        assert again > 100
