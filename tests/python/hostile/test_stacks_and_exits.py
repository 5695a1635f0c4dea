"""Small native stacks, fork storms, and processes that end in the middle."""

from __future__ import annotations

import pytest

from .conftest import Hostile

MODES = ["threshold=0, loop_threshold=0", "threshold=3", "threshold=0, entry='pep523'", ""]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", ["32 << 10", "64 << 10", "256 << 10"])
def test_small_stacks(hostile: Hostile, size: str, mode: str) -> None:
    """Whatever the interpreter alone manages on a thread's stack can be compiled and run there.

    With the least that a thread can have, 32 KiB, the interpreter alone crashes at a RecursionError.
    """
    name = "everything" if size == "32 << 10" else "more"
    source = f"""
        import small_stacks
        sys.setswitchinterval(1e-4)
        if len(sys.argv) > 1:
            whipsnake.enable({mode})
        threading.stack_size({size})
        print(*small_stacks.answers(12 * LONG, {name!r}))
        if len(sys.argv) > 1 and {bool(mode)}:
            assert whipsnake.stats()["functions_compiled"] > 5
    """
    assert hostile(source, "jit").stdout == hostile(source).stdout


@pytest.mark.parametrize("mode", MODES)
def test_fork_storm(hostile: Hostile, mode: str) -> None:
    """Children of children, all compiling, while threads are busy in the parent."""
    hostile(f"""
        import warnings, work
        warnings.simplefilter("ignore")
        expected = [work.run(seed) for seed in range(5)]
        whipsnake.enable({mode})
        stop = False
        def busy():
            while not stop: work.run(1, 5)
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads: thread.start()
        def storm(depth):
            children = []
            for i in range(4):
                pid = os.fork()
                if pid == 0:
                    try:
                        good = work.run(i) == expected[i]
                        if depth: good &= storm(depth - 1)
                        os._exit(0 if good else 1)
                    except BaseException:
                        os._exit(2)
                children.append(pid)
                work.run(i, 3)
            return all(os.waitpid(pid, 0)[1] == 0 for pid in children)
        try:
            for _ in range(LONG):
                assert storm(2)
        finally:
            stop = True
        for thread in threads: thread.join()
        assert work.run(4) == expected[4]
    """)


ENDS = {
    "os._exit": ("os._exit(7)", 7),
    "sys.exit in a thread and os._exit": ("threading.Thread(target=sys.exit).start(); os._exit(7)", 7),
    "sys.exit at exit": ("atexit.register(sys.exit, 5); sys.exit(7)", 7),
    "exec": ("os.execv('/bin/sh', ['sh', '-c', 'exit 7'])", 7),
    "signal": ("os.kill(os.getpid(), 9)", -9),
    "abort of a child": ("os.fork() or os.abort(); os.wait(); os._exit(7)", 7),
    "nothing": ("", 0),
    "more work at exit": ("atexit.register(work.run); atexit.register(whipsnake.disable)", 0),
    "enabled anew at exit": (
        "atexit.register(lambda: (whipsnake.disable(), whipsnake.enable(), work.run()))",
        0,
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_ends_in_the_middle(hostile: Hostile, how: str) -> None:
    """At a random moment, with daemon threads that compile, while samples are taken and while calls are counted."""
    end, code = ENDS[how]
    ran = hostile(
        f"""
        import subprocess
        PROGRAM = '''if True:
            import atexit, os, random, sys, threading, time, warnings
            warnings.simplefilter("ignore")
            sys.path.insert(0, {{path!r}})
            import whipsnake, work
            seed = int(sys.argv[1])
            whipsnake.enable(**({{{{}}}} if seed % 2 else {{{{"threshold": 2, "loop_threshold": 2}}}}))
            def busy():
                while True: work.run(seed, 6)
            for _ in range(3): threading.Thread(target=busy, daemon=True).start()
            work.run()
            time.sleep(random.Random(seed).random() * 0.1)
            {end}
        '''.format(path=sys.path[0])
        for seed in range(6 * LONG):
            ran = subprocess.run([sys.executable, "-X", "faulthandler", "-c", PROGRAM, str(seed)],
                                 capture_output=True, text=True, timeout=60)
            assert ran.returncode == {code}, (seed, ran)
            errors = ran.stderr
            assert {how == "sys.exit at exit"} or not errors or {how == "abort of a child"}, (seed, ran)
        print("done")
    """
    )
    assert ran.stdout == "done\n"


def test_threads_that_end_in_a_destructor(hostile: Hostile) -> None:
    """A daemon thread wants the GIL back when its state has been freed: what unwinds of ours does not look at it.

    So that looking would crash, the C library fills what is freed.
    """
    hostile(
        """
        from functools import partial
        class Soon: __del__ = staticmethod(partial(time.sleep, 0.3))
        class Later: __del__ = staticmethod(partial(time.sleep, 0.6))
        class Holder:
            def __init__(self, item): self.item = item
        def drop_tuple(): item = ([Soon()], []); item = None
        def drop_list(): item = [[Soon()]]; item = None
        def drop_instance(): item = Holder(Holder(Soon())); item = None
        def drop_exception(): item = ValueError([Soon()]); item = None
        drops = drop_tuple, drop_list, drop_instance, drop_exception
        whipsnake.enable(threshold=0)
        for drop in drops: threading.Thread(target=drop, daemon=True).start()
        time.sleep(0.1)
        assert all(whipsnake.tier(drop) == "baseline" for drop in drops)
        sys.later = Later()  # so the interpreter takes as long to shut down
    """,
        GLIBC_TUNABLES="glibc.malloc.tcache_count=0:glibc.malloc.perturb=127",
    )
