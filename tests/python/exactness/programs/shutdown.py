"""The interpreter ends with compiled code everywhere: in daemon threads, at exit, in destructors and generators."""

import atexit
import sys
import threading
import time
import weakref


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def spin(counts, i):
    while True:
        counts[i] += 1


def spin_calls():
    while True:
        fib(8)


def spin_generator():
    def numbers():
        n = 0
        while True:
            yield n
            n += 1

    for _ in numbers():
        pass


def spin_exceptions():
    while True:
        try:
            raise ValueError
        except ValueError:
            pass


def spin_io():
    while True:
        time.sleep(0.0001)
        fib(3)


counts = [0, 0]
threads = [threading.Thread(target=spin, args=(counts, i), daemon=True) for i in range(2)]
for function in (spin_calls, spin_generator, spin_exceptions, spin_io):
    threads.append(threading.Thread(target=function, daemon=True))
for thread in threads:
    thread.start()
while min(counts) < 100:
    time.sleep(0.001)


@atexit.register
def last():
    total = 0
    for i in range(200):
        total += fib(i % 10)
    print("atexit", total)

    def made_at_exit(x):
        return [y * x for y in range(3)]

    print([made_at_exit(2) for _ in range(5)][-1])


class AtEnd:
    def __init__(self, name):
        self.name = name

    def work(self, n):
        return fib(n)

    def __del__(self):
        print("del", self.name, self.work(10) if fib is not None else None)


def suspended():
    try:
        yield 1
        yield 2
    finally:
        print("generator closed", len("abc"))


kept = AtEnd("module variable")
sys.kept = AtEnd("in sys")
cycle = AtEnd("in a cycle")
cycle.me = cycle
generator = suspended()
next(generator)
weakref.finalize(kept, lambda: print("finalized", fib(9)))


def thread_at_exit():
    printed.wait()
    print("ordinary thread", fib(12))


printed = threading.Event()
threading.Thread(target=thread_at_exit).start()
print("main ends", fib(15))
printed.set()
sys.exit(fib(4))
