# A tool that listened to the lines of everything listens to those of one function: when the handler of another goes on
# in the interpreter, its code, instrumented long ago, is not that tool's any more.


def unbound():
    with Manager(17, ValueError):
        while True:
            x = tuple(x)


def caller(a, b=1):
    return unbound() + 1j // 1


call(lambda: caller(2**64))
monitor("LINE", "JUMP", "PY_UNWIND")
call(lambda: caller(2**64))
unmonitor()
monitor("LINE", code=caller.__code__)
caller(str(256), 9 or ...)
