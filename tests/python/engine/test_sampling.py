"""The default way to find hot code: a thread asks now and then what runs. No test relies on when it asks."""

from __future__ import annotations

import os
import textwrap

import pytest
from support import python

from whipsnake import _core

from .conftest import PRELUDE, Script

HELP = """\
def threads():
    return sorted(os.listdir("/proc/self/task"))


def status(thread, name, process="self"):
    try:
        with open(f"/proc/{process}/task/{thread}/status") as file:
            return next(line.split(None, 1)[1].strip() for line in file if line.startswith(name + ":"))
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""


def samplers():
    for attempt in range(50):  # it names itself
        found = [thread for thread in threads() if status(thread, "Name") == "whipsnake"]
        if found or len(threads()) == 1:
            break
        time.sleep(0.01)
    return found


def until(done, work, *args):
    deadline = time.monotonic() + 20
    result = None
    while not done():
        assert time.monotonic() < deadline, (whipsnake.stats(), samplers())
        result = work(*args)
    return result


def after_samples(count):
    wanted = whipsnake.stats()["samples"] + count
    return lambda: whipsnake.stats()["samples"] >= wanted


def compiled(*functions):
    return lambda: {whipsnake.tier(function) for function in functions} == {"baseline"}


def add(n):
    total = 0
    for i in range(n):
        total += i
    return total


def fresh():
    "A function like add(), cold."
    return types.FunctionType(add.__code__.replace(co_name="fresh"), globals())


def goes_on():
    function = fresh()
    return until(compiled(function), function, 1000) == 499500 and len(samplers()) == 1


def fork(child):
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if child() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""

WARN = {"PYTHONWARNINGS": "always"}
"""CPython only prints its warning of forking with threads; asked for an exception, it swallows that."""

SILENT = {"PYTHONWARNINGS": "ignore"}
"""Where a program of several threads forks, with or without us."""


@pytest.fixture
def sampled(script: Script) -> Script:
    """As ``script``, with the functions of :data:`HELP`."""

    def run(source: str, **env: str) -> str:
        return script(HELP + textwrap.dedent(source), **env)

    return run


# ---- what is found


def test_hot_functions_and_those_they_call(sampled: Script) -> None:
    sampled("""
        def leaf(x): return x + 1
        def inner(x): return leaf(x) + leaf(x)
        def outer(n):
            total = 0
            for i in range(n):
                total += inner(i)
            return total
        whipsnake.enable()
        assert whipsnake.tier(outer) == whipsnake.tier(leaf) == "interpreter"
        assert until(compiled(leaf, inner, outer), outer, 1000) == 1001000
        assert outer(10) == 110
        before = whipsnake.stats()["entries"]
        outer(1000)
        assert whipsnake.stats()["entries"] - before < 10  # machine code calls machine code
    """)


def test_calls_are_not_touched_before_samples_say_so(sampled: Script) -> None:
    """The interpreter inlines and specialises calls of functions that are not hot as it does without us."""
    sampled("""
        def before(n): return n
        whipsnake.enable()
        def after(n): return n
        for i in range(100):
            assert before(i) == after(i) == i
        assert vectorcall(before) == vectorcall(after) == PLAIN
        assert version(before) and version(after)
        assert whipsnake.tier(before) == whipsnake.tier(after) == "interpreter"
    """)


def test_hot_loop_of_a_module(sampled: Script) -> None:
    sampled("""
        whipsnake.enable()
        module = types.FunctionType(sys._getframe().f_code, globals())  # to ask for its tier
        stats = whipsnake._core.stats
        deadline = time.monotonic() + 20
        rounds = total = 0
        while not stats()["loops_entered"]:
            assert time.monotonic() < deadline
            rounds += 1
            for i in range(1000):
                total += i
        assert whipsnake.tier(module) == "baseline" and total == 499500 * rounds and stats()["samples"] > 0
    """)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("sys.settrace(trace)", "sys.settrace(None)"),
        ("sys.setprofile(trace)", "sys.setprofile(None)"),
        ("monitor(sys.monitoring.events.PY_START)", "monitor(0)"),
    ],
)
def test_hot_function_after_it_was_traced(sampled: Script, begin: str, end: str) -> None:
    """Nobody has machine code by then that would ask whether somebody listens still."""
    sampled(f"""
        def trace(*args): return None
        def monitor(events):
            if events:
                sys.monitoring.use_tool_id(2, "test")
            sys.monitoring.set_events(2, events)
        whipsnake.enable()
        {begin}
        assert add(10) == 45
        enough = after_samples(10)
        assert until(enough, add, 1000) == 499500 and whipsnake.tier(add) == "interpreter"
        {end}
        assert until(compiled(add), add, 1000) == 499500
    """)


def test_loop_of_a_function_that_is_called_once(sampled: Script) -> None:
    sampled("""
        def main():
            stats = whipsnake._core.stats
            deadline = time.monotonic() + 20
            rounds = total = 0
            while not stats()["loops_entered"]:
                assert time.monotonic() < deadline
                rounds += 1
                for i in range(1000):
                    total += i
            return total == 499500 * rounds and stats()["samples"] > 0
        whipsnake.enable()
        assert main() and whipsnake.tier(main) == "baseline"
    """)


def test_hot_generator(sampled: Script) -> None:
    sampled("""
        def values(n):
            for i in range(n):
                yield i
        def consume(n):
            total = 0
            for value in values(n):
                total += value
            return total
        whipsnake.enable()
        assert until(compiled(values, consume), consume, 1000) == 499500
        assert consume(10) == sum(values(10)) == 45
    """)


def test_hot_closure_that_is_made_again_and_again(sampled: Script) -> None:
    sampled("""
        def make(k):
            def inner(x): return x * k
            return inner
        def work(n):
            return [make(k)(k) for k in range(n)]
        whipsnake.enable()
        squares = until(compiled(make(1)), work, 100)
        assert squares == [k * k for k in range(100)]
        assert compiled(make(2))() and make(3)(4) == 12
    """)


@pytest.mark.parametrize(
    ("statement", "called"),
    [
        ("f(1)", "f"),
        ("f(x=1)", "f"),
        ("f(*one)", "f"),
        ("f(**named)", "f"),
        ("instance.method()", "hook"),
        ("instance.prop", "hook"),
        ("hooked.missing", "hook"),
        ("instance[0]", "hook"),
        ("with instance: pass", "hook, Class.__exit__"),
        ("isinstance(1, Check)", "Meta.__instancecheck__"),
        ("Init(1)", "Init.__init__"),
        ("New(1)", "New.__new__"),
        ("NewAndInit(1)", "NewAndInit.__new__, NewAndInit.__init__"),
        ("for _ in values(): pass", "values"),
    ],
)
def test_what_machine_code_calls_often(sampled: Script, statement: str, called: str) -> None:
    """It would never be found at work: each call is short. Sides are changed without, and that costs."""
    sampled(f"""
        def f(x=0): return x
        def hook(self, key=0): return self
        class Class:
            method = __enter__ = __getitem__ = hook
            prop = property(hook)
            def __exit__(self, *rest): return None
        class Hooked:
            __getattr__ = hook
        class Init:
            def __init__(self, x): self.x = x
        class New:
            def __new__(cls, x): return object.__new__(cls)
        class NewAndInit(Init):
            def __new__(cls, x): return object.__new__(cls)
            def __init__(self, x): self.x = x
        class Meta(type):
            def __instancecheck__(cls, x): return True
        class Check(metaclass=Meta): pass
        def values(): yield 1
        instance, hooked, one, named = Class(), Hooked(), (1,), {{"x": 1}}
        def work(n):
            for _ in range(n):
                {statement}
        work(50)
        whipsnake.enable()
        whipsnake.compile(work)
        work(5000)
        assert compiled({called})() or whipsnake.stats()["samples"] > 10, whipsnake.stats()  # on a very slow machine
    """)


def test_hot_code_in_another_thread(sampled: Script) -> None:
    """The main thread waits all the time."""
    sampled("""
        whipsnake.enable()
        found = []
        thread = threading.Thread(target=lambda: found.append(goes_on()))
        thread.start()
        thread.join()
        assert found == [True]
    """)


def test_marks(sampled: Script) -> None:
    sampled("""
        @whipsnake.jit
        def eager(x): return x
        @whipsnake.nojit
        def never(x): return x
        whipsnake.enable()
        @whipsnake.jit
        def late(x): return x
        assert eager(1) == late(1) == 1 and compiled(eager, late)()
        def work(n):
            for i in range(n):
                never(i)
            return n
        enough = after_samples(30)
        until(lambda: enough() and compiled(work)(), work, 1000)
        assert whipsnake.tier(never) == "disabled" and vectorcall(never) == PLAIN and version(never) != 0
    """)


# ---- machine code that is too large for the instruction cache

WALK = """\
BODY = "".join(f"    if x == {k}: x += {k}\\n    self.a{k % 7} = x\\n" for k in range(12))


