"""Engines from outside: built against the installed headers, found by name, kept in their place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import python

import whipsnake

from .conftest import Script

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[2] / "examples" / "constant_engine"


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"{name} is not there"
    return found


def build(source: Path, out: Path) -> Path:
    """Build a CMake project that uses the installed package; returns the folder with the module."""
    configure = [
        tool("cmake"),
        "-S",
        source,
        "-B",
        out,
        "-G",
        "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}",
    ]
    configure += [f"-DPython_EXECUTABLE={sys.executable}", f"-Dwhipsnake_DIR={whipsnake.get_cmake_dir()}"]
    for command in (configure, [tool("cmake"), "--build", out]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site-packages folder with the example installed the way pip leaves it: module and entry point."""
    site = tmp_path_factory.mktemp("site")
    out = build(EXAMPLE, tmp_path_factory.mktemp("constant"))
    for module in out.glob("whipsnake_constant.*.so"):
        shutil.copy(module, site)
    info = site / "whipsnake_constant-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: whipsnake-constant\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[whipsnake.engines]\nconstant = whipsnake_constant\n")
    return site


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(HERE / "odd_engine", tmp_path_factory.mktemp("odd"))


def test_example_runs(constant: Path) -> None:
    ran = python(EXAMPLE / "run.py", constant)
    assert ran.code == 0 and "constant engine: compiled" in ran.stdout, ran


def test_example_by_name(constant: Path, script: Script) -> None:
    script(
        """
        import signal
        assert whipsnake.engines() == ["off", "baseline", "constant"]
        whipsnake.enable(threshold=2)
        def seven(): return 7
        def none(): pass
        def pick(a, b=[5], *rest, key=None): return b
        def add(a, b): return a + b
        class C:
            def me(self): return self
        c = C()
        for _ in range(10):
            assert seven() == 7 and none() is None and pick(1) == [5] and pick(1, b=2) == 2 and add(1, 2) == 3
            assert c.me() is c
        assert {whipsnake.tier(f) for f in (seven, none, pick, C.me)} == {"constant"}
        assert whipsnake.tier(add) == "declined" and "more than" in whipsnake.why(add)
        try:
            pick()
        except TypeError as e:
            assert str(e) == "pick() missing 1 required positional argument: 'a'"
        counts = sys.getrefcount(c)
        calls(c.me, 1000)
        assert sys.getrefcount(c) == counts
        events = []
        sys.settrace(lambda frame, event, arg: events.append((event, frame.f_code.co_name)) or sys.gettrace())
        seven()
        sys.settrace(None)
        assert events == [("call", "seven"), ("line", "seven"), ("return", "seven")], events
        def handler(*args): raise InterruptedError
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            while True: seven()
        except InterruptedError as e:
            assert e.__traceback__.tb_frame.f_code.co_name == "<module>"
        whipsnake.disable()
        assert seven() == 7 and c.me() is c and vectorcall(seven) == PLAIN
        whipsnake.enable(engine="baseline", threshold=0)
        assert seven() == 7 and whipsnake.tier(seven) == "baseline" and add(2, 3) == 5
        assert whipsnake.tier(add) == "baseline"
    """,
        WHIPSNAKE="constant",
        PYTHONPATH=str(constant),
    )


def test_command_line(constant: Path) -> None:
    ran = python(
        "-m",
        "whipsnake",
        "--engine",
        "constant",
        "--stats",
        "1",
        "-c",
        "print(6 * 7)",
        env={"PYTHONPATH": str(constant)},
    )
    assert (ran.code, ran.stdout) == (0, "42\n") and "constant" in ran.stderr, ran


def test_registration_is_checked(odd: Path, script: Script) -> None:
    script(
        """
        import odd_engine
        from whipsnake import _core
        def refused(capsule):
            try:
                whipsnake.register_engine(capsule)
            except (TypeError, ValueError) as e:
                return str(e)
        good = _core.build_info()["engine_api"]
        assert refused(5) == "expected a PyCapsule named 'whipsnake.engine', got int"
        assert refused(odd_engine.make("x", good, "other")).startswith("expected a PyCapsule named")
        assert refused(odd_engine.make("x", 999, "whipsnake.engine")) == (
            f"the engine was built for version 999 of the engine interface, this is version {good}")
        for name in ("", "off", "a b", "a,b", "a=b"):
            assert "not a name" in refused(odd_engine.make(name, good, "whipsnake.engine")), name
        taken = refused(odd_engine.make("baseline", good, "whipsnake.engine"))
        assert taken == "an engine named 'baseline' is registered already"
        assert whipsnake.register_engine(odd_engine.engine_capsule()) == "odd"
        assert "registered already" in refused(odd_engine.engine_capsule())
        assert whipsnake.engines()[-1] == "odd"
    """,
        PYTHONPATH=str(odd),
    )


