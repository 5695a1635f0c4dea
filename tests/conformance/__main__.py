"""`python -m tests.conformance`: compares CPython's own tests with and without Whipsnake.

Modes: `everything` compiles each function at its first call; `default` uses the normal thresholds. The plain results
are kept in build/conformance by interpreter version, so that a second run only runs the Whipsnake side (`--fresh`
forgets them).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.conformance.modules import CUTS
from tests.conformance.runner import Outcome, run_module

HERE = Path(__file__).parent
WORK = Path("build/conformance").resolve()


def whipsnake_environment(mode: str, entry: str) -> dict[str, str]:
    """What switches Whipsnake on in every process of a run (the environment's autoload file does the rest)."""
    environment = {"WHIPSNAKE": "baseline", "WHIPSNAKE_ENTRY": entry}
    if mode == "everything":
        environment |= {"WHIPSNAKE_THRESHOLD": "0", "WHIPSNAKE_LOOP_THRESHOLD": "1"}
    return environment


def plain_outcome(module: str, fresh: bool) -> Outcome:
    """The plain interpreter's results, from an earlier run where there is one."""
    directory = WORK / platform.python_version() / "plain" / module
    kept = directory / "outcome.json"
    if kept.exists() and not fresh:
        return Outcome(**json.loads(kept.read_text(encoding="utf-8")))
    outcome = run_module(module, {}, directory)
    kept.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    return outcome


def compare(plain: Outcome, ours: Outcome) -> list[tuple[str, str, str]]:
    """Test cases that differ: (name, plain, ours); "missing" where one side did not get there."""
    names = sorted(plain.cases.keys() | ours.cases.keys())
    rows = [(name, plain.cases.get(name, "missing"), ours.cases.get(name, "missing")) for name in names]
    return [row for row in rows if row[1] != row[2]]


def excuses(mode: str) -> dict[str, str]:
    """Rows of expectations.toml that apply: test -> reason."""
    version = ".".join(platform.python_version_tuple()[:2])
    rows = tomllib.loads((HERE / "expectations.toml").read_text(encoding="utf-8")).get("expect", [])
    return {row["test"]: row["reason"] for row in rows if row["python"] == version and row["mode"] in (mode, "*")}


def main() -> int:
    """Returns 0 when every difference is a row of expectations.toml and every row is a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("modules", nargs="*", help="test modules, such as test_grammar")
    parser.add_argument("--quick", dest="cut", action="store_const", const="quick", default="language")
    parser.add_argument("--language", dest="cut", action="store_const", const="language")
    parser.add_argument("--mode", choices=("everything", "default"), default="everything")
    parser.add_argument("--entry", choices=("vectorcall", "pep523"), default="vectorcall")
    parser.add_argument("--fresh", action="store_true", help="run the plain side again")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    arguments = parser.parse_args()

    if not ensure_autoload():
        return 1
    modules = tuple(arguments.modules) or CUTS[arguments.cut]
    environment = whipsnake_environment(arguments.mode, arguments.entry)
    side = f"{arguments.mode}-{arguments.entry}"
    excused = excuses(arguments.mode)
    used: set[str] = set()
    failures = cases = 0

    def run(module: str) -> tuple[str, Outcome, Outcome]:
        plain = plain_outcome(module, arguments.fresh)
        directory = WORK / platform.python_version() / side / module
        return module, plain, run_module(module, environment, directory)

    print(f"CPython {platform.python_version()}, {len(modules)} modules, mode {arguments.mode}, entry {arguments.entry}")
    print(f"{'module':32} {'cases':>6} {'same':>6} {'differ':>6} {'plain s':>8} {'ours s':>8} {'compiled':>8}")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for module, plain, ours in pool.map(run, modules):
            different = compare(plain, ours)
            wrong = [row for row in different if row[0] not in excused]
            used |= {row[0] for row in different if row[0] in excused}
            crashed = ours.status < 0 and plain.status >= 0
            cases += len(plain.cases)
            off = ours.compiled == 0 and not crashed
            failures += len(wrong) + crashed + off
            print(
                f"{module:32} {len(plain.cases):6} {len(plain.cases) - len(different):6} {len(different):6}"
                f" {plain.seconds:8.1f} {ours.seconds:8.1f} {ours.compiled:8}",
                flush=True,
            )
            for name, before, after in wrong[:20]:
                print(f"    {name}: {before} without, {after} with Whipsnake")
            if off:
                print("    Whipsnake compiled nothing")
            if crashed:
                print(f"    ended with {ours.status}; the end of its output:\n{ours.tail}")
    for name in sorted(excused.keys() - used):
        if any(f"test.{module}." in name or name.startswith(f"{module}.") for module in modules):
            print(f"    {name}: expected to differ ({excused[name]}), but does not")
            failures += 1
    print(f"{cases} test cases, {failures} unexplained differences, {len(used)} explained")
    return 1 if failures else 0


def ensure_autoload() -> bool:
    """Puts the autoload file into this environment: the processes that tests start are to have it too."""
    import subprocess

    done = subprocess.run([sys.executable, "-m", "whipsnake", "autoload", "--install"], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"cannot install autoload: {done.stderr.strip()}", file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
