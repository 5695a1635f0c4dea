"""The benchmark harness: its arithmetic, its schedule, its tables, what it reads, and what it keeps."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import math
import random
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bench import catalogue, figures, measure, report, results, table
from bench.catalogue import Item, Kind, Target
from bench.environment import Environment, Interpreter, SetupError, common_pins, lock, needs_of, tree_digest
from bench.measure import Part, Row, Run, Side
from bench.results import Results

MICRO_NAMES = sorted(path.stem for path in catalogue.MICRO.glob("[!_]*.py"))
STDLIB_WORKLOADS = sorted(path.stem for path in catalogue.WORKLOADS.glob(f"{catalogue.STDLIB_PREFIX}*.py"))


def row(
    name: str, plain: Sequence[float], jit: Sequence[float], peaks: tuple[int, int] = (1024, 1024)
) -> Row:
    """A row with one process for each figure (seconds); *peaks* are both sides' memory in kB."""
    item = Item(name.partition(":")[0], "pyperf", Path())
    runs = [Run(Side.PLAIN, [value], peak_kb=peaks[0]) for value in plain]
    runs += [Run(Side.WHIPSNAKE, [value], peak_kb=peaks[1]) for value in jit]
    return Row(Part(item, name, 0), runs)


def failed(name: str, why: str) -> Row:
    return Row(Part(Item(name, "pyperf", Path()), name, 0), failure=why)


