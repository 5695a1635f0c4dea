"""Printed tracebacks: lines, carets, chains, groups, repeated frames, notes; and what is left at the uncaught end."""

import sys
import traceback


def divide(a, b):
    return a / b


def carets(x):
    return (x.a.b
            + divide(1, x) * divide(2,
                                    0))


def chain(n):
    try:
        divide(n, 0)
    except ZeroDivisionError as error:
        raise KeyError("while handling") from (error if n else None)


def implicit(n):
    try:
        chain(n)
    except KeyError:
        undefined_name


def cleanup(n):
    try:
        divide(1, n)
    finally:
        divide(n, "x")


def recursive(n):
    return recursive(n - 1) if n else divide(1, 0)


def endless(n):
    return endless(n + 1)


def through_generator(n):
    def inner():
        yield 1
        yield divide(1, n)

    def outer():
        yield from inner()

    return [x for x in outer()]


def through_builtins(v):
    return sorted(v, key=lambda x: divide(1, x))


def through_class(n):
    class C:
        attr = divide(1, n)

    return C


def through_with(n):
    class M:
        def __enter__(self):
            return self

        def __exit__(self, *rest):
            divide(1, n)

    with M():
        divide(2, n)


def through_property(n):
    class C:
        @property
        def p(self):
            return divide(1, n)

        def __getitem__(self, i):
            return self.p

        def __init__(self):
            self[0]

    return C()


def group(n):
    errors = []
    for f in (chain, cleanup, recursive):
        try:
            f(n)
        except Exception as error:
            error.add_note(f"note for {f.__name__}")
            errors.append(error)
    raise ExceptionGroup("several", errors)


def star(n):
    try:
        group(n)
    except* ZeroDivisionError as errors:
        raise ValueError(len(errors.exceptions)) from errors


def reraised(n):
    try:
        divide(1, n)
    except ZeroDivisionError:
        try:
            divide("a", n)
        except TypeError:
            pass
        raise


def stored(n):
    try:
        divide(1, n)
    except ZeroDivisionError as error:
        kept = error
    raise kept


def match_error(n):
    match n:
        case 5:
            return 1
        case _ if divide(1, n):
            return 2


def assertion(n):
    assert n > 0 and \
        n < 5, f"bad {n}"


async def coroutine(n):
    async def inner():
        return divide(1, n)

    return await inner()


def awaited(n):
    return coroutine(n).send(None)


FUNCTIONS = [carets, chain, implicit, cleanup, recursive, through_generator, through_class, through_with]
FUNCTIONS += [through_property, group, star, reraised, stored, match_error, assertion, awaited]

for round_ in range(4):
    for function in FUNCTIONS:
        for argument in (0, 1, 5):
            try:
                function(argument)
            except Exception as error:
                print(function.__name__, argument)
                traceback.print_exception(error, file=sys.stdout)
                print(traceback.format_exception_only(error), len(traceback.extract_tb(error.__traceback__)))
    try:
        through_builtins([1, 0])
    except ZeroDivisionError:
        traceback.print_exc(file=sys.stdout)
        traceback.print_stack(file=sys.stdout)
    try:
        endless(0)
    except RecursionError:
        print("".join(line for line in traceback.format_exc().splitlines(True)[:12]))
star(0)
