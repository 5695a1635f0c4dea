"""Generators delegate to each other at random, and are resumed, thrown into and closed at any place of a chain."""

import random
import sys

seen = []
alive = []


def attempt(function, *args):
    try:
        return function(*args)
    except BaseException as error:
        return type(error).__name__, error.args, type(error.__context__).__name__


def state(generator):
    frame = generator.gi_frame
    position = frame and (frame.f_lineno, frame.f_lasti, frame.f_back is not None)
    return generator.gi_running, generator.gi_suspended, generator.gi_yieldfrom is not None, position


def stack():
    frame, found = sys._getframe(1), []
    while frame is not None and len(found) < 20 and frame.f_code.co_name in ("leaf", "node", "attempt"):
        found.append((frame.f_code.co_name, frame.f_lineno, frame.f_lasti))
        frame = frame.f_back
    return found


def handled():
    error = sys.exception()
    return error and (type(error).__name__, error.args)


class Own:
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return self

    def __next__(self):
        self.count -= 1
        if self.count < 0:
            raise StopIteration("own")
        return self.count


def leaf(chance, count):
    for i in range(count):
        try:
            got = yield i
            seen.append(("got", got, handled()))
        except KeyError as error:
            seen.append(("caught", error.args, handled()))
        what = chance.randrange(24)
        if what == 0:
            seen.append(stack())
        elif what == 1:
            seen.append([state(g) for g in alive])
        elif what == 2:
            raise chance.choice((ValueError, KeyError, StopIteration))(i)
        elif what == 3 and alive:
            seen.append(attempt(next, chance.choice(alive)))
        elif what == 4:
            collect()
    return count


def node(chance, depth):
    got = None
    for _ in range(chance.randrange(1, 3)):
        kind = chance.randrange(9)
        if depth == 0 or kind == 0:
            child = leaf(chance, chance.randrange(5))
        elif kind == 1:
            child = Own(2)
        else:
            child = node(chance, depth - 1)
        if kind != 1:
            alive.append(child)
        if kind == 2:
            try:
                got = yield from child
            except ValueError as error:
                seen.append(("handled", depth, error.args))
        elif kind == 3:
            try:
                got = yield from child
            finally:
                seen.append(("finally", depth, handled()))
        elif kind == 4:
            try:
                raise LookupError(depth)
            except LookupError:
                got = yield from child
                seen.append(handled())
        elif kind == 5:
            for got in child:
                yield got
        else:
            got = yield from child
        seen.append(("back", depth, got))
        if chance.randrange(5) == 0:
            yield "own", depth
    return depth


def drive(seed):
    chance = random.Random(seed)
    top = node(chance, chance.randrange(7))
    alive.append(top)
    for _ in range(25):
        target = top if chance.randrange(4) else chance.choice(alive)
        act = chance.randrange(12)
        if act < 8:
            seen.append(attempt(next, target))
        elif act < 10:
            seen.append(attempt(target.send, act))
        elif act == 10:
            seen.append(attempt(target.throw, chance.choice((KeyError, ValueError, GeneratorExit))(act)))
        else:
            seen.append(attempt(target.close))
    seen.append([state(g) for g in alive])
    alive.clear()
    found = repr(seen)
    seen.clear()
    return found


for seed in range(200):
    call(drive, seed)
call(trace, True)
for seed in range(200, 210):
    call(drive, seed)
call(untrace)
for seed in range(210, 230):
    call(drive, seed)