def test_services_and_misbehaviour(odd: Path, script: Script) -> None:
    script(
        """
        import odd_engine, traceback
        whipsnake.register_engine(odd_engine.engine_capsule())
        whipsnake.enable(engine="odd", threshold=10**6)
        def throws(): pass
        def throws_int(): pass
        def empty(): pass
        def wild(): pass
        def late(): pass
        reasons = {}
        for f in (throws, throws_int, empty, wild, late):
            assert not whipsnake.compile(f) and f() is None
            reasons[f.__name__] = whipsnake.why(f)
        no_code = "the engine made no code for the function's start"
        assert reasons == {"throws": "internal error: boom", "throws_int": "internal error", "empty": no_code,
                           "wild": no_code, "late": no_code}, reasons

        def facts(a, /, b, *, c=1):
            d = 0
            for i in range(b):
                d = d + i
            try:
                return a
            except KeyError:
                return lambda: d
        calls(facts, 5, 1, 20)
        assert not whipsnake.compile(facts)
        why = whipsnake.why(facts)
        assert why.startswith("facts args=2 posonly=1 kwonly=1 locals=5 ") and why.endswith(" add_int"), why
        assert "gap" not in why and "jump?" not in why and "handlers=" in why

        def deopt(a, b=2): return [a, b]
        assert whipsnake.compile(deopt) and deopt(1) == [1, 2] and odd_engine.counts() == (1, 1)

        def raises():
            marker = 1
            return None
        assert whipsnake.compile(raises)
        try:
            raises()
        except KeyError as e:
            entry = e.__traceback__.tb_next
            assert entry.tb_frame.f_code is raises.__code__ and entry.tb_next is None
            assert entry.tb_lineno == raises.__code__.co_firstlineno + 2, entry.tb_lineno

        def halfway(a, b):
            return a + b
        assert whipsnake.compile(halfway) and halfway(20, 22) == 42 and halfway("a", "b") == "ab"
        try:
            halfway(1, "x")
        except TypeError as e:
            assert e.__traceback__.tb_next.tb_frame.f_locals == {"a": "replaced", "b": "x"}

        watched = object()
        def global_value(): return watched
        assert whipsnake.compile(global_value)
        before = odd_engine.counts()[0]
        assert global_value() is watched and odd_engine.counts()[0] == before + 1
        watched = "new"
        assert global_value() == "new" and odd_engine.counts()[0] == before + 1
        class Watched: attribute = 1
        def type_holds(): return watched
        assert whipsnake.compile(type_holds) and type_holds() is True
        Watched.attribute = 2
        assert type_holds() is False

        def calls_back(f):
            while f():
                pass
        seen = []
        def callback():
            seen.append(sys._getframe(1).f_code.co_name)
            return len(seen) < 4
        assert whipsnake.compile(calls_back) and calls_back(callback) is None and seen == ["calls_back"] * 4
        seen.clear()
        def switch_off():
            if not seen: whipsnake.disable()
            return callback()
        calls_back(switch_off)
        assert seen == ["switch_off"] * 4
        whipsnake.enable(engine="odd", threshold=10**6)
        def fails(): raise LookupError
        try:
            calls_back(fails)
        except LookupError as e:
            entries = (e.__traceback__, e.__traceback__.tb_next)
            assert [entry.tb_frame.f_code.co_name for entry in entries] == ["<module>", "calls_back"]
        alive = odd_engine.counts()[1]
        namespace = {}
        exec("def deopt(a): return a", namespace)
        assert whipsnake.compile(namespace["deopt"]) and namespace["deopt"](5) == 5
        assert odd_engine.counts()[1] == alive + 1
        del namespace
        gc.collect()
        assert odd_engine.counts()[1] == alive
    """,
        PYTHONPATH=str(odd),
    )


def test_a_thread_that_ends_while_an_engine_compiles(odd: Path, script: Script) -> None:
    """What unwinds its stack is no exception, and who catches it and goes on ends the process."""
    script(
        """
        import _thread, odd_engine
        whipsnake.register_engine(odd_engine.engine_capsule())
        whipsnake.enable(engine="odd", threshold=10**6)
        def ends_thread(): pass
        def deopt(a): return a
        begun = threading.Event()
        def body():
            begun.set()
            whipsnake.compile(ends_thread)
        native = len(os.listdir("/proc/self/task"))
        _thread.start_new_thread(body, ())
        begun.wait()
        end = time.monotonic() + 60
        while len(os.listdir("/proc/self/task")) > native and time.monotonic() < end:
            time.sleep(0.001)
        assert len(os.listdir("/proc/self/task")) == native
        assert whipsnake.compile(deopt) and deopt(5) == 5
        print("goes on")
    """,
        PYTHONPATH=str(odd),
    )
