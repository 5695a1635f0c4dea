"""Sub-interpreters: their code runs as ever, beside hot code of the main one, in threads, and until they are gone."""

import sys
import textwrap
import threading

import _interpreters as interpreters

SOURCE = textwrap.dedent(
    """
    import sys
    def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
    class C:
        def __init__(self, x): self.x = x
        def m(self, k=2): return self.x * k
        @property
        def p(self): return self.m()
    def gen(n):
        for i in range(n): yield i * i
    def loop(n):
        t = 0
        for i in range(n):
            try:
                if i % 5 == 0: raise ValueError(i)
                t += C(i).p
            except ValueError:
                t -= 1
        return t
    async def co(n): return n and await co(n - 1) or fib(5)
    try:
        co(3).send(None)
    except StopIteration as stop:
        awaited = stop.value
    def deep(n): return n and deep(n + 1)
    try:
        deep(1)
    except RecursionError:
        pass
    events = []
    sys.settrace(lambda *a: events.append(a[1]))
    loop(2)
    sys.settrace(None)
    answer = (fib(15), loop(300), sum(gen(100)), awaited, len(events))
    """
)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def loop(n):
    total = 0
    for i in range(n):
        total += i % 3
    return total


def ask(interpreter, text):
    """Runs *text* there; what it printed comes back through a pipe."""
    import os

    read, write = os.pipe()
    error = interpreters.exec(interpreter, f"{text}\nimport os\nos.write({write}, repr(answer).encode())")
    os.close(write)
    with os.fdopen(read) as file:
        return file.read(), error and error.type.__name__


for config in ("isolated", "legacy"):
    for round_ in range(3):
        print(config, fib(15), loop(500))
        one, two = interpreters.create(config), interpreters.create(config)
        print(ask(one, SOURCE))
        print(ask(two, SOURCE))
        print(ask(one, "answer = [fib(10), loop(10)]"))
        print(ask(one, "def f(): return g()\ndef g(): return 1 / 0\nf()"))
        interpreters.destroy(one)
        print(ask(two, "answer = [fib(11), loop(40)]"))
        print(fib(15), loop(500))
        interpreters.destroy(two)
        print(fib(14), loop(100))

# ---- at the same time, in threads, each with its own interpreter

results = {}


def in_thread(i, config):
    interpreter = interpreters.create(config)
    results[i] = ask(interpreter, SOURCE), ask(interpreter, f"answer = [fib({i}), loop(100)]")
    interpreters.destroy(interpreter)


for config in ("isolated", "legacy"):
    results.clear()
    threads = [threading.Thread(target=in_thread, args=(i, config)) for i in range(4)]
    for thread in threads:
        thread.start()
    hot = [fib(16) for _ in range(10)]
    for thread in threads:
        thread.join()
    print(config, hot, sorted(results.items()))

# ---- code of the main interpreter, called there


def shared(n):
    total = 0
    for i in range(n):
        total += i
    return total


for _ in range(30):
    shared(5)
interpreter = interpreters.create("legacy")
try:
    print(interpreters.call(interpreter, shared))
except Exception as error:
    print(type(error).__name__)
interpreters.destroy(interpreter)

# ---- left alive at exit
left = interpreters.create("legacy")
print(ask(left, SOURCE))
sys.stdout.flush()
