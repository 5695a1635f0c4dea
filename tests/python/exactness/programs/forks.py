"""fork() in hot code: parent and child both go on, compile, recurse, trace, and end as they should."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")
sys.stdout.flush()


def child_says(function):
    """Runs *function* in a child; its answer, and its exit code."""
    read, write = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            os.write(write, repr(function()).encode())
            os._exit(0)
        except BaseException as error:
            os.write(write, repr(error).encode())
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as file:
        answer = file.read()
    _, status = os.waitpid(pid, 0)
    return answer, os.waitstatus_to_exitcode(status)


def loop(n, at):
    total = 0
    child = None
    for i in range(n):
        total += i * 3 % 7
        if i == at:
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                total += 1000
    if child == 0:
        os._exit(total % 256)
    if child is not None:
        return total, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return total


def fresh(n):
    """Functions that are new in the child: they have to be compiled there."""
    scope = {}
    exec(
        "def f(n):\n    t = 0\n    for i in range(n): t += i\n    return t\nclass C:\n    def m(self): return 5",
        scope,
    )
    return [scope["f"](n) for _ in range(10)], [scope["C"]().m() for _ in range(10)]


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def numbers(n):
    for i in range(n):
        yield i


def traced():
    events = []

    def tracer(frame, event, arg):
        events.append((frame.f_code.co_name, event))
        return tracer

    sys.settrace(tracer)
    fib(2)
    sys.settrace(None)
    return events


def tower(n):
    if n == 0:
        return fib(10)
    return child_says(lambda: tower(n - 1))


for _ in range(3):
    print(loop(100, 50), loop(300, 299), loop(10, 0))
    print(child_says(lambda: fresh(50)))
    print(child_says(lambda: fib(12)), fib(12))
    print(child_says(traced), traced())
    print(tower(3))
    g = numbers(6)
    print(next(g), child_says(lambda: list(g)), list(g))
    print(child_says(lambda: 1 / 0))

# ---- with other threads in hot code at the moment of the fork

stop = []
counts = [0, 0]


def spin(i):
    while not stop:
        counts[i] += 1


threads = [threading.Thread(target=spin, args=(i,)) for i in range(2)]
for thread in threads:
    thread.start()
while min(counts) < 100:
    time.sleep(0.001)
for _ in range(5):
    print(child_says(lambda: (fib(12), threading.active_count(), fresh(5)[0][0])))
before = list(counts)
time.sleep(0.05)
print(all(a > b for a, b in zip(counts, before)))
stop.append(1)
for thread in threads:
    thread.join()

# ---- a fork in a thread, a fork in a signal handler, multiprocessing


def in_thread(out):
    out.append(child_says(lambda: (fib(11), threading.current_thread() is threading.main_thread())))


out = []
thread = threading.Thread(target=in_thread, args=(out,))
thread.start()
thread.join()
print(out)


def handler(*_):
    out.append(child_says(lambda: fib(9)))


signal.signal(signal.SIGUSR1, handler)


def signalled(n):
    total = 0
    for i in range(n):
        total += i
        if i == n // 2:
            signal.raise_signal(signal.SIGUSR1)
    return total


out.clear()
print(signalled(100), out)


def square(x):
    return fib(x) ** 2


context = multiprocessing.get_context("fork")
with context.Pool(2) as pool:
    print(pool.map(square, range(12)))
    print(pool.apply(fresh, (3,))[0][0])

# ---- atexit and exit codes in children
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    print("child leaves by sys.exit", fib(8))
    sys.exit(fib(7))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