class Object:
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = 0


def make(count):
    "Functions of a kilobyte or two, no two of which share code; every fifth calls the four before it."
    functions = []
    namespace = {}
    for number in range(count):
        calls = [f"f{other}(self, x)" for other in range(number - 4, number)] if number % 5 == 4 else []
        total = " + ".join([f"x + {number}", *calls])
        exec(f"def f{number}(self, x):\\n{BODY}    return {total}\\n", namespace)
        functions.append(namespace[f"f{number}"])
    return functions


def walk(functions, again=1):
    "Calls every fifth function `again` times and then the next one."
    it, total = Object(), 0
    for function in functions[4::5]:
        total += function(it, -1)
        for _ in range(again - 1):
            total += function(it, -1)
    return total


def thrashing():
    return whipsnake.stats()["thrashing"]
"""


def test_long_walk_through_machine_code_is_given_back(sampled: Script) -> None:
    """It would be slower than the interpreter, which is what runs it as if we were not there."""
    sampled(
        WALK
        + """
functions = make(200)
plain = walk(functions)
whipsnake.enable()
for function in functions[:40]:
    whipsnake.compile(function)
assert until(thrashing, walk, functions) == plain
stats = whipsnake.stats()
assert stats["functions_compiled"] > 32 and stats["retired"] > 32, stats
assert walk(functions) == plain
# One or two may be hot spots by chance.
left = [function for function in functions if vectorcall(function) != PLAIN or not version(function)]
assert thrashing() and len(left) < 10, (len(left), whipsnake.stats())
assert sum(whipsnake.tier(function) == "interpreter" for function in functions) > 190

