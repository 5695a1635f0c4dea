"""The functions of the package ``whipsnake``, over the fake core; and over the real one where it works."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import whipsnake

from .conftest import needs_core


def plain(x: int) -> int:
    return x + 1


class Class:
    def method(self) -> int:
        return 1

    @staticmethod
    def static() -> int:
        return 2

    @classmethod
    def klass(cls) -> int:
        return 3


def test_everything_public_is_there_and_documented() -> None:
    for name in whipsnake.__all__:
        value = getattr(whipsnake, name)
        if name != "__version__":
            assert value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        whipsnake.nonsense  # noqa: B018


def test_version_is_the_installed_one() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("whipsnake")
    except PackageNotFoundError:
        installed = "0+unknown"
    assert whipsnake.__version__ == installed


def test_enable_and_disable(fake: ModuleType) -> None:
    assert not whipsnake.is_enabled()
    whipsnake.enable(threshold=0, budget="1M")
    assert whipsnake.is_enabled()
    assert fake._enabled["threshold"] == 0
    assert fake._enabled["budget"] == 1 << 20
    assert fake._enabled["engine"] == "baseline"
    assert fake._enabled["loops"] is True
    assert json.dumps(whipsnake.stats())
    whipsnake.disable()
    assert not whipsnake.is_enabled()
    whipsnake.disable()


def test_enable_reads_the_environment(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHIPSNAKE_THRESHOLD", "9")
    whipsnake.enable()
    assert fake._enabled["threshold"] == 9
    monkeypatch.setenv("WHIPSNAKE_THRESHOLD", "many")
    with pytest.raises(
        ValueError, match="WHIPSNAKE_THRESHOLD='many' is not allowed; allowed: auto, or a whole number"
    ):
        whipsnake.enable()


def test_off_is_off(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine off disables, from the keyword and from the environment; the keyword goes first."""
    whipsnake.enable()
    whipsnake.enable(engine="off")
    assert not whipsnake.is_enabled()
    monkeypatch.setenv("WHIPSNAKE", "off")
    whipsnake.enable()
    assert not whipsnake.is_enabled()
    whipsnake.enable(engine="baseline")
    assert whipsnake.is_enabled()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "nonsense"}, "unknown engine 'nonsense'; allowed: off, baseline"),
        ({"nonsense": 1}, "unknown option 'nonsense'; allowed: engine, threshold,"),
        ({"entry": "x"}, "entry='x' is not allowed; allowed: vectorcall or pep523"),
    ],
)
def test_bad_options(fake: ModuleType, options: dict[str, str | int | bool], message: str) -> None:
    with pytest.raises(ValueError) as error:
        whipsnake.enable(**options)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert not whipsnake.is_enabled()


@pytest.mark.parametrize("decorate", [whipsnake.jit, whipsnake.nojit])
def test_decorators(fake: ModuleType, decorate: Callable[[object], object]) -> None:
    how = "jit" if decorate is whipsnake.jit else "nojit"
    assert decorate(plain) is plain
    static, klass = vars(Class)["static"], vars(Class)["klass"]
    assert decorate(static) is static
    assert decorate(klass) is klass
    assert decorate(Class.method) is Class.method
    marked = [call[1:] for call in fake.calls]
    assert marked == [(plain, how), (static.__func__, how), (klass.__func__, how), (Class.method, how)]


@pytest.mark.parametrize("function", ["jit", "nojit", "compile", "tier", "why", "exits"])
@pytest.mark.parametrize("wrong", [None, 1, len, int, Class, "x".join, compile])
def test_only_python_functions(fake: ModuleType, function: str, wrong: object) -> None:
    with pytest.raises(TypeError, match=r"^expected a Python function or method, got "):
        getattr(whipsnake, function)(wrong)


def test_looking_at_functions(fake: ModuleType) -> None:
    assert whipsnake.tier(plain) == "interpreter"
    assert whipsnake.why(plain) is None
    assert whipsnake.exits(Class().method) == {"type": 1}
    assert whipsnake.compile(plain) is False  # not enabled
    whipsnake.enable()
    assert whipsnake.compile(plain) is True
    whipsnake.nojit(plain)
    assert whipsnake.compile(plain) is False
    assert whipsnake.tier(plain) == "disabled"
    assert whipsnake.why(plain) == "it is a fake"


def test_opcodes_and_engines(fake: ModuleType) -> None:
    assert [row["name"] for row in whipsnake.opcodes()][1] == "BINARY_OP"
    assert whipsnake.engines() == ["off", "baseline"]
    assert whipsnake.register_engine("own") == "own"
    whipsnake.enable(engine="own")
    assert whipsnake.stats()["engine"] == "own"


