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


# The command whipsnake starts the program with execve, so it is the same process; the program's children are not.
if "WHIPSNAKE_TEST_REPORT" in os.environ:
    if os.environ.setdefault("WHIPSNAKE_TEST_PROCESS", str(os.getpid())) == str(os.getpid()):
        _register(os.environ["WHIPSNAKE_TEST_REPORT"])