# A hot spot is compiled all the same.
assert until(compiled(add), add, 1000) == 499500 and thrashing()

whipsnake.disable()
assert not thrashing() and walk(functions) == plain
assert all(vectorcall(function) == PLAIN and version(function) for function in functions)
"""
    )


def test_marked_functions_stay_compiled(sampled: Script) -> None:
    sampled(
        WALK
        + """
functions = make(200)
whipsnake.enable()
for function in functions[:20]:
    whipsnake.jit(function)
plain = walk(functions)
assert until(thrashing, walk, functions) == plain
assert compiled(*functions[:20])() and walk(functions) == plain
"""
    )


@pytest.mark.skipif(
    bool(_core.build_info().get("self_checks")),
    reason="machine code that checks itself is several times as large and slow",
)
def test_large_machine_code_with_short_walks_is_kept(sampled: Script) -> None:
    """As much code as above, but each function is called again while it is still in the cache."""
    sampled(
        WALK
        + """
functions = make(100)
plain = walk(functions, 60)
whipsnake.enable()
for function in functions:
    whipsnake.compile(function)
enough = after_samples(150)
assert until(enough, walk, functions, 60) == plain
assert not thrashing() and compiled(*functions)(), whipsnake.stats()
"""
    )


ISLANDS = (
    WALK
    + """