@pytest.fixture
def setup(tmp_path: Path) -> measure.Setup:
    """An environment without Whipsnake, whose interpreter is the one of the tests."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    interpreter = Interpreter(sys.executable, "3.13.0", "", "", False, None)
    return measure.Setup(Environment(tmp_path, interpreter, ""), timeout=60.0)


def micro(name: str) -> Item:
    return Item(name, "micro", catalogue.MICRO / f"{name}.py")


# ---- arithmetic


def test_geometric_mean() -> None:
    assert figures.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_a_ratio_above_one_means_that_the_second_side_is_faster() -> None:
    assert row("a", [2.0, 8.0], [1.0, 1.0]).ratio() == pytest.approx(4.0)


def test_what_disturbs_both_processes_of_a_round_hardly_counts() -> None:
    """The machine is twice as slow for a while, and something short disturbs one turn of one side."""
    plain = [2.0, 2.0, 4.0, 4.0, 4.0, 2.0, 9.0]
    jit = [1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0]
    assert math.exp(figures.log_ratio(plain, jit)) == pytest.approx(2.0)


def test_rounds_that_were_disturbed_hardly_count() -> None:
    """Two of six rounds of two turns each, while the other side waited."""
    rounds = [([1.0, 1.01], [1.0, 1.0])] * 4 + [([1.5, 1.4], [1.0, 1.0])] * 2
    assert figures.ratio(rounds) == pytest.approx(1.01, rel=0.01)


def test_the_spread_is_half_the_range_of_the_rounds() -> None:
    assert figures.spread([0.0, 0.0, 0.0]) == 0.0
    assert figures.spread([math.log(1.6), math.log(2.0), math.log(2.5)]) == pytest.approx(
        (2.5 - 1.6) / 2 / 2.0
    )


def test_the_error_of_a_round_is_that_of_its_median() -> None:
    """Checked against the scatter of medians of turns that scatter by 1 % each."""
    source = random.Random(7)
    rounds = [[math.exp(source.gauss(0, 0.01)) for _ in range(15)] for _ in range(600)]
    found = [figures.log_ratio(turns, [1.0] * 15) for turns in rounds]
    told = statistics.median(figures.turn_error(turns, [1.0] * 15) for turns in rounds)
    assert told == pytest.approx(statistics.pstdev(found), rel=0.2)
    assert figures.turn_error([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) == 0.0


def test_turns_that_scatter_are_not_certain() -> None:
    one = row("a", [1.0, 1.0], [1.0, 1.0])
    assert one.certain()
    for run in one.runs:
        run.values = [1.0, 1.2, 0.8, 1.1, 0.9] if run.side is Side.PLAIN else [1.0] * 5
    assert one.ratio() == 1.0
    assert not one.certain()


@pytest.mark.parametrize(("effort", "seconds"), [(measure.NORMAL, 20.0), (measure.QUICK, 6.0)])
@pytest.mark.parametrize("kind", ["micro", "workload"])
def test_what_has_had_its_time_gets_no_more_rounds(
    setup: measure.Setup, effort: measure.Effort, seconds: float, kind: str
) -> None:
    quick = dataclasses.replace(setup, effort=effort)
    item = Item("a", kind, Path("a.py"))
    [one] = measure.rows_of(
        item, [{"name": "a", "loops": 1, "seconds": 0.1}], measure.effort_for(item, quick)
    )
    one.runs = row("a", [1.0, 1.2, 0.8, 1.1, 0.9], [1.0] * 5).runs
    for run in one.runs:
        run.processor = seconds / len(one.runs) * 0.99
    assert not one.enough()
    one.runs[0].processor *= 1.2
    assert one.enough() and not one.certain()


def test_the_error_of_rounds() -> None:
    assert figures.standard_error([0.5]) == math.inf
    assert figures.standard_error([0.01, -0.01]) == pytest.approx(0.01)


def test_warming() -> None:
    assert figures.warming([2.0, 2.0, 1.0, 1.0]) == pytest.approx(1.0)
    assert figures.warming([1.0, 1.0, 1.0, 1.0]) == 0.0
    assert figures.warming([5.0, 1.0, 1.0]) == 0.0


@pytest.mark.parametrize(("seconds", "expected"), [(0.1, 8), (10.0, 2), (0.001, 20), (0.0, 20)])
def test_the_amount_of_work_has_limits(seconds: float, expected: int) -> None:
    assert figures.amount(seconds, 0.8, least=2, most=20) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.5, "12.5 s"),
        (1234.0, "1234 s"),
        (0.0125, "12.5 ms"),
        (0.99996, "1e+03 ms"),
        (2e-6, "2 µs"),
        (3.21e-8, "32.1 ns"),
    ],
)
def test_times_have_a_suitable_unit(seconds: float, text: str) -> None:
    assert figures.human_seconds(seconds) == text


# ---- both sides in turn


def test_both_sides_take_turns_and_who_comes_first_changes() -> None:
    p, w = Side.PLAIN, Side.WHIPSNAKE
    assert list(measure.turns(3, 0)) == [(p, w), (w, p), (p, w)]
    assert list(measure.turns(3, 1)) == [(w, p), (p, w), (w, p)]


def runs(*results: tuple[Side, str | None]) -> list[Run]:
    return [Run(side, [1.0], digest=digest) for side, digest in results]


def test_a_different_result_is_told() -> None:
    p, w = Side.PLAIN, Side.WHIPSNAKE
    assert measure.difference(runs((p, "a"), (w, "a"), (w, "a"), (p, "a"))) is None
    assert measure.difference(runs((p, "a"), (w, "b"), (w, "a"), (p, "a"))) == "the result differs"
    assert measure.difference(runs((p, "a"), (w, None))) == "the result differs"


def test_what_differs_without_whipsnake_cannot_be_compared() -> None:
    p, w = Side.PLAIN, Side.WHIPSNAKE
    assert measure.difference(runs((p, "a"), (w, "b"), (w, "c"), (p, "d"))) is None


def test_the_output_is_compared() -> None:
    plain, jit = Run(Side.PLAIN, [1.0], output="x"), Run(Side.WHIPSNAKE, [1.0], output="y")
    assert measure.difference([plain, jit]) == "the output differs"


def test_how_a_process_ended() -> None:
    assert measure.describe_end(1, "Traceback\n  File\nValueError: no\n\n") == "status 1: ValueError: no"
    assert measure.describe_end(-11, "") == "signal SIGSEGV"


def test_names_of_parts() -> None:
    assert measure.part_name("deepcopy", "deepcopy_memo") == "deepcopy:memo"
    assert measure.part_name("deepcopy", "deepcopy") == "deepcopy:deepcopy"
    assert measure.part_name("sympy", "sympy_expand") == "sympy:expand"
    assert measure.part_name("scimark", "sor") == "scimark:sor"


@pytest.mark.parametrize(
    ("second", "processor", "expected"), [(1.01, 1.0, 2), (1.02, 1.0, 4), (1.5, 1.0, 6), (1.5, 10.0, 2)]
)
def test_rounds_that_disagree_are_followed_by_more(
    tmp_path: Path, setup: measure.Setup, second: float, processor: float, expected: int
) -> None:
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    wanted = Row(Part(micro("fib"), "fib", None))
    for number in range(6):
        sides: dict[str, dict[str, object]] = {
            "plain": {"values": [1.0], "processor": processor},
            "whipsnake": {"values": [second if number == 1 else 1.0], "processor": processor},
        }
        store.get(f"fib {number}", functools.partial(dict, sides))
    measure.measure(wanted, 2, setup, store)
    assert len(wanted.runs) == 2 * expected


# ---- the file of results


def test_an_interrupted_run_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    made = []

    def make(value: int) -> int:
        made.append(value)
        return value

    first = measure.Store(path, {"whipsnake": "1"}, resume=False)
    assert first.get("a", lambda: make(1)) == 1
    assert first.get("a", lambda: make(2)) == 1
    with path.open("a") as file:
        file.write('{"b": 2')  # the writer was interrupted here
    second = measure.Store(path, {"whipsnake": "1"}, resume=True)
    assert second.get("a", lambda: make(3)) == 1
    assert second.get("b", lambda: make(4)) == 4
    assert made == [1, 4]
    third = measure.Store(path, {"whipsnake": "1"}, resume=True)
    assert third.get("b", lambda: make(5)) == 4


def test_failures_are_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    measure.Store(path, {}, resume=False).get("a", lambda: {"failure": "status 1"})
    assert measure.Store(path, {}, resume=True).get("a", lambda: {"values": [1.0]}) == {"values": [1.0]}
    assert measure.Store(path, {}, resume=True).get("a", lambda: {"values": [2.0]}) == {"values": [1.0]}


@pytest.mark.parametrize(("identity", "resume"), [({"whipsnake": "2"}, True), ({"whipsnake": "1"}, False)])
def test_results_of_something_else_are_not_used(
    tmp_path: Path, identity: dict[str, str], resume: bool
) -> None:
    path = tmp_path / "results.jsonl"
    measure.Store(path, {"whipsnake": "1"}, resume=False).get("a", lambda: 1)
    assert measure.Store(path, identity, resume).get("a", lambda: 2) == 2


def test_why_nothing_can_be_resumed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    measure.Store(path, {"whipsnake": "1", "engine": "baseline"}, resume=False)
    assert measure.Store(path, {"whipsnake": "1", "engine": "baseline"}, resume=True).note is None
    note = measure.Store(path, {"whipsnake": "2", "engine": "baseline"}, resume=True).note
    assert note == "nothing to resume: the earlier run had another whipsnake"


# ---- targets and tables


def target(kind: Kind, *items: str) -> Target:
    return Target("work", kind, items, 2.0, 1.5)


def test_a_target_has_a_limit_for_each_kind_of_build() -> None:
    fast = target(Kind.RATIO, "a")
    assert not fast.met(1.7, pgo=False)
    assert fast.met(1.7, pgo=True)
    small = target(Kind.MEMORY, "a")
    assert small.met(1.7, pgo=False)
    assert not small.met(1.7, pgo=True)


def test_the_ratio_of_an_item_is_the_mean_of_its_parts() -> None:
    rows = [row("a:x", [2.0], [1.0]), row("a:y", [8.0], [1.0]), row("b", [3.0], [1.0])]
    assert report.item_ratios(rows) == {"a": pytest.approx(4.0), "b": pytest.approx(3.0)}
    found = report.outcome(target(Kind.MEAN, "a", "b"), rows)
    assert found is not None
    assert found.value == pytest.approx(12.0**0.5)
    assert found.complete


def test_the_slowest_is_a_part() -> None:
    rows = [row("a:x", [2.0], [1.0]), row("a:y", [1.0], [2.0]), row("b", [3.0], [1.0])]
    found = report.outcome(target(Kind.SLOWEST, "a", "b"), rows)
    assert found is not None
    assert (found.value, found.note) == (0.5, "a:y")
    rows.append(row("c", [1.0], [4.0]))  # of which nobody expects much
    slower = report.outcome(target(Kind.SLOWEST, "a", "b"), rows)
    assert slower is not None
    assert (slower.value, slower.note) == (0.25, "c")


def test_what_failed_or_is_missing_is_said() -> None:
    rows = [row("a", [2.0], [1.0]), failed("b", "status 1")]
    found = report.outcome(target(Kind.MEAN, "a", "b", "c"), rows)
    assert found is not None
    assert found.value == pytest.approx(2.0)
    assert found.note == "1 of 3 items not run; FAILED: b"
    assert not found.complete
    assert report.outcome(target(Kind.RATIO, "other"), rows) is None


def test_start_up_and_memory_are_differences_and_quotients() -> None:
    rows = [row("a", [0.010], [0.014], peaks=(1000, 1100))]
    start, memory = (report.outcome(target(kind, "a"), rows) for kind in (Kind.MILLISECONDS, Kind.MEMORY))
    assert start is not None
    assert memory is not None
    assert start.value == pytest.approx(4.0)
    assert memory.value == pytest.approx(1.1)


def test_milliseconds_are_compared_turn_by_turn() -> None:
    """The machine is twice as slow during one of three rounds, and more of one side's turns fall into it."""
    one = row("a", [0.010], [0.011])
    one.runs[0].values = [0.010, 0.010, 0.020, 0.020, 0.020]
    one.runs[1].values = [0.011, 0.011, 0.011, 0.022, 0.022]
    start = report.outcome(target(Kind.MILLISECONDS, "a"), [one])
    assert start is not None
    assert start.value == pytest.approx(1.0)


