"""Files of results: written, read, and handed to pyperf."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bench import measure, results, table
from bench.catalogue import Item
from bench.environment import Environment, Interpreter, SetupError
from bench.measure import Part, Row, Run, Side
from bench.results import Results


def some_results() -> Results:
    part = Part(Item("fib", "micro", Path("fib.py"), ("-x",), "calls"), "fib", None, 3, 1, 2)
    plain = Run(Side.PLAIN, [2.0, 2.5], [3.0], 10.0, "abc", "def", 2048)
    jit = Run(Side.WHIPSNAKE, [1.0, 1.25], [3.0], 5.0, "abc", "def", 2050, {"stats": {"slow_ops": 1}})
    broken = Row(Part(Item("go", "pyperf", Path("go.py")), "go", 0), failure="status 1")
    facts = {"date": "2030-01-01", "model name": "a CPU", "cores": "2"}
    return Results(facts, False, {"harness": "python -m bench"}, [Row(part, [plain, jit]), broken])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    results.save(some_results(), tmp_path / "run" / "results.json")
    assert results.load(tmp_path / "run") == results.load(tmp_path / "run" / "results.json") == some_results()
    assert [row["ratio"] for row in json.loads((tmp_path / "run" / "results.json").read_text())["rows"]] == [
        2.0,
        None,
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1, "rows": []}', None])
def test_what_is_no_file_of_results_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(SetupError):
        results.load(tmp_path)


class FakePyperf(ModuleType):
    """Writes down what pyperf is given; pyperf itself is not among the packages of the tests."""

    def __init__(self) -> None:
        super().__init__("pyperf")
        self.files: dict[str, list[list[Any]]] = {}

    def Run(self, values: list[float], **more: Any) -> dict[str, Any]:
        return {"values": values} | more

    def Benchmark(self, runs: list[Any]) -> list[Any]:
        return runs

    def BenchmarkSuite(self, benchmarks: list[list[Any]]) -> Any:
        class Suite:
            def dump(_, path: str, replace: bool) -> None:
                self.files[Path(path).name] = benchmarks

        return Suite()


def test_pyperf_gets_one_file_for_each_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyperf = FakePyperf()
    monkeypatch.setitem(sys.modules, "pyperf", pyperf)
    results.save(some_results(), tmp_path / "results.json")
    assert [path.name for path in results.write_pyperf(tmp_path / "results.json")] == [
        "plain.json",
        "whipsnake.json",
    ]
    [[run]] = pyperf.files["whipsnake.json"]
    assert (run["values"], run["warmups"]) == ([1.0, 1.25], [(3, 3.0)])
    expected = {"name": "fib", "side": "whipsnake", "cpu_model_name": "a CPU", "measured": "2030-01-01"}
    expected |= {"command_harness": "python -m bench", "mem_max_rss": 2050 * 1024, "loops": 3}
    assert expected.items() <= run["metadata"].items()


def test_the_commands_have_no_path_of_the_machine(tmp_path: Path) -> None:
    interpreter = Interpreter(sys.executable, "3.13.0", "", "", False, None)
    setup = measure.Setup(Environment(tmp_path / "bench" / "x", interpreter, ""), extra_env={"A": "b c"})
    found = table.commands(table.parse(["--build", str(tmp_path)], "bench"), setup, "python -m bench")
    assert found["harness"] == "python -m bench"
    assert found["whipsnake"].startswith("env 'A=b c' ")
    assert "WHIPSNAKE=baseline" in found["whipsnake"]
    assert "WHIPSNAKE" not in found["plain"]
    assert found["plain"].endswith(" $BUILD/bench/x/venv/bin/python bench/worker.py SPEC")