functions = make(20)
numbers = list(range(3000))


def work(functions):
    "Spends nearly all of its time in C."
    it, total = Object(), 0
    for function in functions:
        total += function(it, -1) + sum(numbers)
    return total


plain = work(functions)
whipsnake.enable()
for function in functions:
    whipsnake.compile(function)
"""
)


def test_islands_of_machine_code_are_given_back(sampled: Script) -> None:
    """What runs in between takes it out of the caches, and there is too little of it to gain by."""
    sampled(
        ISLANDS
        + """
assert until(thrashing, work, functions) == plain
assert all(whipsnake.tier(function) == "interpreter" for function in functions)
"""
    )


def test_loop_that_calls_c_is_kept(sampled: Script) -> None:
    """It takes as long, but nothing else needs the caches."""
    sampled(
        ISLANDS
        + """
plain = work(functions[:1] * 1000)
assert until(after_samples(150), work, functions[:1] * 1000) == plain
assert not thrashing() and compiled(*functions)(), whipsnake.stats()
"""
    )


def test_program_is_not_disturbed_while_it_is_watched(sampled: Script) -> None:
    """Signals and garbage collection come by the same way."""
    sampled(
        WALK
        + """
import gc, signal
functions = make(200)
plain = walk(functions)
whipsnake.enable()
ticks, collections = [], []
gc.callbacks.append(lambda phase, info: collections.append(phase))
signal.signal(signal.SIGALRM, lambda *args: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
def work():
    gc.collect(0)
    return walk(functions)
assert until(thrashing, work) == plain
before = len(ticks), len(collections)
def moved(): return all(now > then for now, then in zip((len(ticks), len(collections)), before))
assert until(moved, work) == plain
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    )


def test_watch_ends_where_machine_code_may_not_run(sampled: Script) -> None:
    """While it is on, the interpreter's calls are slower, too."""
    sampled(
        WALK
        + """
import ctypes
# 3.13 Include/cpython/pystate.h: eval_breaker comes behind three pointers.
get = ctypes.pythonapi.PyThreadState_Get
get.restype = ctypes.c_void_p
breaker = ctypes.c_uint64.from_address(get() + 24)
def watched(): return breaker.value & 1 << 7
def spin():
    for _ in range(1000): sorted(())
functions = make(40)
whipsnake.enable()
for function in functions:
    whipsnake.compile(function)
until(watched, spin)  # few steps: it lasts for some samples
sys.settrace(lambda *args: None)
enough = after_samples(5)
until(enough, spin)
assert not watched()
sys.settrace(None)
until(watched, spin)
whipsnake.disable()
assert not watched()
"""
    )


# ---- what is left alone


def test_what_is_called_now_and_then_is_left_alone(sampled: Script) -> None:
    """The first calls are counted; if they took their time, the interpreter may inline further ones."""
    sampled("""
        def early(x): return x
        whipsnake.enable()
        def late(x): return x
        for f in (early, late):
            for i in range(110):
                assert f(i) == i
                if i in (20, 40, 60): time.sleep(0.015)  # few: what runs next may be charged with a sample for each
            assert whipsnake.tier(f) == "interpreter" and vectorcall(f) == PLAIN and version(f) != 0
        whipsnake.disable()
        assert vectorcall(early) == vectorcall(late) == PLAIN
    """)


def test_what_waits_is_not_hot(sampled: Script) -> None:
    """Whoever waits answers when it goes on, and would always be found in the same place."""
    sampled("""
        def waits():
            for _ in range(40): time.sleep(0.01)
        whipsnake.enable()
        before, begin = whipsnake.stats()["samples"], time.process_time()
        waits()
        samples, used = whipsnake.stats()["samples"] - before, time.process_time() - begin
        assert samples <= 1 + used / 0.001, (samples, used)  # half of the shortest interval
    """)