def test_the_table_marks_what_misses_its_target() -> None:
    rows = [row("fib", [4.0], [1.0]), row("int_loop", [1.5], [1.0]), failed("closures", "status 1")]
    marks = {cells[0]: cells[-1] for cells in report.target_lines(rows, pgo=False)[1:]}
    assert marks == {
        "recursive function calls": "ok",
        "int arithmetic in a loop": "MISSED",
        "closures": "FAILED FAILED: closures",
    }


def test_the_list_begins_with_the_worst() -> None:
    rows = [row("fast", [2.0], [1.0]), row("slow", [1.0], [2.0]), failed("broken", "status 1")]
    assert [cells[0] for cells in report.row_lines(rows)] == ["benchmark", "broken", "slow", "fast"]


def test_the_list_says_where_rounds_disagreed_or_were_still_warming_up() -> None:
    noisy = row("noisy", [2.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    warming = row("warming", [1.0], [1.0])
    warming.runs[-1].values = [2.0, 2.0, 1.0, 1.0]
    notes = {cells[0]: cells[-1] for cells in report.row_lines([noisy, warming])}
    assert notes["noisy"] == "rounds disagree by 21.8%"
    assert notes["warming"] == "still warming up: +100%"


def test_layouts() -> None:
    lines = [["work", "s", ""], ["a|b", "10", "ok"]]
    assert report.align(lines) == "work   s\n------------\na|b   10  ok"
    assert report.markdown(lines) == "| work | s |  |\n|---|---|---|\n| a\\|b | 10 | ok |"


def test_figures_of_the_targets() -> None:
    assert report.target_figures([row("fib", [2.0], [1.0])], False) == [
        {"title": "recursive function calls", "value": 2.0, "limit": 3.0, "met": False}
    ]


def test_what_whipsnake_did_is_told() -> None:
    stats = {"functions_compiled": 7, "slow_ops": 8000, "exits": {"a": 3, "b": 5}}
    jit = {"stats": stats | {"compile_ns": 50_000_000, "code_bytes_peak": 12_345}}
    run = Run(Side.WHIPSNAKE, [0.1, 0.1], elapsed=4.0, jit=jit, processor=5.0)
    found = report.activity(Row(Part(Item("x", "micro", Path()), "x", None), [run]))
    assert found == ("7", "50 ms", "1.0%", "12.3k", "2k", "2")
    assert report.activity(row("x", [1.0], [1.0])) == ("-",) * 6


def test_the_first_values_of_processes_have_a_ratio() -> None:
    one = row("x", [1.0, 1.0], [1.0, 1.0])
    assert one.first_ratio() is None
    for run, first in zip(one.runs, (3.0, 5.0, 1.0, 1.0), strict=True):
        run.warmups = [first, 9.0]
    assert one.first_ratio() == 4.0


def test_the_table_has_columns_for_the_build_with_pgo() -> None:
    rows, pgo_rows = [row("fib", [4.0], [1.0])], [row("fib", [1.2], [0.6]), row("int_loop", [2.0], [1.0])]
    lines = report.target_lines(rows, False, pgo_rows)
    assert lines[1:] == [
        "recursive function calls,4 s,1 s,4.000,>= 3.00,1.2 s,600 ms,2.000,>= 2.50,ok / MISSED".split(","),
        "int arithmetic in a loop,-,-,-,>= 2.00,2 s,1 s,2.000,>= 1.60,not run / ok".split(","),
    ]
    assert len({len(cells) for cells in lines}) == 1


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (12345, "12.3k"), (2.5e6, "2.5M")])
def test_counts_are_short(number: float, text: str) -> None:
    assert figures.human_count(number) == text


