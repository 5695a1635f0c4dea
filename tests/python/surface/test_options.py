"""The option table and everything made from it."""

from pathlib import Path

import pytest

from whipsnake import _inspect
from whipsnake.options import OPTIONS, OptionError, by_flag, by_name, resolve

from .conftest import Environment

ROWS = {option.name: option for option in OPTIONS}

ALLOWED = [
    ("engine", "off", "off"),
    ("engine", "baseline", "baseline"),
    ("engine", "my-engine.2", "my-engine.2"),
    ("threshold", "0", 0),
    ("threshold", "2147483647", 2**31 - 1),
    ("threshold", 7, 7),
    ("threshold", "auto", "auto"),
    ("loop_threshold", "auto", "auto"),
    ("loop_threshold", "0012", 12),
    ("entry", "vectorcall", "vectorcall"),
    ("entry", "pep523", "pep523"),
    ("loops", "0", False),
    ("loops", True, True),
    ("loops", 0, False),
    ("budget", "4096", 4096),
    ("budget", "64K", 65536),
    ("budget", "2m", 2 << 20),
    ("budget", "1G", 1 << 30),
    ("budget", "0", 0),
    ("budget", 5, 5),
    ("code_heap", "ok", "ok"),
    ("code_heap", "fail", "fail"),
    ("code_heap", "fail:3", "fail:3"),
    ("exit_every", "0", 0),
    ("jettison_every", 100, 100),
    ("gc", "each-call", "each-call"),
    ("caches", "0", False),
    ("without", "none", "none"),
    ("without", "numbers,calls", "numbers,calls"),
    ("stress_seed", "auto", "auto"),
    ("stress_seed", "7", 7),
]

REFUSED = [
    ("engine", ""),
    ("engine", "a b"),
    ("engine", "a\nb"),
    ("engine", None),
    ("engine", 1),
    ("threshold", ""),
    ("threshold", "-1"),
    ("threshold", "+1"),
    ("threshold", "1.5"),
    ("threshold", "1_000"),
    ("threshold", " 1"),
    ("threshold", "٣"),
    ("threshold", "2147483648"),
    ("threshold", "9" * 5000),
    ("threshold", -1),
    ("threshold", True),
    ("threshold", 1.0),
    ("threshold", None),
    ("threshold", "Auto"),
    ("loop_threshold", "automatic"),
    ("entry", "PEP523"),
    ("loops", "yes"),
    ("loops", 2),
    ("loops", None),
    ("budget", "M"),
    ("budget", "1T"),
    ("budget", "1.5M"),
    ("budget", "-1M"),
    ("budget", "99999999G"),
    ("budget", False),
    ("budget", b"1"),
    ("code_heap", "fail:"),
    ("code_heap", "fail:x"),
    ("code_heap", "ok:1"),
    ("code_heap", "no"),
    ("exit_every", "auto"),
    ("exit_every", "-1"),
    ("slow_every", True),
    ("gc", "always"),
    ("without", ""),
    ("without", "numbers,"),
    ("without", "numbers,none"),
    ("without", 1),
]


@pytest.mark.parametrize(("name", "given", "value"), ALLOWED)
def test_allowed(name: str, given: object, value: object) -> None:
    found = ROWS[name].convert(given, "here")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("name", "given"), REFUSED)
def test_refused_in_one_line_that_says_what_is_allowed(name: str, given: object) -> None:
    with pytest.raises(OptionError) as error:
        ROWS[name].convert(given, "WHERE")
    message = str(error.value)
    assert message.startswith("WHERE=") and message.endswith(f"allowed: {ROWS[name].kind.allowed}")
    assert "\n" not in message and len(message) < 250


def test_defaults_are_allowed_values_and_show_as_text_that_reads_back() -> None:
    for option in OPTIONS:
        assert option.convert(option.default, "") == option.default
        assert option.convert(option.kind.show(option.default), "") == option.default


def test_defaults() -> None:
    assert resolve({}, {}) == {
        "engine": "baseline",
        "threshold": "auto",
        "loop_threshold": "auto",
        "entry": "vectorcall",
        "loops": True,
        "watchers": True,
        "budget": 64 << 20,
        "code_heap": "ok",
        "perf_map": False,
        "stats": False,
        "exit_every": 0,
        "slow_every": 0,
        "jettison_every": 0,
        "fail_every": 0,
        "gc": "normal",
        "caches": True,
        "without": "none",
        "stress_seed": "auto",
    }


def test_names() -> None:
    for option in OPTIONS:
        assert option.flag == "--" + option.name.replace("_", "-")
        assert option.env == ("WHIPSNAKE" if option.name == "engine" else f"WHIPSNAKE_{option.name.upper()}")
        assert by_flag(option.flag) is by_name(option.name) is option


def test_precedence() -> None:
    environ = {"WHIPSNAKE_THRESHOLD": "3", "WHIPSNAKE_BUDGET": "1K", "WHIPSNAKE_ENTRY": ""}
    values = resolve({"threshold": "5"}, environ)
    assert (values["threshold"], values["budget"], values["entry"]) == (5, 1024, "vectorcall")


def test_a_bad_variable_is_ignored_where_the_flag_overrides_it() -> None:
    assert resolve({"threshold": 5}, {"WHIPSNAKE_THRESHOLD": "x"})["threshold"] == 5


def test_errors_name_where_the_value_came_from() -> None:
    with pytest.raises(OptionError, match=r"^WHIPSNAKE_THRESHOLD='x' is not allowed; allowed: auto, or a"):
        resolve({}, {"WHIPSNAKE_THRESHOLD": "x"})
    with pytest.raises(OptionError, match=r"^threshold='x' is not allowed"):
        resolve({"threshold": "x"}, {})


@pytest.mark.parametrize("look_up", [by_name, by_flag, lambda name: resolve({name: 1}, {})])
def test_unknown_option_lists_those_there_are(look_up: object) -> None:
    with pytest.raises(OptionError, match=r"unknown option .*nonsense.*; allowed: .*engine, .*threshold"):
        look_up("nonsense")  # type: ignore[operator]


def test_page_is_current() -> None:
    """docs/options.md is what ``whipsnake options --markdown`` prints."""
    page = Path(__file__).parents[3] / "docs" / "options.md"
    assert page.read_text(encoding="utf-8") == _inspect.markdown()


def test_importing_the_table_imports_nothing_slow(tmp_path: Path, fake_environment: Environment) -> None:
    code = "import whipsnake.options, whipsnake._autoload, sys; print(*sys.modules)"
    done = fake_environment.run([fake_environment.python, "-c", code], tmp_path)
    slow = {
        "argparse",
        "typing",
        "dataclasses",
        "enum",
        "re",
        "inspect",
        "importlib.metadata",
        "json",
        "pathlib",
    }
    assert done.returncode == 0, done.stderr
    assert slow & set(done.stdout.split()) == set()