def test_short_program_compiles_nothing(script: Script) -> None:
    script("""
        whipsnake.enable()
        def f(x): return x
        class C:
            def method(self): return f(self)
        C().method()
        stats = whipsnake.stats()
        assert stats["functions_compiled"] == 0 or stats["samples"] >= 2, stats  # on a very slow machine
    """)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 10**6},
        {"loop_threshold": 10**6},
        {"threshold": "auto", "loop_threshold": 10**6},
        {"entry": "pep523"},
    ],
    ids=str,
)
def test_who_counts_does_not_sample(sampled: Script, options: dict[str, object]) -> None:
    sampled(f"""
        whipsnake.enable(**{options})
        assert samplers() == [] and len(threads()) == 1
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            add(100)
        assert whipsnake.stats()["samples"] == 0
    """)


@pytest.mark.parametrize("options", [{"loop_threshold": 10**6}, {"entry": "pep523", "loops": False}], ids=str)
def test_calls_to_count_where_only_something_else_is_given(
    sampled: Script, options: dict[str, object]
) -> None:
    sampled(f"""
        whipsnake.enable(**{options})
        def f(x): return x
        calls(f, 250, 1)
        assert whipsnake.tier(f) == "interpreter"
        f(1)
        assert whipsnake.tier(f) == "baseline"
    """)


@pytest.mark.parametrize("options", [{"threshold": 10**6}, {"entry": "pep523"}], ids=str)
def test_back_edges_to_count_where_only_something_else_is_given(
    sampled: Script, options: dict[str, object]
) -> None:
    sampled(f"""
        whipsnake.enable(**{options})
        function = fresh()
        function(390)
        assert whipsnake.tier(function) == "interpreter"
        assert function(20) == 190 and whipsnake.tier(function) == "baseline"
    """)


# ---- the thread


def test_thread_is_there_while_enabled(sampled: Script) -> None:
    sampled("""
        assert len(threads()) == 1
        whipsnake.enable()
        assert len(samplers()) == 1 and len(threads()) == 2 and threading.active_count() == 1
        whipsnake.enable()
        assert len(samplers()) == 1 and len(threads()) == 2
        whipsnake.enable(threshold=5)
        assert len(threads()) == 1
        whipsnake.enable()
        assert len(samplers()) == 1
        whipsnake.disable()
        assert len(threads()) == 1
    """)


def test_off_and_on_again(sampled: Script) -> None:
    sampled("""
        for n in range(200):
            whipsnake.enable()
            assert len(threads()) == 2
            add(n)
            whipsnake.disable()
            assert len(threads()) == 1
        whipsnake.enable()
        assert goes_on()
    """)


def test_the_c_library_believes_in_one_thread(sampled: Script) -> None:
    """Or each mutex of it, those of the GIL among them, would cost more, in all the program."""
    sampled("""
        import ctypes
        alone = ctypes.c_char.in_dll(ctypes.CDLL(None), "__libc_single_threaded")
        assert alone.value == b"\\1"
        whipsnake.enable()
        assert goes_on() and alone.value == b"\\1"
        function = fresh()
        thread = threading.Thread(target=lambda: until(compiled(function), function, 1000))
        thread.start()
        thread.join()  # where the main thread waits, too
        assert compiled(function)() and alone.value == b"\\0"
        assert goes_on()
    """)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_thread_gives_up_the_rights_that_the_program_gives_up(sampled: Script) -> None:
    sampled("""
        whipsnake.enable()
        assert goes_on()
        def has_rights(*wanted):
            try:
                found = [status(thread, what).split() for thread in samplers() for what in ("Uid", "Gid")]
            except FileNotFoundError:  # it has just been replaced
                return False
            return found == list(wanted)
        os.setgid(65534)
        os.setuid(65534)
        until(lambda: has_rights(["65534"] * 4, ["65534"] * 4), add, 1000)
        assert goes_on()
    """)


