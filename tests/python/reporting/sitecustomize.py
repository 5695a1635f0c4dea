"""Found through PYTHONPATH by the programs that tests run: at exit, writes Whipsnake's statistics.

Registered before anything of the program's, so it runs after all of that.
"""

import os


def _register(path: str) -> None:
    import atexit

    process = os.getpid()

    def write() -> None:
        if os.getpid() == process:
            import json

            import whipsnake

            with open(path, "w") as file:
                json.dump(whipsnake.stats(), file)

    atexit.register(write)


if "WHIPSNAKE_TEST_REPORT" in os.environ:
    import _interpreters

    # The command whipsnake starts the program by execve: it is the same process, its children are not.
    _first = os.environ.setdefault("WHIPSNAKE_TEST_PROCESS", str(os.getpid()))
    if _first == str(os.getpid()) and _interpreters.get_current() == _interpreters.get_main():
        _register(os.environ["WHIPSNAKE_TEST_REPORT"])
