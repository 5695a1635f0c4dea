"""Makes a program smaller while it still shows what was found.

Statements are removed, many at once first; blocks take the place of the statements they belong to; then
expressions become one of their parts or a constant.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator

Test = Callable[[str], bool]
"""Whether a text still shows it."""


def shrink(text: str, test: Test, seconds: float = 60) -> str:
    """The smallest text found within *seconds*."""
    end = time.monotonic() + seconds
    tried = {text}

    def holds(candidate: str | None) -> bool:
        if candidate is None or candidate in tried or time.monotonic() > end:
            return False
        tried.add(candidate)
        return test(candidate)

    normal = unparse(ast.parse(text))
    if normal is not None and holds(normal):
        text = normal
    while time.monotonic() < end:
        before = text
        text = _remove(text, holds)
        for candidates in (_lifted, _expressions):
            text = _first_that_holds(text, candidates, holds)
        if text == before:
            break
    return text


def unparse(tree: ast.AST) -> str | None:
    """The text of a tree; None if it is no program."""
    try:
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        compile(text, "<fuzz>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, TypeError, AttributeError):
        return None
    return text


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements, the outer ones first."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block


def _remove(text: str, holds: Test) -> str:
    """Without statements: halves of each block first, then quarters, down to single ones."""
    number = 0
    while number < len(list(_blocks(ast.parse(text)))):
        size = len(list(_blocks(ast.parse(text)))[number])
        step = size
        while step >= 1:
            start = 0
            while True:
                tree = ast.parse(text)
                blocks = list(_blocks(tree))
                if number >= len(blocks) or start >= len(blocks[number]):
                    break
                block = blocks[number]
                optional = not isinstance(block[0], (ast.ExceptHandler, ast.match_case))
                required = optional and _is_body(tree, block)
                if required and len(block) <= step and isinstance(block[0], ast.Pass):
                    break
                del block[start : start + step]
                if not block and required:
                    block.append(ast.Pass())
                candidate = unparse(tree)
                if candidate is not None and holds(candidate):
                    text = candidate
                    if required and step >= size:
                        break
                else:
                    start += step
            step //= 2
        number += 1
    return text


def _is_body(tree: ast.AST, block: list[ast.stmt]) -> bool:
    return any(
        getattr(node, "body", None) is block for node in ast.walk(tree) if not isinstance(node, ast.Module)
    )


def _first_that_holds(
    text: str, candidates: Callable[[str, int], tuple[bool, list[str | None]]], holds: Test
) -> str:
    """Goes through places in the text; at each the first candidate that holds is taken."""
    place = 0
    while True:
        there, texts = candidates(text, place)
        if not there:
            return text
        for candidate in texts:
            if candidate is not None and len(candidate) < len(text) and holds(candidate):
                text = candidate
                break
        else:
            place += 1


def _lifted(text: str, place: int) -> tuple[bool, list[str | None]]:
    """A compound statement replaced by one of its blocks."""
    found: list[str | None] = []
    for name in ("body", "orelse", "finalbody"):
        tree = ast.parse(text)
        places = [
            (block, i) for block in _blocks(tree) for i, one in enumerate(block) if hasattr(one, "body")
        ]
        if place >= len(places):
            return False, []
        block, i = places[place]
        inner = getattr(block[i], name, None)
        if (
            isinstance(inner, list)
            and inner
            and not isinstance(block[i], (ast.ExceptHandler, ast.match_case))
        ):
            block[i : i + 1] = inner
            found.append(unparse(tree))
    return True, found


def _expressions(text: str, place: int) -> tuple[bool, list[str | None]]:
    """An expression replaced by a constant or by a part of it, an optional part or an item left out."""
    found: list[str | None] = []
    for number in range(12):
        tree = ast.parse(text)
        slots = list(_slots(tree))
        if place >= len(slots):
            return False, []
        node, name, index = slots[place]
        value = getattr(node, name) if index is None else getattr(node, name)[index]
        inner = [part for part in ast.walk(value) if isinstance(part, ast.expr) and part is not value][:6]
        options: list[ast.AST | None] = [None, ast.Constant(1), ast.Constant(None), *inner]
        if number >= len(options):
            break
        new = options[number]
        if isinstance(value, ast.Constant) and new is not None:
            break
        if index is None:
            setattr(node, name, new)
        elif new is None:
            del getattr(node, name)[index]
        else:
            getattr(node, name)[index] = new
        found.append(unparse(tree))
    return True, found


def _slots(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Every place where an expression stands."""
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                yield node, name, None
            elif isinstance(value, list):
                for index, part in enumerate(value):
                    if isinstance(
                        part, (ast.expr, ast.keyword, ast.arg, ast.withitem, ast.comprehension, ast.alias)
                    ):
                        yield node, name, index