def test_thread_takes_no_signals(sampled: Script) -> None:
    sampled("""
        import signal
        whipsnake.enable()
        (thread,) = samplers()
        blocked = int(status(thread, "SigBlk"), 16)
        cannot_be = {signal.SIGKILL, signal.SIGSTOP, 32, 33}  # the last two are glibc's own
        assert {n for n in range(1, 65) if not blocked >> (n - 1) & 1} <= cannot_be
        assert int(status(threads()[0], "SigBlk"), 16) == 0
    """)


IDLE = f"""\
{PRELUDE}{HELP}
whipsnake.enable()
assert goes_on()
print(*samplers(), flush=True)
before = whipsnake.stats()["samples"]
sys.stdin.read()
assert whipsnake.stats()["samples"] - before <= 10  # a second and a half would have a hundred
assert goes_on()
"""


def test_idle_process_stays_idle(sampled: Script) -> None:
    """Watched from outside, since whoever looks from inside is not idle."""
    sampled(f"""
        import subprocess
        command, pipe = [sys.executable, "-c", {IDLE!r}], subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            thread = process.stdout.readline().strip()
            def switches():
                return int(status(thread, "voluntary_ctxt_switches", process.pid))
            def stands_still():
                before = switches()
                time.sleep(0.5)
                return switches() == before
            until(stands_still, empty)
            assert stands_still() and stands_still()
            process.stdin.close()
            assert process.wait(60) == 0
    """)


# ---- fork


def test_fork(sampled: Script) -> None:
    sampled(
        """
        whipsnake.enable()
        for _ in range(3):
            fork(goes_on)
            assert goes_on()
        until(compiled(add), add, 1000)
        fork(lambda: compiled(add)() and add(10) == 45 and goes_on())
        fork(lambda: fork(goes_on) is None and goes_on())
    """,
        **WARN,
    )


def test_fork_many_times(sampled: Script) -> None:
    sampled(
        """
        whipsnake.enable()
        for n in range(50):
            fork(lambda: add(10) == 45 and (n % 10 or goes_on()))
            add(n)
        assert goes_on() and len(threads()) == 2
    """,
        **WARN,
    )


def test_fork_while_off(sampled: Script) -> None:
    """The hooks stay behind, and start nothing."""
    sampled(
        """
        whipsnake.enable()
        whipsnake.disable()
        fork(lambda: add(1000) == 499500 and len(threads()) == 1)
        assert len(threads()) == 1
        fork(lambda: whipsnake.enable() is None and goes_on())
    """,
        **WARN,
    )


def test_fork_with_hooks_of_others(sampled: Script) -> None:
    """Python code that runs between the fork and CPython's look at the threads."""
    sampled(
        """
        ran = []
        os.register_at_fork(before=lambda: ran.append(add(10)), after_in_parent=lambda: ran.append(add(10)))
        whipsnake.enable()
        os.register_at_fork(before=lambda: ran.append(add(10)), after_in_parent=lambda: ran.append(add(10)))
        for n in range(1, 4):
            fork(goes_on)
            assert ran == [45] * 4 * n
        assert goes_on()
    """,
        **WARN,
    )


def test_fork_in_a_fork_hook(sampled: Script) -> None:
    """The inner fork is over, and the thread could be back, before the outer one has begun."""
    sampled(
        """
        inner = []
        def fork_once():
            if not inner:
                inner.append(True)
                fork(goes_on)
                assert goes_on()
                inner.append(False)
        whipsnake.enable()
        os.register_at_fork(before=fork_once, after_in_child=inner.clear)
        for _ in range(3):
            fork(lambda: add(10) == 45 and len(samplers()) <= 1)
            assert inner == [True, False] and goes_on()
            inner.clear()
    """,
        **SILENT,
    )