# ---- what is read


MANIFEST = """[benchmarks]

name	metafile
chaos	<local>
tree_io	<local:tree>
# FIXME: not this one
#hg	<local>

[group default]
"""


def test_the_manifest_of_pyperformance(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST").write_text(MANIFEST)
    for folder in ("bm_chaos", "bm_tree"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bm_chaos" / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (tmp_path / "bm_tree" / "bm_tree_io.toml").write_text('[tool.pyperformance]\nextra_opts = ["io"]\n')
    chaos, tree = catalogue.pyperf_items(tmp_path)
    assert (chaos.name, chaos.path, chaos.argv) == ("chaos", tmp_path / "bm_chaos" / "run_benchmark.py", ())
    assert (tree.name, tree.folder, tree.argv) == ("tree_io", "bm_tree", ("io",))


def test_pins_that_disagree_are_none() -> None:
    texts = ["six==1.16.0\n# nothing\ndask[distributed]==2.0\n", "Six==1.16.0\nx==1\nunpinned\n", "x==2\n"]
    assert common_pins(texts) == ["dask==2.0", "six==1.16.0"]


def test_every_target_of_our_own_has_a_benchmark() -> None:
    names = {item.name for item in [*catalogue.own_items(catalogue.PURE_PYTHON), *catalogue.startup_items()]}
    for wanted in catalogue.TARGETS:
        if wanted.items[0] not in catalogue.PURE_PYTHON:
            assert set(wanted.items) <= names, wanted.title


def test_choosing() -> None:
    items = [Item("fib", "micro", Path()), Item("go", "pyperf", Path()), Item("json_loads", "pyperf", Path())]
    assert [item.name for item in table.choose(items, [], everything=False)] == ["fib", "go"]
    assert [item.name for item in table.choose(items, [], everything=True)] == ["fib", "go", "json_loads"]
    assert [item.name for item in table.choose(items, ["pyperf"], everything=False)] == ["go", "json_loads"]
    items.append(Item("docutils", "pyperf", Path()))
    assert table.choose(items, [], everything=True, quick=True) == items[:3]
    assert table.choose(items, ["docutils"], everything=True, quick=True) == items[3:]
    with pytest.raises(SetupError, match="nonesuch"):
        table.choose(items, ["nonesuch"], everything=False)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(SetupError, match="another"):
        lock(tmp_path)
    lock(tmp_path).close()


def test_the_digest_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = tree_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert tree_digest(tmp_path) == before
    (tmp_path / "a.py").write_text("2")
    assert tree_digest(tmp_path) != before


# ---- the worker and the micro-benchmarks


@pytest.mark.parametrize("name", MICRO_NAMES)
def test_a_micro_benchmark_gives_the_same_every_time(name: str) -> None:
    module = importlib.import_module(f"bench.micro.{name}")
    first = module.run(2)
    assert module.run(2) == first
    assert module.__doc__


@pytest.mark.parametrize("name", STDLIB_WORKLOADS)
def test_a_workload_gives_the_same_every_time(name: str) -> None:
    code = (
        f"from bench.workloads import {name} as workload; first = workload.run(1)\n"
        "assert first and workload.__doc__ and workload.run(1) == first"
    )
    # In a process of its own: some change a module of the standard library.
    subprocess.run([sys.executable, "-c", code], cwd=catalogue.MICRO.parents[1], check=True, timeout=60)


def test_a_workload_finds_its_packages(setup: measure.Setup, tmp_path: Path) -> None:
    folder = tmp_path / "bench" / "workloads"
    folder.mkdir(parents=True)
    (folder / "web.py").write_text("import only_here\ndef run(n):\n    return only_here.VALUE * n\n")
    setup.environment.packages.mkdir()
    (setup.environment.packages / "only_here.py").write_text("VALUE = 7\n")
    spec: dict[str, Any] = {"task": None, "loops": 3, "warmups": 1, "values": 1}
    item = Item("web", "workload", folder / "web.py")
    result, _ = measure.run_worker(item, Side.PLAIN, spec, setup)
    assert result["benchmarks"][0]["digest"]
    with pytest.raises(measure.ProcessFailedError, match="No module named 'only_here'"):
        # Those named so run without packages.
        (folder / "std_web.py").write_text((folder / "web.py").read_text())
        measure.run_worker(Item("std_web", "workload", folder / "std_web.py"), Side.PLAIN, spec, setup)


def test_a_program_of_pyperformance_finds_pyperf_among_packages(setup: measure.Setup, tmp_path: Path) -> None:
    """As rivals do, whose environments have no packages; this pyperf does nothing."""
    script = tmp_path / "bm_x" / "run_benchmark.py"
    script.parent.mkdir()
    script.write_text("import pyperf; pyperf.Runner().bench_func('x', int)")
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "pyperf.py").write_text(
        "from types import SimpleNamespace as Task\n"
        "class Runner:\n"
        "    def bench_func(self, name, function):\n"
        "        self._worker(Task(name=name, inner_loops=1, task_func=lambda task, loops: 1.0))\n"
    )
    told = dataclasses.replace(setup, spec={"packages": str(packages)})
    spec = {"task": 0, "loops": 1, "warmups": 1, "values": 2}
    result, _ = measure.run_worker(Item("x", "pyperf", script), Side.PLAIN, spec, told)
    [found] = result["benchmarks"]
    assert (found["name"], len(found["values"])) == ("x", 2)


def test_the_worker_measures(tmp_path: Path) -> None:
    spec = {
        "kind": "micro",
        "path": str(catalogue.MICRO / "fib.py"),
        "task": None,
        "out": str(tmp_path / "out"),
    }
    (tmp_path / "spec").write_text(json.dumps(spec | {"loops": 2, "warmups": 1, "values": 3}))
    subprocess.run(
        [sys.executable, "-S", str(measure.WORKER), str(tmp_path / "spec")], check=True, timeout=60
    )
    result = json.loads((tmp_path / "out").read_text())
    [found] = result["benchmarks"]
    assert found["name"] == "fib"
    assert (len(found["warmups"]), len(found["values"])) == (1, 3)
    assert all(0 < value < 1 for value in found["values"])
    assert found["digest"]
    assert result["peak_kb"] > 1000
    assert result["whipsnake"] is None


def test_an_obedient_worker_measures_what_it_is_told(setup: measure.Setup) -> None:
    spec = {"task": None, "loops": 2}
    with measure.Worker(micro("fib"), Side.PLAIN, spec, setup, obedient=True) as worker:
        found = [worker.ask(count) for count in (1, 3, 2)]
        result, _ = worker.result()
    assert [len(values) for values in found] == [1, 3, 2]
    assert result["benchmarks"][0]["elapsed"] == pytest.approx(2 * sum(map(sum, found)))
    assert result["processor"] > result["benchmarks"][0]["elapsed"]


# ---- processes that go wrong


def test_a_process_that_hangs_is_ended(setup: measure.Setup) -> None:
    spec = {"task": None, "loops": 10**9, "warmups": 1, "values": 1}
    with pytest.raises(measure.ProcessFailedError, match=r"ended after 0\.3 s, the time limit"):
        measure.run_worker(micro("fib"), Side.PLAIN, spec, dataclasses.replace(setup, timeout=0.3))


def test_a_process_that_fails_says_why(setup: measure.Setup, tmp_path: Path) -> None:
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    [found] = measure.find_parts(micro("nonesuch"), setup, store)
    assert found.failure == "status 1: ModuleNotFoundError: No module named 'bench.micro.nonesuch'"


HANGS = """
import time
def run(n):
    time.sleep(60)
"""
FAILS = """
def run(n):
    raise ValueError("no")
"""
# The first process shows how much work there is; then the second side is in these.
DIFFERS = """
import pathlib
count = pathlib.Path(__file__).with_suffix(".count")
count.write_text(count.read_text() + "x" if count.exists() else "x")
mine = len(count.read_text())
def run(n):
    return mine in (3, 4, 7)
"""
# One process is well, and the second dies, or hangs, in the middle.
DIES = """
import os, pathlib, time
count = pathlib.Path(__file__).with_suffix(".count")
count.write_text(count.read_text() + "x" if count.exists() else "x")
mine, calls = len(count.read_text()), 0
def run(n):
    global calls
    calls += 1
    if mine > 2 and calls > 3:
        END
    return 1
"""


def test_what_fails_hangs_or_differs_is_a_row_and_decides_about_the_exit_code(
    setup: measure.Setup, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bench" / "micro"
    folder.mkdir(parents=True)
    programs = {
        "fails": FAILS,
        "differs": DIFFERS,
        "dies": DIES.replace("END", "os.abort()"),
        "hangs": HANGS,
        "stalls": DIES.replace("END", "time.sleep(60)"),
    }
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text)
    items = [Item(name, "micro", folder / f"{name}.py") for name in programs]
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    patient = dataclasses.replace(setup, noise=True, effort=measure.QUICK)
    hasty = dataclasses.replace(patient, timeout=4.0)
    rows = table.run_all(items[:3], 1, patient, store) + table.run_all(items[3:], 1, hasty, store)
    problems = [
        "fails: status 1: ValueError: no",
        "differs: the result differs",
        "dies: the whipsnake side: signal SIGABRT",
        "hangs: ended after 4 s, the time limit",
        "stalls: the whipsnake side: ended after 4 s, the time limit",
    ]
    assert table.verdict(rows, table.parse([], "bench.table"), pgo=False) == problems
    assert [cells[0] for cells in report.row_lines(rows)[1:]] == list(programs)
    assert capsys.readouterr().out.count("FAILED") == 5


def test_an_interpreter_that_hangs_at_its_start_is_ended(setup: measure.Setup) -> None:
    (setup.environment.folder / "bare").symlink_to(setup.environment.folder / "venv")
    patient = dataclasses.replace(setup, noise=True)

    def measured(code: str, how: measure.Setup = patient) -> dict[str, Any]:
        part = Part(Item("startup", "startup", Path(), ("-c", code)), "startup", None)
        return measure.run_round(part, 0, how, how)

    hanging = measured("import time; time.sleep(60)", dataclasses.replace(patient, timeout=0.5))
    assert hanging == {"failure": "the plain side: ended after 0.5 s, the time limit"}
    failing = measured("1 / 0")
    assert failing == {"failure": "the plain side: status 1: ZeroDivisionError: division by zero"}
    found = measured("print(1)")
    for side in Side:
        assert len(found[side.value]["values"]) == measure.STARTUP_PROCESSES - 1
        assert len(found[side.value]["warmups"]) == 1
    assert found["plain"]["output"] == found["whipsnake"]["output"]
    assert measured("0")["plain"]["output"] != found["plain"]["output"]


def test_a_run_without_whipsnake_is_noticed(setup: measure.Setup, tmp_path: Path) -> None:
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    wanted = Row(Part(micro("fib"), "fib", None, loops=1, warmups=1, values=1))
    measure.measure(wanted, 1, setup, store)
    assert wanted.failure == "the whipsnake side: Whipsnake was not at work"
    both = Row(Part(micro("fib"), "fib", None, loops=1, warmups=1, values=1))
    store = measure.Store(tmp_path / "noise.jsonl", {}, resume=False)
    measure.measure(both, 1, dataclasses.replace(setup, noise=True), store)
    assert both.failure is None
    assert both.ratio() is not None


def test_failures_decide_about_the_exit_code() -> None:
    args = table.parse([], "bench.table")
    assert table.verdict([row("fib", [1.0], [1.0])], args, pgo=False) == []
    assert table.verdict([failed("2to3", "status 1")], args, pgo=False) == ["2to3: status 1"]
    unavailable = failed("2to3", "status 1")
    unavailable.absent = True
    assert table.verdict([unavailable], args, pgo=False) == []
    needed = failed("chaos", "status 1")
    needed.absent = True
    assert table.verdict([needed], args, pgo=False) == ["chaos: status 1"]
    strict = table.parse(["--strict"], "bench.table")
    assert table.verdict([row("fib", [1.0], [1.0])], strict, pgo=False) == [
        "recursive function calls: 1.000 misses 3"
    ]


def test_equal_sides_must_be_near_each_other() -> None:
    good = [row(f"a{i}", [1.0 + i % 3 * 0.001], [1.0]) for i in range(20)]
    args = table.parse(["--compare-with-itself", "--strict"], "bench")
    assert args.noise
    assert table.verdict(good, args, pgo=False) == []
    assert "criterion met: 100.0% of them are within 1 +- 0.02" in report.noise_summary(good)
    stray = [row(f"b{i}", [1.03 if i % 2 else 0.97], [1.0]) for i in range(3)]
    assert table.verdict([*good, *stray], args, pgo=False) == ["equal sides stray too far from each other"]
    shifted = [row(f"a{i}", [1.01], [1.0]) for i in range(20)]
    assert "criterion MISSED: 100.0%" in report.noise_summary(shifted)
    assert table.verdict(shifted, table.parse(["--noise"], "bench"), pgo=False) == []


# ---- whole runs


@pytest.fixture
def whole_run(setup: measure.Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stands in for the set-up of environments; returns the command line of a run of three items.

    One of them fails, in each of its processes.
    """

    def no_tools(folder: Path, base: str) -> str:
        raise SetupError("no tools")

    program = tmp_path / "bench" / "micro" / "fails.py"
    program.parent.mkdir(parents=True)
    program.write_text(FAILS)
    items = [micro("fib"), Item("fails", "micro", program), micro("closures")]
    plain = dataclasses.replace(setup, noise=True)
    monkeypatch.setattr(table, "prepare", lambda args, everything, interpreter: (plain, items, {}))
    monkeypatch.setattr(table, "pin", lambda core: 0)
    monkeypatch.setattr(table.environment, "tools", no_tools)
    monkeypatch.setattr(measure, "MICRO", measure.Effort(0.01, 0.01, 0.005))
    monkeypatch.setattr(measure, "CERTAIN", 100.0)
    handler = signal.getsignal(signal.SIGTERM)
    yield [
        "--compare-with-itself",
        "--rounds",
        "2",
        "--build",
        str(tmp_path),
        "--json",
        str(tmp_path / "all"),
    ]
    signal.signal(signal.SIGTERM, handler)


def test_a_run_with_a_failure_has_a_row_for_it_and_exit_code_1(
    whole_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.main(whole_run, everything=True) == 1
    assert "FAILED fails: status 1: ValueError: no" in capsys.readouterr().out
    rows = {found.part.name: found for found in results.load(tmp_path / "all").rows}
    assert {name: found.failure for name, found in rows.items()} == {
        "fib": None,
        "fails": "status 1: ValueError: no",
        "closures": None,
    }
    assert len(rows["fib"].runs) == 4


def test_an_interrupted_run_goes_on_where_it_was(
    whole_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_round, rounds = measure.run_round, []

    def interrupted(part: Part, number: int, plain: measure.Setup, jit: measure.Setup) -> dict[str, Any]:
        rounds.append((part.name, number))
        if len(rounds) == 2:
            raise KeyboardInterrupt
        return run_round(part, number, plain, jit)

    monkeypatch.setattr(measure, "run_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        table.main(whole_run, everything=True)
    assert table.main([*whole_run, "--resume"], everything=True) == 1
    assert rounds == [("fib", 0), ("fib", 1), ("fib", 1), ("closures", 0), ("closures", 1)]
    assert len(results.load(tmp_path / "all").rows) == 3


def test_without_the_build_with_pgo_the_table_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(folder: Path, release: str, version: str) -> str:
        raise SetupError("no mirror")

    monkeypatch.setattr(table.debian, "python", unreachable)
    args = table.parse(["--build", str(tmp_path)])
    assert args.pgo
    found = Interpreter(sys.executable, "3.13.0", "", "", False, None)
    assert table.measure_pgo_build(args, found) == ("no mirror", [])
    other = dataclasses.replace(found, version="3.12.1")
    why, rows = table.measure_pgo_build(args, other)
    assert (why, rows) == ("no release of Debian is known to have CPython 3.12", [])
    whole = Results({}, False, {}, [], pgo_build="no mirror")
    assert report.builds(whole).endswith("No other build was measured: no mirror.")


def test_what_a_complete_run_has() -> None:
    def chosen(program: str, *options: str) -> tuple[bool, bool, bool]:
        args = table.parse(options, program)
        return args.curves, args.rivals, args.pgo

    assert chosen("bench") == (True, True, False)
    assert chosen("bench", "--no-rivals", "--pgo") == (True, False, True)
    assert chosen("bench", "--quick") == chosen("bench", "--only", "micro") == (False, False, False)
    assert chosen("bench.table") == (False, False, True)
    assert chosen("bench.table", "--no-pgo") == (False, False, False)


def test_a_benchmark_needs_its_requirements_and_the_project_that_it_brings(tmp_path: Path) -> None:
    assert needs_of(tmp_path) == []
    requirements, project = tmp_path / "requirements.txt", tmp_path / "vendor"
    project.mkdir()
    assert needs_of(tmp_path) == []
    (project / "pyproject.toml").touch()
    assert needs_of(tmp_path) == [str(project)]
    requirements.touch()
    assert needs_of(tmp_path) == ["-r", str(requirements), str(project)]