def test_stats_are_printed_once(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import atexit

    from whipsnake import report

    registered: list[object] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(report, "_registered", False)
    whipsnake.enable()
    assert registered == []
    whipsnake.enable(stats=True)
    whipsnake.enable(stats=True)
    assert registered == [report._print]


@pytest.mark.parametrize("how", ["unsupported", "missing"])
def test_where_whipsnake_does_not_work(fake: ModuleType, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Only enable() and register_engine() raise; a program full of our decorators runs."""
    if how == "unsupported":
        reason = "found CPython 3.99.0, supported are CPython 3.13 with the GIL"
        monkeypatch.setattr(fake, "_unsupported", reason)
    else:
        monkeypatch.delattr(whipsnake, "_core")
        monkeypatch.setitem(sys.modules, "whipsnake._core", None)
        reason = "whipsnake's compiled part cannot be loaded into this interpreter"
    ok, text = whipsnake.supported()
    assert not ok and text.startswith(reason) and "\n" not in text
    for refused in (whipsnake.enable, lambda: whipsnake.register_engine("x")):
        with pytest.raises(RuntimeError) as error:
            refused()
        assert str(error.value) == text
    assert whipsnake.jit(plain) is plain and whipsnake.nojit(plain) is plain
    assert whipsnake.compile(plain) is False
    assert whipsnake.tier(plain) == "interpreter"
    assert whipsnake.why(plain) is None
    assert whipsnake.exits(plain) == {}
    assert whipsnake.stats() == {"enabled": False, "unsupported": text}
    assert whipsnake.opcodes() == []
    assert whipsnake.engines() == ["off"]
    assert not whipsnake.is_enabled()
    whipsnake.enable(engine="off")
    whipsnake.disable()


def test_a_build_without_machine_code_behaves_as_off(
    fake: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "this build of Whipsnake has no machine-code generation (WHIPSNAKE_JIT=OFF)"
    monkeypatch.setattr(fake, "_unsupported", reason)
    monkeypatch.setattr(fake, "_build", {"jit": False, "reason": reason})
    whipsnake.enable()
    assert not whipsnake.is_enabled()
    assert whipsnake.supported() == (False, reason)


def test_folders_for_engine_authors(
    fake: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    built = tmp_path / "built"
    (built / "include").mkdir(parents=True)
    fake.__file__ = str(built / "_core.so")
    monkeypatch.setattr(whipsnake, "__path__", [str(tmp_path / "source")])
    assert whipsnake.get_include() == str(built / "include")
    with pytest.raises(FileNotFoundError, match="without its folder 'cmake'"):
        whipsnake.get_cmake_dir()


CONTRACT = """
import json
import whipsnake
from whipsnake import _core

def plain(x):
    return x + 1

assert _core.supported() == (True, "")
assert "baseline" in _core.engines()
rows = _core.opcodes()
assert {"number", "name", "handled", "reason", "specializes", "caches"} <= set(rows[0])
assert all(row["handled"] or row["reason"] for row in rows)
row = _core.measure_compile(plain.__code__)
assert set(row) == {"instructions", "nanoseconds", "bytes", "declined"}, row
assert row["declined"] is None and row["bytes"] > 0 and row["nanoseconds"] > 0, row
assert "reason" not in _core.build_info()

assert not whipsnake.is_enabled()
whipsnake.enable(threshold=0)
assert whipsnake.is_enabled()
assert whipsnake.compile(plain) is True
assert plain(1) == 2
assert whipsnake.tier(plain) == "baseline"
assert whipsnake.why(plain) is None
assert whipsnake.exits(plain) == {}
stats = whipsnake.stats()
json.dumps(stats)
missing = {
    "enabled", "engine", "functions_compiled", "functions_declined", "compile_ns", "code_bytes",
    "code_bytes_peak", "loops_entered", "cache_hits", "cache_misses", "exits", "invalidations",
    "memory_refused", "samples",
} - set(stats)
assert not missing, missing
whipsnake.enable(threshold=7, budget="1M", loops=False, watchers=False)
assert whipsnake.is_enabled()

@whipsnake.nojit
def odd():
    return 1

assert whipsnake.compile(odd) is False and odd() == 1
assert whipsnake.tier(odd) == "disabled"

@whipsnake.jit
def kernel():
    return 1

kernel()
kernel()
assert whipsnake.tier(kernel) == "baseline", whipsnake.tier(kernel)
try:
    whipsnake.enable(engine="nonsense")
except ValueError as error:
    assert str(error).startswith("unknown engine 'nonsense'; allowed: off, baseline")
else:
    raise AssertionError
assert whipsnake.is_enabled()
whipsnake.disable()
assert not whipsnake.is_enabled()
assert plain(1) == 2
"""


@needs_core
def test_real_core_keeps_the_contract(tmp_path: Path) -> None:
    """What the Python side relies on, asked of the real extension module, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CONTRACT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
