"""Classes, functions, globals and builtins change under code that is hot."""

import builtins


class A:
    a = 1

    def m(self):
        return "A.m", self.a


class B(A):
    def m(self):
        return "B.m", super().m()


def use(o):
    return o.m(), o.a, len("abc"), g


def other(o):
    return "other code"


g = 1
o = B()
for _ in range(25):
    call(use, o)
B.m = lambda self: "new"
call(use, o)
o.__class__ = A
call(use, o)
A.a = property(lambda self: "property")
call(use, o)
o.__dict__["m"] = lambda: "own"
call(use, o)
g = 2**70
call(use, o)
len = lambda x: "global len"
call(use, o)
del len
kept = builtins.len
builtins.len = lambda x: "builtin len"
call(use, o)
builtins.len = kept
call(use, o)
del g
call(use, o)
use.__code__ = other.__code__
call(use, o)
del A.m, o.__dict__["m"]
call(A().__getattribute__, "m")
