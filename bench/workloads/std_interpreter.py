"""Parsers and interpreters: a small language is tokenised, parsed by precedence, and run, twice.

Once the tree is walked, once its closures are called.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

PROGRAM = """
let fib = fn(n) if n < 2 then n else fib(n - 1) + fib(n - 2);
let gcd = fn(a, b) if b == 0 then a else gcd(b, a % b);
let sum = fn(n) if n == 0 then 0 else n * n + sum(n - 1);
let power = fn(x, n) if n == 0 then 1 else if n % 2 == 0 then power(x * x, n / 2) else x * power(x, n - 1);
let collatz = fn(n, steps) if n == 1 then steps else
    collatz(if n % 2 == 0 then n / 2 else 3 * n + 1, steps + 1);
fib(11) + gcd(1071, 462) * sum(40) - power(3, 13) % 1009 + collatz(27, 0) * (2 + 3) / 7;
"""
TOKEN = re.compile(r"\s*(?:(\d+)|([A-Za-z_]\w*)|(==|<=|>=|[-+*/%<>=(),;]))")
KEYWORDS = frozenset(("let", "fn", "if", "then", "else"))
PRECEDENCE = {"==": 1, "<": 2, ">": 2, "<=": 2, ">=": 2, "+": 3, "-": 3, "*": 4, "/": 4, "%": 4}
OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
    "%": operator.mod,
}


class Token(NamedTuple):
    kind: str
    text: str


class Number(NamedTuple):
    value: int


class Name(NamedTuple):
    name: str


class Binary(NamedTuple):
    operation: str
    left: Node
    right: Node


class If(NamedTuple):
    condition: Node
    then: Node
    otherwise: Node


class Function(NamedTuple):
    parameters: list[str]
    body: Node


class Call(NamedTuple):
    function: Node
    arguments: list[Node]


class Let(NamedTuple):
    name: str
    value: Node


Node = Number | Name | Binary | If | Function | Call | Let


def tokens(text: str) -> list[Token]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise SyntaxError(f"at {position}: {text[position : position + 10]!r}")
        position = match.end()
        number, word, sign = match.groups()
        if number:
            found.append(Token("number", number))
        elif word:
            found.append(Token(word if word in KEYWORDS else "name", word))
        else:
            found.append(Token(sign, sign))
    found.append(Token("end", ""))
    return found


class Parser:
    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.position = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.position].kind

    def take(self, kind: str) -> str:
        token = self.tokens[self.position]
        if token.kind != kind:
            raise SyntaxError(f"{kind!r} expected, not {token.text!r}")
        self.position += 1
        return token.text

    def program(self) -> list[Node]:
        found: list[Node] = []
        while self.kind != "end":
            if self.kind == "let":
                self.take("let")
                name = self.take("name")
                self.take("=")
                found.append(Let(name, self.expression()))
            else:
                found.append(self.expression())
            self.take(";")
        return found

    def expression(self, least: int = 0) -> Node:
        left = self.operand()
        while (precedence := PRECEDENCE.get(self.kind, 0)) > least:
            sign = self.take(self.kind)
            left = Binary(sign, left, self.expression(precedence))
        return left

    def operand(self) -> Node:
        if self.kind == "if":
            return self.choice()
        if self.kind == "fn":
            return self.function()
        if self.kind == "number":
            return Number(int(self.take("number")))
        if self.kind == "(":
            self.take("(")
            inner = self.expression()
            self.take(")")
            return inner
        found: Node = Name(self.take("name"))
        while self.kind == "(":
            found = Call(found, self.listed(self.expression))
        return found

    def choice(self) -> Node:
        self.take("if")
        condition = self.expression()
        self.take("then")
        then = self.expression()
        self.take("else")
        return If(condition, then, self.expression())

    def function(self) -> Node:
        self.take("fn")
        return Function(self.listed(lambda: self.take("name")), self.expression())

    def listed(self, one: Callable[[], Any]) -> list[Any]:
        self.take("(")
        found = []
        while self.kind != ")":
            found.append(one())
            if self.kind == ",":
                self.take(",")
        self.take(")")
        return found


class Scope:
    def __init__(self, outer: Scope | None, values: dict[str, Any]) -> None:
        self.outer = outer
        self.values = values

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        raise NameError(name)


class Walker:
    """Runs a program by walking over its tree; one method for each kind of node."""

    def value(self, node: Node, scope: Scope) -> Any:
        return getattr(self, f"visit_{type(node).__name__}")(node, scope)

    def visit_Number(self, node: Number, scope: Scope) -> int:
        return node.value

    def visit_Name(self, node: Name, scope: Scope) -> Any:
        return scope.find(node.name)

    def visit_Binary(self, node: Binary, scope: Scope) -> Any:
        return OPERATIONS[node.operation](self.value(node.left, scope), self.value(node.right, scope))

    def visit_If(self, node: If, scope: Scope) -> Any:
        return self.value(node.then if self.value(node.condition, scope) else node.otherwise, scope)

    def visit_Function(self, node: Function, scope: Scope) -> Any:
        return node, scope

    def visit_Call(self, node: Call, scope: Scope) -> Any:
        function, home = self.value(node.function, scope)
        arguments = [self.value(argument, scope) for argument in node.arguments]
        return self.value(function.body, Scope(home, dict(zip(function.parameters, arguments, strict=True))))

    def visit_Let(self, node: Let, scope: Scope) -> None:
        scope.values[node.name] = self.value(node.value, scope)


def closure(node: Node) -> Callable[[Scope], Any]:
    """Turn a tree into functions that call each other."""
    if isinstance(node, Number):
        value = node.value
        return lambda scope: value
    if isinstance(node, Name):
        name = node.name
        return lambda scope: scope.find(name)
    if isinstance(node, Binary):
        operation, left, right = OPERATIONS[node.operation], closure(node.left), closure(node.right)
        return lambda scope: operation(left(scope), right(scope))
    if isinstance(node, If):
        condition, then, otherwise = closure(node.condition), closure(node.then), closure(node.otherwise)
        return lambda scope: then(scope) if condition(scope) else otherwise(scope)
    if isinstance(node, Function):
        parameters, body = node.parameters, closure(node.body)
        return lambda scope: lambda *arguments: body(
            Scope(scope, dict(zip(parameters, arguments, strict=True)))
        )
    if isinstance(node, Call):
        function, arguments = closure(node.function), [closure(argument) for argument in node.arguments]
        return lambda scope: function(scope)(*(argument(scope) for argument in arguments))
    named, of = node.name, closure(node.value)
    return lambda scope: scope.values.__setitem__(named, of(scope))


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        program = Parser(PROGRAM).program()
        walker, scope = Walker(), Scope(None, {})
        walked = [walker.value(node, scope) for node in program]
        scope = Scope(None, {})
        called = [closure(node)(scope) for node in program]
        if walked[-1] != called[-1]:
            raise AssertionError(f"{walked[-1]} by walking, {called[-1]} by closures")
        total += walked[-1]
    return total
