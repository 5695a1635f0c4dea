"""Random statements, as lists of lines."""

from __future__ import annotations

from tests.fuzz.expressions import ATTRIBUTES, Expressions, Scope

EXCEPTIONS = [
    "ValueError",
    "TypeError",
    "KeyError",
    "IndexError",
    "ZeroDivisionError",
    "AttributeError",
    "E0",
    "E1",
]
CAUGHT = [*EXCEPTIONS, "Exception", "Exception", "(TypeError, ValueError)", "LookupError", "ArithmeticError"]
GLOBALS = ["g0", "g1", "g2"]
INPLACE = ["+=", "-=", "+=", "|=", "&=", "^=", "//=", "/=", "%="]


def indent(lines: list[str]) -> list[str]:
    """The lines, one level deeper."""
    return ["    " + line for line in lines]


class Statements(Expressions):
    """Makes statements; each method returns lines."""

    def block(self, scope: Scope, depth: int, low: int = 1, high: int = 3) -> list[str]:
        """A few statements."""
        lines: list[str] = []
        for _ in range(self.rng.randint(low, high)):
            lines += self.statement(scope, depth)
        return lines

    def statement(self, scope: Scope, depth: int) -> list[str]:
        """A random statement; *depth* more levels of blocks at most."""
        simple = [
            (10, self.assignment), (7, self.augmented), (3, self.unpacking), (3, self.logging), (1, self.plain),
            (1, self.deletion), (3, self.object_store), (2, self.raising), (1, self.assertion), (2, self.escape),
            (1, self.reflection), (2, self.many), (1, self.global_change),
        ]  # fmt: skip
        compound = [
            (7, self.condition_statement), (7, self.for_loop), (3, self.while_loop), (6, self.try_statement),
            (3, self.with_statement), (3, self.match_statement), (4, self.closure), (1, self.local_class),
            (2, self.destructors), (1, self.try_star),
        ]  # fmt: skip
        if scope.kind in ("generator", "async generator"):
            simple.append((8, self.yielding))
        if scope.kind in ("coroutine", "async generator"):
            simple.append((5, self.awaiting))
            compound.append((4, self.async_block))
        table = simple + (compound if depth > 0 else [])
        maker = self.rng.choices([make for _, make in table], [weight for weight, _ in table])[0]
        return maker(scope, depth - 1)

    # ---- without a block

    def target(self, scope: Scope) -> str:
        """A name to assign to."""
        own = [name for name in scope.names if name.startswith("v")]
        if own and self.chance(0.6):
            return self.pick(own)
        return f"v{self.rng.randint(0, 5)}"

    def bind(self, scope: Scope, name: str) -> None:
        if name not in scope.names:
            scope.names.append(name)

    def assignment(self, scope: Scope, depth: int) -> list[str]:
        value = self.expression(scope, self.rng.randint(1, 3))
        name = self.target(scope)
        self.bind(scope, name)
        if self.chance(0.1):
            return [f"{name} = o0.a = {value}"]
        return [f"{name} = {value}"]

    def augmented(self, scope: Scope, depth: int) -> list[str]:
        if not self.chance(self.wild):
            target = self.pick([self.target(scope)] * 4 + ["o0.a", "o1.b", "gl[0]", "gd['a']", "C0.count"])
            return [f"{target} {self.pick(['+=', '-=', '+='])} {self.expression(scope, 1)}"]
        target = self.pick(
            [self.target(scope)] * 4 + ["o0.a", "o1.b", "gl[0]", "gd['a']", "o2.p", "C0.count", "gl[-1:]"]
        )
        if self.chance(0.15):
            return [f"{target} = ({target} * {self.number_literal()}) % 1000003"]
        return [f"{target} {self.pick(INPLACE)} {self.expression(scope, 1)}"]

    def unpacking(self, scope: Scope, depth: int) -> list[str]:
        values = [self.expression(scope, 1) for _ in range(self.rng.randint(2, 3))]
        names = [self.target(scope) for _ in values]
        for name in names:
            self.bind(scope, name)
        left = ", ".join(names)
        if not self.chance(self.wild):
            return [f"{left} = {', '.join(values)}"]
        forms = [f"{left} = {', '.join(values)}", f"{left} = {self.expression(scope, 1)}"]
        forms += [
            f"{names[0]}, *{names[1]} = {values[0]}",
            f"({names[0]}, [{names[1]}]) = {values[0]}, [{values[1]}]",
        ]
        forms += [
            f"o0.a, gl[0] = {values[0]}, {values[1]}",
            f"{names[0]}, {names[1]} = {names[1]}, {names[0]}",
        ]
        forms += [f"*{names[0]}, {names[1]} = gl"]
        return [self.pick(forms)]

    def many(self, scope: Scope, depth: int) -> list[str]:
        """Unpacking of many items."""
        count = self.rng.choice([4, 5, 8, 13, 20, 40])
        names = [f"z{i}" for i in range(count)]
        given = self.pick([str(count), str(count), str(count), str(count + 1), str(count - 1)])
        source = self.pick(
            [f"range({given})", f"list(range({given}))", f"tuple(range({given}))", f"numbers({given})"]
        )
        star = "*" if self.chance(0.2) else ""
        return [
            f"{', '.join(names[:-1])}, {star}{names[-1]} = {source}",
            f"{self.target_of(scope)} = z0, {names[-1]}",
        ]

    def target_of(self, scope: Scope) -> str:
        name = self.target(scope)
        self.bind(scope, name)
        return name

    def logging(self, scope: Scope, depth: int) -> list[str]:
        return [f"log({self.expression(scope, 2)})"]

    def plain(self, scope: Scope, depth: int) -> list[str]:
        return [
            self.pick(
                [self.own_call(scope, 2), self.string_method(scope, 1), self.method_call(scope, 1), "pass"]
            )
        ]

    def deletion(self, scope: Scope, depth: int) -> list[str]:
        own = [name for name in scope.names if name.startswith("v")]
        if not self.chance(self.wild):
            name = self.target_of(scope)
            return [f"{name} = 1", f"del {name}", f"{name} = {self.leaf(scope)}"]
        if own and self.chance(0.5):
            return [f"del {self.pick(own)}"]
        return [
            self.pick(["del o0.a", "del gd['a']", "del gl[:1]", "del o1.q", "del o2.zzz", "del gl[0], o0.b"])
        ]

    def object_store(self, scope: Scope, depth: int) -> list[str]:
        value = self.expression(scope, 2)
        base = self.pick(["o0", "o1", "o2", "o0", self.name(scope)])
        if not self.chance(self.wild):
            return [
                self.pick([f"o0.a = {value}", f"o1.b = {value}", f"gd['a'] = {value}", f"C0.count = {value}"])
            ]
        forms = [
            f"{base}.{self.pick(ATTRIBUTES)} = {value}",
            f"gl[{self.small()}] = {value}",
            f"gd['a'] = {value}",
        ]
        forms += [
            f"gd[{self.leaf(scope)}] = {self.small()}",
            f"gl[1:2] = [{self.leaf(scope)}]",
            f"C0.count = {value}",
        ]
        forms += [f"{base}.{self.pick(ATTRIBUTES)} = {value}"]
        return [self.pick(forms)]

    def raising(self, scope: Scope, depth: int) -> list[str]:
        if not self.chance(self.wild):
            error = self.pick(EXCEPTIONS)
            lines = self.raising_now(scope)
            return [
                "try:",
                *indent(lines),
                f"except {error}:",
                "    log(1)",
                "except Exception as e8:",
                "    log(e8)",
            ]
        if self.chance(0.6):
            return [f"if {self.condition(scope)}:", *indent(self.raising_now(scope))]
        return self.raising_now(scope)

    def raising_now(self, scope: Scope) -> list[str]:
        error = f"{self.pick(EXCEPTIONS)}({self.leaf(scope)})"
        forms = [
            f"raise {error}",
            f"raise {error} from {self.pick(EXCEPTIONS)}('cause')",
            f"raise {error} from None",
        ]
        forms += ["raise", f"raise {self.leaf(scope)}", f"raise {self.pick(EXCEPTIONS)}"]
        forms += [f"raise ExceptionGroup('group', [{error}, {self.pick(EXCEPTIONS)}(2)])"]
        return [self.pick(forms)]

    def assertion(self, scope: Scope, depth: int) -> list[str]:
        if not self.chance(self.wild):
            return self.logging(scope, depth)
        return [f"assert {self.condition(scope)}, {self.leaf(scope)}"]

    def escape(self, scope: Scope, depth: int) -> list[str]:
        """break, continue or return."""
        words = []
        if scope.loops and not scope.no_break:
            words += [["break"], ["continue"]]
        if scope.kind in ("function", "coroutine", "generator") and not scope.star_handler:
            words += [[f"return {self.expression(scope, 2)}"]]
        if scope.kind == "async generator" and not scope.star_handler:
            words += [["return"]]
        if not words:
            return self.logging(scope, depth)
        word = self.rng.choice(words)
        return [f"if {self.condition(scope)}:", *indent(word)] if self.chance(0.75) else word

    def reflection(self, scope: Scope, depth: int) -> list[str]:
        name = self.target_of(scope)
        forms = [
            "local_names()",
            "callers()",
            f"{name} = sys._getframe().f_lineno",
            f"{name} = len(locals())",
        ]
        forms += [
            f"{name} = sorted(sys._getframe().f_locals)[:3]",
            f"{name} = sys._getframe().f_code.co_name",
        ]
        forms += [f"sys._getframe().f_locals[{name!r}] = {self.leaf(scope)}", "collect()"]
        forms += [f"{name} = sys._getframe().f_back.f_lineno", f"{name} = sorted(vars())[:2]"]
        switch = [
            "trace(True)",
            "trace()",
            "untrace()",
            "profile()",
            "unprofile()",
            "unmonitor()",
            "untrace()",
        ]
        switch += [
            "monitor('LINE', 'PY_RETURN')",
            "monitor('CALL', 'RAISE', 'PY_YIELD')",
            "monitor('JUMP', 'BRANCH')",
        ]
        if self.chance(0.25):
            forms = switch
        return [self.pick(forms)]

    def global_change(self, scope: Scope, depth: int) -> list[str]:
        value = self.expression(scope, 1)
        name = self.pick(GLOBALS)
        forms = [[f"globals()[{name!r}] = {value}"], [f"sys.modules['builtins'].extra = {value}"]]
        forms += [
            [f"globals().pop({name!r}, None)"],
            [f"C0.count = {value}"],
            [f"o2.__class__ = {self.pick(['C1', 'C3'])}"],
        ]
        forms += [
            ["f0.__defaults__ = (7,)"],
            ["f1.__kwdefaults__ = {'k': 3}"],
            ["C1.m0 = C2.m0"],
            ["C0.a = 'class'"],
        ]
        return self.rng.choice(forms)

    def yielding(self, scope: Scope, depth: int) -> list[str]:
        value = self.expression(scope, 1)
        if scope.kind == "async generator":
            return [f"yield {value}"]
        forms = [
            f"yield {value}",
            f"{self.target_of(scope)} = yield {value}",
            f"yield from {self.sequence(scope)}",
        ]
        forms += [f"{self.target_of(scope)} = yield from inner_generator({self.small()})", f"yield {value}"]
        return [self.pick(forms)]

    def awaiting(self, scope: Scope, depth: int) -> list[str]:
        return [f"{self.target_of(scope)} = await pause({self.expression(scope, 1)})"]

    # ---- with blocks

    def condition_statement(self, scope: Scope, depth: int) -> list[str]:
        lines = [f"if {self.condition(scope)}:", *indent(self.block(scope, depth))]
        if self.chance(0.3):
            lines += [f"elif {self.condition(scope)}:", *indent(self.block(scope, depth))]
        if self.chance(0.5):
            lines += ["else:", *indent(self.block(scope, depth))]
        return lines

    def sequence(self, scope: Scope) -> str:
        """Something short to iterate over, most of the time."""
        return self.pick(
            [f"range({self.rng.randint(0, 8)})"] * 3
            + [
                "list(gl)",
                "gt",
                "'abc'",
                "list(gd)",
                "[1, 2.5, 'x']",
                "numbers(4)",
                "enumerate('ab')",
                "zip(gt, 'xy')",
            ]
            + [
                "list(gd.items())",
                f"[*{self.name(scope)}][:5]",
                "(n * 2 for n in range(3))",
                "Items(3)",
                "Seq()",
            ]
        )

    def in_loop(self, scope: Scope, depth: int) -> list[str]:
        scope.loops += 1
        outer, scope.no_break = scope.no_break, False
        lines = self.block(scope, depth if scope.loops < 3 else 0)
        scope.loops -= 1
        scope.no_break = outer
        return lines

    def for_loop(self, scope: Scope, depth: int) -> list[str]:
        name = self.pick(
            ["v0", "v1", "v2", "i", "v3, v4", "(v0, *v1)", "o0.a", "gl[0]"]
            if self.chance(0.2)
            else ["v0", "i"]
        )
        if name.isidentifier():
            self.bind(scope, name)
        source = self.sequence(scope)
        if self.chance(0.1):
            source = f"range({self.rng.randint(20, 60)})"
            depth = 0
        lines = [f"for {name} in {source}:", *indent(self.in_loop(scope, depth))]
        if self.chance(0.15):
            lines += ["else:", *indent(self.block(scope, depth))]
        return lines

    def while_loop(self, scope: Scope, depth: int) -> list[str]:
        scope.fresh += 1
        name = f"n{scope.fresh}_{self.rng.randint(0, 99)}"
        count = self.rng.randint(1, 6)
        lines = [f"{name} = {count}", f"while {name} > 0:"]
        if self.chance(0.3):
            lines[1] = "while True:"
            lines += indent([f"if {name} <= 0:", "    break"])
        lines += indent([f"{name} -= 1", *self.in_loop(scope, depth)])
        if self.chance(0.15):
            lines += ["else:", *indent(self.block(scope, depth))]
        return lines

    def try_statement(self, scope: Scope, depth: int) -> list[str]:
        lines = ["try:", *indent(self.block(scope, depth))]
        handlers = self.rng.choice([0, 1, 1, 2])
        for i in range(handlers):
            as_name = f" as e{i}" if self.chance(0.6) else ""
            body = self.block(scope, depth, 1, 2)
            if as_name and self.chance(0.4):
                body.insert(
                    0,
                    self.pick(
                        [f"log(e{i})", f"{self.target_of(scope)} = str(e{i})[:20]", f"log(type(e{i}))"]
                    ),
                )
            if self.chance(0.15):
                body.append(self.pick(["raise", "raise E1('again')", "raise E0(1) from None"]))
            caught = (
                "Exception" if i == handlers - 1 and not self.chance(self.wild + 0.2) else self.pick(CAUGHT)
            )
            lines += [f"except {caught}{as_name}:", *indent(body)]
        if handlers and self.chance(0.2):
            lines += ["else:", *indent(self.block(scope, depth, 1, 2))]
        if not handlers or self.chance(0.3):
            lines += ["finally:", *indent(self.block(scope, depth, 1, 2))]
        return lines

    def try_star(self, scope: Scope, depth: int) -> list[str]:
        lines = ["try:", *indent(self.block(scope, depth, 0, 1))]
        lines += indent(
            ["raise ExceptionGroup('g', [ValueError(1), TypeError(2), ExceptionGroup('h', [KeyError(3)])])"]
        )
        outer = scope.star_handler, scope.no_break
        scope.star_handler = scope.no_break = True
        lines += [f"except* {self.pick(['ValueError', 'KeyError', 'OSError'])} as group:", "    log(group)"]
        lines += [*indent(self.block(scope, 0, 1, 2))]
        if self.chance(0.6):
            lines += ["except* (TypeError, LookupError):", *indent(self.block(scope, 0, 1, 2))]
        scope.star_handler, scope.no_break = outer
        return lines

    def with_statement(self, scope: Scope, depth: int) -> list[str]:
        swallows = self.pick(["", ", ValueError", ", Exception", ", TypeError"])
        name = self.target_of(scope)
        second = ", Manager('inner')" if self.chance(0.2) else ""
        return [
            f"with Manager({self.leaf(scope)}{swallows}) as {name}{second}:",
            *indent(self.block(scope, depth)),
        ]

    def match_statement(self, scope: Scope, depth: int) -> list[str]:
        patterns = [
            "0 | 1", "int(q)", "str()", "[x, y]", "[x, *rest]", "{'a': x}", "{'a': x, **rest}", "C0(a=x)", "C1(x, y)",
            "None", "(1, (2, x))", "float() as x", "[int(x), str(y)]", "True", "-1", "C0()", "[[x], *_]", "x if x == 2",
        ]  # fmt: skip
        lines = [f"match {self.expression(scope, 2)}:"]
        for _ in range(self.rng.randint(1, 4)):
            guard = f" if {self.condition(scope)}" if self.chance(0.2) else ""
            pattern = self.pick(patterns)
            guard = "" if " if " in pattern else guard
            lines += indent([f"case {pattern}{guard}:", *indent(self.block(scope, depth, 1, 2))])
        if self.chance(0.5):
            lines += indent(["case _:", *indent(self.block(scope, depth, 1, 2))])
        return lines

    def closure(self, scope: Scope, depth: int) -> list[str]:
        """An inner function that reads and perhaps changes what is around it."""
        if scope.kind == "class":
            return self.assignment(scope, depth)
        scope.fresh += 1
        name = f"h{scope.fresh}_{self.rng.randint(0, 99)}"
        own = [one for one in scope.names if one.startswith("v")]
        inner = Scope([*scope.names, "u"], scope.level, "function", scope)
        inner.methods = scope.methods
        inner.loops = scope.loops  # a call in a loop is as dear as a loop
        body = []
        if own and scope.kind != "module" and self.chance(0.5):
            changed = self.pick(own)
            body += [f"nonlocal {changed}", f"{changed} = {self.expression(inner, 1)}"]
        elif self.chance(0.3):
            body += [f"global {self.pick(GLOBALS)}", f"{self.pick(GLOBALS)} = {self.leaf(inner)}"]
        inner.loops = max(inner.loops, 1)
        body += self.block(inner, min(depth, 1))
        result = self.expression(inner, 2)
        body += [f"return {result}"]
        default = self.pick(["", "", f"={self.leaf(scope)}"])
        annotation = self.pick(["", "", ": int"])
        lines = [f"def {name}(u{annotation}{default}):", *indent(body)]
        lines += [
            f"{self.target_of(scope)} = {name}({self.leaf(scope)})" for _ in range(self.rng.randint(1, 2))
        ]
        return lines

    def local_class(self, scope: Scope, depth: int) -> list[str]:
        lines = [f"class L({self.pick(['C0', 'object', 'C1'])}):", f"    a = {self.expression(scope, 1)}"]
        lines += indent(["def get(self):", f"    return self.a, {self.leaf(scope)}", "    __class__"])
        return [*lines, f"{self.target_of(scope)} = L.get(object.__new__(L))"]

    def destructors(self, scope: Scope, depth: int) -> list[str]:
        """Objects that log their end, in several places. They are never arguments of the program's functions."""
        scope.fresh += 1
        name, other = f"d{scope.fresh}", f"x{scope.fresh}"
        inner = self.block(scope, min(depth, 1), 1, 2)
        forms = [
            [f"{name} = Noisy('{name}')", *inner, f"{name} = Noisy('second')", f"del {name}"],
            [f"{name} = [Noisy('in list'), Noisy('two')]", *inner, f"{name}[0] = {self.leaf(scope)}", f"{name} = None"],
            [f"for {name} in [Noisy(1), Noisy(2)]:", *indent(inner)],
            ["try:", f"    {name} = Noisy('try')", *indent(inner), f"    raise ValueError({name}.name)",
             f"except ValueError as {other}:", f"    log({other})", f"{name} = 1"],
            ["o0.b = Noisy('attribute')", *inner, "o0.b = 2"],
            [f"{name}, {other} = Noisy('left'), Noisy('right')", f"{name}, {other} = {other}, {name}", *inner],
            ["gl.append(Noisy('global'))", *inner, "gl.pop()"],
            [f"{name} = [Noisy(i) for i in range(3)]", f"{name}[:2] = []", *inner],
            [f"{name} = {{'k': Noisy('value')}}", f"{name}['k'] = 1", *inner],
            [f"log(Noisy('temporary').name, Noisy('other').name == {self.leaf(scope)})", *inner],
            [f"{name} = (Noisy(i) for i in range(3))", f"log(next({name}).name)", *inner, f"del {name}"],
            [f"{name} = Noisy('cycle')", f"{name}.me = {name}", f"del {name}", *inner, "collect()"],
            ["with Manager('noisy', ValueError):", f"    {name} = Noisy('with')", *indent(inner),
            "    raise ValueError"],
            [f"def {name}():", f"    {other} = Noisy('local')", f"    return lambda: {other}.name",
            f"log({name}()())", *inner],
        ]  # fmt: skip
        return self.rng.choice(forms)

    def async_block(self, scope: Scope, depth: int) -> list[str]:
        name = self.target_of(scope)
        forms = [
            [
                f"async with Manager({self.leaf(scope)}, ValueError) as {name}:",
                *indent(self.block(scope, depth)),
            ],
            [f"async for {name} in async_numbers({self.small()}):", *indent(self.in_loop(scope, depth))],
            [f"{name} = [x + 1 async for x in async_numbers({self.small()}) if await pause(x)]"],
            [
                "try:",
                f"    {name} = await inner_coroutine({self.leaf(scope)})",
                "except Exception as e9:",
                "    log(e9)",
            ],
            [f"{name} = {{x async for x in async_numbers(2)}}"],
        ]
        return self.rng.choice(forms)
