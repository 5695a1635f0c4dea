"""Random expressions.

They may raise anything that Python raises, but end soon: products, powers and shifts have a small operand or
are cut off, so that numbers and sequences stay small enough to be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

INTS = (
    "0 1 2 3 5 7 10 -3 255 256 257 -5 -6 1000 2**15 2**30-1 2**30 -2**30 2**30+1 2**31 -2**31 2**45 2**60-1 2**60 "
    "-2**60 2**62 2**63-1 2**63 -2**63 2**63+1 2**64 2**90 10**30 -10**30"
).split()
FLOATS = "0.0 -0.0 1.0 0.5 -2.5 1e16 1e308 -1e308 5e-324 inf -inf nan 2.0**53 3.0".split()
STRINGS = ["''", "'a'", "'abc'", "'xyzzy'", "'é'", "'日本'", "'a b c'", "'1'", "'%s'"]
OTHERS = [
    "None",
    "True",
    "False",
    "()",
    "(1, 2)",
    "(1, (2, 3))",
    "[]",
    "[1, 2, 3]",
    "{'a': 1, 'b': 2}",
    "{1, 2}",
]
OTHERS += ["b'ab'", "1j", "range(4)", "...", "Num(3)", "Num(2**40)", "frozenset((1, 2))", "slice(1, 2)"]

ARITHMETIC = ["+", "-", "+", "-", "&", "|", "^", "//", "/", "%"]
COMPARISONS = ["<", "<=", "==", "!=", ">", ">=", "is", "is not", "in", "not in"]
ATTRIBUTES = ["a", "b", "c", "p", "q", "missing"]
METHODS = ["m0", "m1", "m2"]


class Scope:
    """What an expression or statement can see where it stands."""

    def __init__(
        self, names: list[str], level: int, kind: str = "module", outer: Scope | None = None, own: bool = True
    ) -> None:
        self.names = names
        self.level = level
        """Functions of a lower level may be called."""
        self.kind = kind
        """module, function, generator, coroutine, async generator, class."""
        self.outer = outer
        self.own = own
        """Whether names may be assigned."""
        self.loops = 0
        """How many loops are around."""
        self.no_break = True
        """Whether break and continue cannot stand here."""
        self.star_handler = False
        self.fresh = 0
        self.methods: list[str] = METHODS if kind == "module" or level > 1 else []


Maker = Callable[[Scope, int], str]


class Expressions:
    """Makes expressions from a source of chance."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.functions: list[tuple[str, int, list[str]]] = []
        """Functions that can be called: name, level, kinds of parameters."""
        self.wild = 0.3
        """How often anything goes, rather than what mostly raises no exception."""
        self.numeric = False
        """Whether values are mostly numbers."""

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, choices: list[str]) -> str:
        return self.rng.choice(choices)

    def literal(self) -> str:
        roll = self.rng.random()
        if roll < (0.8 if self.numeric or not self.chance(self.wild) else 0.4):
            return self.number_literal()
        if roll < 0.9 and not self.chance(self.wild):
            return self.pick(FLOATS[:6])
        if roll < 0.6 or self.numeric:
            return self.pick(FLOATS)
        if roll < 0.75:
            return self.pick(STRINGS)
        return self.pick(OTHERS)

    def number_literal(self) -> str:
        roll = self.rng.random()
        if roll < 0.5:
            return str(self.rng.randint(-10, 40))
        text = self.pick(INTS)
        return f"({text})" if len(text) > 4 else text

    def small(self) -> str:
        return self.pick(["0", "1", "2", "3", "-1", "2", "1"])

    def name(self, scope: Scope) -> str:
        return self.pick(scope.names) if scope.names else self.literal()

    def leaf(self, scope: Scope) -> str:
        return self.name(scope) if scope.names and self.chance(0.72) else self.literal()

    def base(self, scope: Scope) -> str:
        """What an attribute or item is taken of."""
        return self.name(scope) if scope.names else f"({self.literal()})"

    def leaf_at(self, scope: Scope, depth: int) -> str:
        return self.leaf(scope)

    def expression(self, scope: Scope, depth: int = 2) -> str:
        """A random expression; *depth* more levels at most."""
        if depth <= 0:
            return self.leaf(scope)
        makers: list[tuple[int, Maker]] = [
            (6, self.leaf_at), (9, self.arithmetic), (4, self.comparison), (2, self.boolean), (2, self.conditional),
            (3, self.product), (2, self.unary), (4, self.builtin), (4, self.own_call), (3, self.attribute),
            (4, self.subscript), (2, self.display), (2, self.comprehension), (2, self.fstring), (1, self.function),
            (2, self.method_call), (2, self.string_method), (1, self.walrus),
        ]  # fmt: skip
        if not self.chance(self.wild):
            makers = [
                (6, self.leaf_at), (9, self.arithmetic), (3, self.comparison), (2, self.boolean), (3, self.conditional),
                (4, self.product), (1, self.unary), (2, self.tame), (5, self.own_call), (1, self.comprehension),
                (1, self.display), (1, self.fstring), (1, self.walrus), (1, self.function), (1, self.method_call),
            ]  # fmt: skip
        if scope.kind == "coroutine" and scope.own:
            makers.append((3, self.awaits))
        if scope.kind == "generator" and scope.own:
            makers.append((2, self.yields))
        maker = self.rng.choices([make for _, make in makers], [weight for weight, _ in makers])[0]
        return maker(scope, depth - 1)

    def atom(self, scope: Scope, depth: int) -> str:
        """An expression that can stand next to an operator."""
        text = self.expression(scope, depth)
        return text if text.isidentifier() or text.isdigit() else f"({text})"

    def arithmetic(self, scope: Scope, depth: int) -> str:
        if not self.chance(self.wild):
            forms = [f"{self.atom(scope, depth)} {self.pick(['+', '-', '+'])} {self.atom(scope, depth)}"] * 4
            forms += [
                f"{self.atom(scope, depth)} {self.pick(['//', '%', '/', '+', '-'])} {self.rng.randint(1, 9)}"
            ]
            forms += [
                f"int({self.atom(scope, depth)}) {self.pick(['&', '|', '^', '>>'])} {self.rng.randint(0, 99)}"
            ]
            return self.pick(forms)
        return f"{self.atom(scope, depth)} {self.pick(ARITHMETIC)} {self.atom(scope, depth)}"

    def product(self, scope: Scope, depth: int) -> str:
        left, small = self.atom(scope, depth), self.small()
        if not self.chance(self.wild):
            forms = [
                f"{left} * {small}",
                f"{small} * {left}",
                f"{left} * {self.pick(['1.5', '1', '0', '-1'])}",
            ]
            if self.numeric:
                forms += [
                    f"({left} * {self.atom(scope, depth)}) % {self.pick(['1000003', '(2**62)', '1e9', '(2**30)'])}"
                ]
            return self.pick(forms)
        forms = [f"{left} * {small}", f"{small} * {left}", f"{left} >> {small}", f"{left} @ {small}"]
        forms += [f"(({left}) & 0xffffff) << {self.rng.randint(0, 70)}", f"({left} % 65521) ** {small}"]
        if self.numeric:
            other = self.atom(scope, depth)
            modulus = self.pick(["1000003", "(2**62)", "(2**30)", "(2**64+13)", "1e9"])
            forms += [f"({left} * {other}) % {modulus}"] * 3
        return self.pick(forms)

    def unary(self, scope: Scope, depth: int) -> str:
        return f"{self.pick(['-', '+', '~', 'not ', '-'])}{self.atom(scope, depth)}"

    def tame(self, scope: Scope, depth: int) -> str:
        """What seldom raises an exception."""
        inner = self.expression(scope, depth - 1)
        forms = [
            f"str({inner})[:9]",
            f"repr({inner})[:9]",
            f"bool({inner})",
            f"isinstance({inner}, int)",
            "gl[0]",
        ]
        forms += [
            "gd['a']",
            "o0.a",
            "o1.a",
            "gt[1]",
            "o0.count",
            "C0.count",
            f"type({inner}).__name__",
            "len(gt)",
        ]
        forms += [
            "gt[:2]",
            "o1.m0(1)" if "m0" in scope.methods else "gt[-1]",
            f"len(str({inner}))",
            "o0.a",
            "o1.b",
        ]
        return self.pick(forms)

    def comparison(self, scope: Scope, depth: int) -> str:
        if not self.chance(self.wild):
            operator = self.pick(["==", "!=", "<", "<=", ">", ">="] if self.numeric else ["==", "!="])
            return f"{self.atom(scope, depth)} {operator} {self.atom(scope, depth)}"

        def side() -> str:
            return self.atom(scope, depth)

        text = f"{side()} {self.pick(COMPARISONS)} {side()}"
        if self.chance(0.2):
            text += f" {self.pick(COMPARISONS)} {side()}"
        return text if " is " not in text else text.replace("is not", "!=").replace(" is ", " == ")

    def boolean(self, scope: Scope, depth: int) -> str:
        parts = [self.atom(scope, depth) for _ in range(self.rng.randint(2, 3))]
        return self.pick([" and ", " or "]).join(parts)

    def conditional(self, scope: Scope, depth: int) -> str:
        return f"{self.atom(scope, depth)} if {self.condition(scope, depth)} else {self.atom(scope, depth)}"

    def condition(self, scope: Scope, depth: int = 1) -> str:
        roll = self.rng.random()
        if roll < 0.6:
            return f"({self.comparison(scope, depth)})"
        if roll < 0.75:
            return f"{self.leaf(scope)} is {self.pick(['not ', ''])}None"
        return self.atom(scope, depth)

    def builtin(self, scope: Scope, depth: int) -> str:
        inner = self.expression(scope, depth)
        forms = [
            f"len({inner})", f"abs({inner})", f"str({inner})", f"repr({inner})", f"bool({inner})",
            f"type({inner}).__name__", f"isinstance({inner}, int)", f"isinstance({inner}, (str, C0))",
            f"list({inner})", f"tuple({inner})", f"int({inner})", f"float({inner})", f"sorted({inner})[:5]",
            f"sum([{inner}, {self.leaf(scope)}])", f"max({inner}, {self.leaf(scope)})", f"min([{inner}, 3])",
            f"divmod({inner}, {self.leaf(scope)})", f"getattr({inner}, 'a', {self.leaf(scope)})",
            f"hasattr({inner}, {self.pick(ATTRIBUTES)!r})", f"dict(a={inner})", f"list(zip({inner}, (1, 2)))",
            f"list(enumerate({inner}))", f"list(map(str, {inner}))", f"callable({inner})", f"round({inner}, 2)",
            f"any({inner})", f"list(reversed({inner}))", f"isinstance({inner}, type(1)) and {inner}",
            f"next(iter({inner}), {self.leaf(scope)})", f"[*({inner})][:4]", "super.__name__", "len(globals()) > 3",
            f"issubclass(type({inner}), C0)", f"format({inner}, '>8')", f"ascii({inner})", f"set({inner}) == 3",
        ]  # fmt: skip
        return self.pick(forms)

    def own_call(self, scope: Scope, depth: int) -> str:
        """A call of one of the program's functions of a lower level."""
        able = [one for one in self.functions if one[1] < scope.level]
        if not able or scope.loops > 2:
            return self.builtin(scope, depth)
        name, _, kinds = self.rng.choice(able)
        return f"{name}({self.arguments(scope, kinds, depth)})"

    def arguments(self, scope: Scope, kinds: list[str], depth: int) -> str:
        """Arguments for parameters of these kinds, mostly as many as are needed."""
        given: list[str] = []
        named: list[str] = []
        for i, kind in enumerate(kinds):
            value = self.expression(scope, depth - 1)
            if kind == "positional":
                given.append(value)
            elif kind == "plain":
                if named or self.chance(0.15):
                    named.append(f"p{i}={value}")
                else:
                    given.append(value)
            elif kind == "default" and self.chance(0.5):
                if named or self.chance(0.4):
                    named.append(f"p{i}={value}")
                else:
                    given.append(value)
            elif kind == "star" and not named and self.chance(0.4):
                given.append(self.pick([value, f"*({value}, 1)", "*[]", f"*[{value}, 2]"]))
            elif kind == "keyword" or (kind == "keyword default" and self.chance(0.5)):
                named.append(f"k{i}={value}")
            elif kind == "star star" and self.chance(0.4):
                named.append(self.pick([f"x={value}", "**{'y': 1}", f"**{{'z': {value}, 'w': 2}}"]))
        if self.chance(0.03):
            given.append("1")
        if self.chance(0.03) and given:
            given.pop()
        if self.chance(0.02):
            named.append("nope=1")
        return ", ".join(given + named)

    def attribute(self, scope: Scope, depth: int) -> str:
        base = self.pick(["o0", "o1", "o2", self.base(scope), "C0", "C1", "math"])
        if base == "math":
            return self.pick(["math.pi", "math.floor(2.5)", "math.inf", "math.gcd(12, 18)"])
        return f"{base}.{self.pick(ATTRIBUTES)}"

    def method_call(self, scope: Scope, depth: int) -> str:
        base = self.pick(["o0", "o1", "o2", self.base(scope), "C1(1)"])
        if not scope.methods:
            return f"{base}.{self.pick(ATTRIBUTES)}"
        return f"{base}.{self.pick(scope.methods)}({self.expression(scope, depth - 1)})"

    def string_method(self, scope: Scope, depth: int) -> str:
        base, other = self.base(scope), self.leaf(scope)
        forms = [
            f"{base}.upper()", f"{base}.join(['a', 'b'])", f"{base}.split()", f"{base}.startswith('a')",
            f"{base}.count({other})", f"{base}.index({other})", f"{base}.get({other}, 0)", f"list({base}.items())",
            f"{base}.append({other})", f"{base}.pop()", f"{base}.copy()", f"{base}.bit_length()", f"{base}.hex()",
            f"sorted({base}.keys(), key=str)", f"{base}.setdefault({other}, 1)", f"{base}.update({{'u': {other}}})",
            f"{base}.add({other})", f"{base}.is_integer()", f"{base}.replace('a', 'b')", f"{base}.encode()",
        ]  # fmt: skip
        return self.pick(forms)

    def subscript(self, scope: Scope, depth: int) -> str:
        base, index = self.base(scope), self.pick([self.small(), self.small(), "'a'", self.leaf(scope)])
        roll = self.rng.random()
        if roll < 0.3:
            base = self.pick(["gl", "gd", "gt", "'hello'", "[1, 2.5, 'x']"])
        if roll > 0.75:
            low, high = self.pick(["", "1", "-2", "0"]), self.pick(["", "2", "-1", "100"])
            step = self.pick(["", "", ":2", ":-1"])
            return f"{base}[{low}:{high}{step}]"
        return f"{base}[{index}]"

    def display(self, scope: Scope, depth: int) -> str:
        parts = [self.expression(scope, depth - 1) for _ in range(self.rng.randint(0, 4))]
        kind = self.rng.randint(0, 5)
        if kind == 0:
            return f"[{', '.join(parts)}]"
        if kind == 1:
            return f"({''.join(part + ', ' for part in parts)})"
        if kind == 2:
            return (
                "{"
                + ", ".join(f"{self.pick([*STRINGS, '1', '2.0', 'None'])}: {part}" for part in parts)
                + "}"
            )
        if kind == 3:
            return f"{{1, {self.small()}, {self.leaf(scope)}}} == {{1}}"
        if kind == 4:
            return f"[*{self.name(scope)}, {', '.join(parts)}]" if parts else "[]"
        return "{**gd, " + ", ".join(f"'k{i}': {part}" for i, part in enumerate(parts)) + "}"

    def comprehension(self, scope: Scope, depth: int) -> str:
        name = self.pick(["i", "j", "e"])
        inner = Scope([*scope.names, name, name, name], 0, "expression", scope, own=False)
        inner.loops = scope.loops + 1
        value = self.expression(inner, depth)
        source = self.pick(
            [f"range({self.rng.randint(0, 5)})", "gl", "'abc'", "gt", self.name(scope), "numbers(3)"]
        )
        condition = f" if {self.condition(inner)}" if self.chance(0.3) else ""
        if self.chance(0.2):
            condition += " for e2 in range(2)"
        tail = f"for {name} in {source}{condition}"
        forms = [
            f"[{value} {tail}]",
            f"[{value} {tail}]",
            f"list({value} {tail})",
            f"{{{name}: {value} {tail}}}",
        ]
        forms += [f"len({{{name} {tail}}})", f"sum({value} {tail})", f"tuple(({name}, {value}) {tail})"]
        return self.pick(forms)

    def fstring(self, scope: Scope, depth: int) -> str:
        first, second = self.name(scope), self.pick([self.name(scope), "1.5", "2**40", "o0.a"])
        spec = self.pick(["", "", "!r", "!s", ":>6", ":{1 + 3}", "!a:<5", ":.3"])
        return f'f"<{{{first}{spec}}}|{{{second}}}>"[:80]'

    def function(self, scope: Scope, depth: int) -> str:
        inner = Scope([*scope.names, "u", "u"], scope.level, "expression", scope, own=False)
        inner.loops = scope.loops + 1
        default = self.pick(["", f"={self.leaf(scope)}"])
        body = self.expression(inner, depth - 1)
        return f"(lambda u{default}, *r, k=1, **kw: {body})({self.leaf(scope)})"

    def walrus(self, scope: Scope, depth: int) -> str:
        if not scope.own or scope.kind == "class":
            return self.arithmetic(scope, depth)
        return f"(w := {self.expression(scope, depth - 1)})"

    def awaits(self, scope: Scope, depth: int) -> str:
        return f"(await pause({self.expression(scope, depth - 1)}))"

    def yields(self, scope: Scope, depth: int) -> str:
        return f"(yield {self.expression(scope, depth - 1)})"