def test_disabled_by_a_fork_hook(sampled: Script) -> None:
    sampled(
        """
        whipsnake.enable()
        os.register_at_fork(before=whipsnake.disable)
        for _ in range(3):
            fork(lambda: not whipsnake.is_enabled() and add(1000) == 499500 and len(threads()) == 1)
            assert not whipsnake.is_enabled() and len(threads()) == 1
            whipsnake.enable()
            assert goes_on()
    """,
        **WARN,
    )


def test_fork_in_a_thread(sampled: Script) -> None:
    """The main thread waits all the time, and serves no pending call."""
    sampled(
        """
        whipsnake.enable()
        found = []
        def work():
            time.sleep(0.2)  # until the main thread does wait
            fork(goes_on)
            found.append(goes_on())
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found == [True]
    """,
        **SILENT,
    )


def test_child_of_a_thread_ends_with_its_threads(sampled: Script) -> None:
    """Its first thread is the one that forked, which ends by pthread_exit(): the process then lives until no thread
    is left."""
    sampled(
        """
        whipsnake.enable()
        statuses = []
        def work(depth):
            pid = os.fork()
            if pid == 0:
                assert goes_on()
                if depth:
                    thread = threading.Thread(target=work, args=[depth - 1])
                    thread.start()
                return
            ended = until(lambda: os.waitpid(pid, os.WNOHANG) != (0, 0), time.sleep, 0.01)
            statuses.append(ended)
        thread = threading.Thread(target=work, args=[1])
        thread.start()
        thread.join()
        assert len(statuses) == 1
    """,
        **SILENT,
    )


def test_fork_while_other_threads_are_busy(sampled: Script) -> None:
    sampled(
        """
        whipsnake.enable()
        stop = False
        def busy():
            while not stop:
                add(100)
        others = [threading.Thread(target=busy) for _ in range(3)]
        for thread in others:
            thread.start()
        try:
            for n in range(10):
                fork(goes_on)
        finally:
            stop = True
        for thread in others:
            thread.join()
        assert goes_on() and len(threads()) == 2
    """,
        **SILENT,
    )


def test_child_processes(sampled: Script) -> None:
    """With and without Python code between fork and exec."""
    sampled(
        """
        import subprocess
        whipsnake.enable()
        for n in range(5):
            for hook in (None, lambda: os.write(1, b"%d" % add(10))):
                out = subprocess.check_output(["/bin/echo", "x"], preexec_fn=hook)
                assert out == (b"45x\\n" if hook else b"x\\n"), out
            assert os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1] == 0
        assert goes_on()
    """,
        **WARN,
    )


# ---- the end


ENDS = {
    "end": ("", 0, ""),
    "exit": ("sys.exit(3)", 3, ""),
    "os-exit": ("os._exit(3)", 3, ""),
    "exception": ("raise KeyError('lost')", 1, "KeyError: 'lost'\n"),
    "disabled": ("whipsnake.disable()", 0, ""),
    "late": ("import atexit; atexit.register(add, 10**5)", 0, ""),
    "thread": ("threading.Thread(target=add, args=[10**9], daemon=True).start(); time.sleep(0.05)", 0, ""),
}


@pytest.mark.parametrize("how", ENDS)
def test_ends_cleanly_while_it_samples(how: str) -> None:
    last, code, error = ENDS[how]
    source = f"{PRELUDE}{HELP}whipsnake.enable()\nassert goes_on()\nprint('done', flush=True)\n{last}\n"
    ran = python("-X", "faulthandler", "-X", "dev", "-c", source, timeout=60)
    assert (ran.code, ran.stdout) == (code, "done\n"), str(ran)
    if error:
        assert ran.stderr.startswith("Traceback") and ran.stderr.endswith(error), str(ran)
    else:
        assert not ran.stderr, str(ran)
