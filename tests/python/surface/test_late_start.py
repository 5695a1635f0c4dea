"""Autoload starts the core a few milliseconds into the program: who looks, sees nothing of it."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import Environment, needs_core

pytestmark = needs_core

ROOT = Path(__file__).resolve().parents[3]

STARTED = "sys.monitoring.get_tool(5) == 'whipsnake'"  # without importing anything
WAIT = f"""
import sys, time
def wait():
    end = time.monotonic() + 20
    while not ({STARTED}) and time.monotonic() < end:
        pass
    return {STARTED}
"""


def run(env: Environment, folder: Path, code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    if env.core != "real":
        pytest.skip("needs the real core")
    return env.run([env.python, *flags, "-c", code], folder, env={"WHIPSNAKE": "baseline"})


def check(env: Environment, folder: Path, code: str, *flags: str) -> None:
    """The program finds itself started, and what it asserts to be so; nothing is printed."""
    done = run(env, folder, code, *flags)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_starts_by_itself(autoload: Environment, tmp_path: Path) -> None:
    code = WAIT + "assert not [n for n in sys.modules if 'whipsnake' in n]\nassert wait()\n"
    code += "assert not [n for n in sys.modules if 'whipsnake' in n]\n"
    check(autoload, tmp_path, code)
    check(autoload, tmp_path, code, "-I")
    check(autoload, tmp_path, code, "-E", "-X", "dev")


def test_starts_while_the_program_sleeps(autoload: Environment, tmp_path: Path) -> None:
    check(autoload, tmp_path, f"import sys, time\ndef f(): pass\ntime.sleep(2); assert {STARTED}")


def test_only_code_that_may_run_for_long_makes_a_thread(autoload: Environment, tmp_path: Path) -> None:
    """A function, or a loop, wherever it comes from; but not those that ``python -c`` itself imports."""
    (tmp_path / "module.py").write_text("def f(): pass\n")
    threads = "len(os.listdir('/proc/self/task'))"
    begin = f"import os, sys\nassert {threads} == 1\n"
    spared = "x = [1, 2.5]\nclass C: x = 2\nprint(os.getcwd(), sys.argv, file=open(os.devnull, 'w'))\n"
    check(autoload, tmp_path, begin + spared + f"assert {threads} == 1 and not ({STARTED})")
    for code in (
        "exec('def f(): pass')",
        "exec('lambda: 0')",
        "exec('for _ in (1, 2): pass')",
        "exec('while len(sys.argv) > 5: pass')",
        "exec('[x for x in sys.argv]')",
        "exec('class C:\\n  def m(self): pass')",
        "sys.path.insert(0, os.getcwd()); import module",
    ):
        check(autoload, tmp_path, begin + code + f"\nassert {threads} == 2 and not ({STARTED})")


def test_fork_before_there_is_a_thread(autoload: Environment, tmp_path: Path) -> None:
    """Both sides are as before: there is no thread until there is a reason, and then there is."""
    code = f"import os\npid = os.fork()\nassert len(os.listdir('/proc/self/task')) == 1\nexec({WAIT!r})\n"
    code += "ok = wait()\nif pid == 0: os._exit(0 if ok else 3)\nassert ok and os.waitpid(pid, 0)[1] == 0"
    check(autoload, tmp_path, code, "-W", "error")


def test_where_all_watchers_are_taken(autoload: Environment, tmp_path: Path) -> None:
    """Then the thread is there from the beginning."""
    early = autoload.site / "a-watchers.pth"
    take = "[c.PyCode_AddWatcher(c.Py_IsInitialized) for _ in range(8)]"
    early.write_text(
        f"import ctypes; c = ctypes.pythonapi; 'w' in known_paths or known_paths.add('w') or {take}\n"
    )
    try:
        check(autoload, tmp_path, f"import sys, time; time.sleep(2); assert {STARTED}")
    finally:
        early.unlink()


def test_a_program_that_waits_for_a_short_while_is_spared(autoload: Environment, tmp_path: Path) -> None:
    check(autoload, tmp_path, f"import sys, time; time.sleep(0.1); assert not ({STARTED})")


def test_whoever_asks_first_is_not_too_early(autoload: Environment, tmp_path: Path) -> None:
    for first in (
        "assert whipsnake.is_enabled()",
        "assert whipsnake.stats()['enabled']",
        "assert whipsnake.compile(f) and whipsnake.tier(f) == 'baseline'",
        "whipsnake.jit(f); f(); assert whipsnake.tier(f) == 'baseline'",
        "whipsnake.enable(threshold=0); f(); assert whipsnake.tier(f) == 'baseline'",
        "whipsnake.disable(); time.sleep(0.2); assert not whipsnake.is_enabled()",
    ):
        check(autoload, tmp_path, f"import whipsnake, time\ndef f(): pass\n{first}")


def test_the_demo_sees_whether_it_is_at_work(autoload: Environment, tmp_path: Path) -> None:
    if autoload.core != "real":
        pytest.skip("needs the real core")
    figures = tmp_path / "figures.json"
    code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
    code += "from demo import harness\nharness.run(lambda data: iter(['text']), None)\n"
    for engine in ("baseline", "off"):
        env = {"WHIPSNAKE": engine, "DEMO_STATS": str(figures)}
        done = autoload.run([autoload.python, "-c", code], tmp_path, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(figures.read_text())["whipsnake"]
        assert (found is not None and found["enabled"]) == (engine == "baseline")


def test_fork_before_and_after(autoload: Environment, tmp_path: Path) -> None:
    """No warning of threads, and both sides are served; also by C code that forks to execute a program."""
    fork = "import os\npid = os.fork()\nok = wait()\nif pid == 0: os._exit(0 if ok else 3)\n"
    fork += "assert os.waitpid(pid, 0)[1] == 0 and ok\n"
    check(autoload, tmp_path, WAIT + fork, "-W", "error")
    check(autoload, tmp_path, WAIT + "wait()\n" + fork, "-W", "error")
    check(
        autoload, tmp_path, WAIT + fork.replace("ok = wait()", "import whipsnake; ok = wait()"), "-W", "error"
    )
    check(
        autoload,
        tmp_path,
        "import subprocess; subprocess.run(['true'], check=True)\n" + WAIT + "assert wait()",
    )


def test_tracers_and_tools_hear_nothing(autoload: Environment, tmp_path: Path) -> None:
    heard = (
        "heard = set()\n"
        "def hear(frame, event, argument):\n    heard.add(frame.f_code.co_filename)\n    return hear\n"
    )
    for function in ("sys.settrace", "sys.setprofile"):
        code = WAIT + heard + f"{function}(hear)\nok = wait()\n{function}(None)\n"
        check(autoload, tmp_path, code + "assert ok and heard == {'<string>'}, heard")
    tool = (
        "heard = set()\nm = sys.monitoring\nm.use_tool_id(1, 'test')\n"
        "m.register_callback(1, m.events.PY_START, lambda code, offset: heard.add(code.co_filename))\n"
        "m.set_events(1, m.events.PY_START)\nok = wait()\nm.set_events(1, 0)\n"
    )
    check(autoload, tmp_path, WAIT + tool + "assert ok and heard == {'<string>'}, heard")


def test_hooks_hear_nothing(autoload: Environment, tmp_path: Path) -> None:
    code = (
        "import builtins, gc\nheard = []\nsys.addaudithook(lambda name, arguments: heard.append(name))\n"
        "class Finder:\n    def find_spec(*arguments): heard.append('find_spec')\n"
        "sys.meta_path.insert(0, Finder)\n"
        "builtins.__import__ = builtins.__build_class__ = builtins.next = lambda *a, **k: heard.append('builtin')\n"
        "gc.callbacks.append(lambda *arguments: heard.append('gc'))\n"
        "ok = wait()\nassert ok and not heard, heard\nassert gc.isenabled()"
    )
    check(autoload, tmp_path, WAIT + code)


def test_program_that_leaves_little_to_rely_on(autoload: Environment, tmp_path: Path) -> None:
    for code in (
        "sys.modules.clear(); assert wait()",
        "sys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear(); assert wait()",
        "import os; os.chdir('/'); os.environ.clear(); assert wait()",
        "import gc; gc.disable(); assert wait() and not gc.isenabled()",
        "exec('while not started(): pass', {'__builtins__': {}, 'started': lambda: sys.monitoring.get_tool(5)})",
        "import os; os.close(0); os.closerange(3, 100); assert wait()",
        # The first moments are spent near the limit, or inside a trace function.
        "def f(n): return f(n - 1) if n else time.sleep(0.1)\n"
        "sys.setrecursionlimit(1000)\nf(980)\nassert wait()",
        "def trace(*a):\n    end = time.monotonic() + 0.1\n    while time.monotonic() < end: pass\n"
        "sys.settrace(trace)\n(lambda: 0)()\nsys.settrace(None)\nassert wait()",
    ):
        check(autoload, tmp_path, WAIT + code)


def test_signals_and_exceptions_stay_the_programs(autoload: Environment, tmp_path: Path) -> None:
    code = (
        "import signal\ncalls = []\n"
        "def handler(number, frame): calls.append(frame.f_code.co_filename)\n"
        "signal.signal(signal.SIGALRM, handler)\nsignal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)\n"
        "try:\n    try: raise KeyError(1)\n    except KeyError:\n        ok = wait()\n"
        "        while not calls: pass\n        raise\n"
        "except KeyError as error: assert error.args == (1,) and error.__context__ is None\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\nassert ok and set(calls) == {'<string>'}, set(calls)\n"
        "assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()"
    )
    check(autoload, tmp_path, WAIT + code)


def test_in_threads(autoload: Environment, tmp_path: Path) -> None:
    """While the main thread waits, another one serves the request."""
    code = "import threading\nthread = threading.Thread(target=wait)\nthread.start()\nthread.join()\n"
    check(autoload, tmp_path, WAIT + code + f"assert {STARTED} and threading.active_count() == 1")


def test_other_threads_see_no_half_start(autoload: Environment, tmp_path: Path) -> None:
    """The thread that starts us keeps the GIL, although others want it: none of their audit events is lost."""
    code = (
        "import threading\nheard, told = [], []\nsys.setswitchinterval(1e-6)\n"
        "sys.addaudithook(lambda name, arguments: heard.append(name) if name == 'tick' else None)\n"
        "def tick():\n    n = 0\n"
        f"    while not ({STARTED}):\n        sys.audit('tick')\n        n += 1\n    told.append(n)\n"
        "threads = [threading.Thread(target=tick) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert wait() and sum(told) == len(heard), (told, len(heard))"
    )
    for _ in range(5):
        check(autoload, tmp_path, WAIT + code)


def test_exit_at_any_moment(autoload: Environment, tmp_path: Path) -> None:
    """Around the time of the start: as always, with a thread that is left behind, and by exec."""
    endings = (
        "",
        "import threading; threading.Thread(target=wait, daemon=True).start()",
        "import threading; sys.setswitchinterval(1e-6); threading.Thread(target=wait, daemon=True).start()",
        "import os; os.execv(sys.executable, [sys.executable, '-c', ''])",
        "sys.exit(0)",
        "import os; os._exit(0)",
        "import os\nif os.fork(): os.wait()",
    )

    def end(case: int) -> None:
        busy = f"end = time.perf_counter() + {case // len(endings) * 0.0007}\nwhile time.perf_counter() < end: pass\n"
        check(autoload, tmp_path, WAIT + busy + endings[case % len(endings)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(end, range(20 * len(endings))))
