"""FastAPI answers requests in process, over ASGI without a network: validation, dependencies, JSON."""

import asyncio
import json
import unicodedata
from collections.abc import MutableMapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field

app = FastAPI()


class Query(BaseModel):
    word: str = Field(min_length=2)
    codes: list[int]
    limit: int = Field(default=10, le=100)


class Found(BaseModel):
    code: int
    name: str
    category: str


class Page(BaseModel):
    found: list[Found]
    total: int


def page_size(size: int = 20) -> int:
    return max(1, min(size, 50))


@app.get("/characters/{start}")
async def characters(start: int, size: Annotated[int, Depends(page_size)]) -> Page:
    if start > 0x10FFFF:
        raise HTTPException(404, "no such character")
    found = [describe(code) for code in range(start, start + size)]
    return Page(found=found, total=len(found))


@app.post("/search")
async def search(query: Query) -> Page:
    found = [row for code in query.codes if query.word in (row := describe(code)).name]
    return Page(found=found[: query.limit], total=len(found))


def describe(code: int) -> Found:
    char = chr(code)
    return Found(code=code, name=unicodedata.name(char, "?"), category=unicodedata.category(char))


async def ask(method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send a request to the application, as a server would; return status and body of the answer."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"test"), (b"content-type", b"application/json")],
        "server": ("test", 80),
        "client": ("test", 1),
    }
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)


async def requests(n: int) -> int:
    total = 0
    for _ in range(n):
        for start in (65, 0x391, 0x410):
            answers = [
                await ask("GET", f"/characters/{start}?size=8"),
                await ask(
                    "POST",
                    "/search",
                    json.dumps({"word": "LETTER", "codes": list(range(start, start + 20))}).encode(),
                ),
            ]
            total += sum(status + len(body) for status, body in answers)
        total += (await ask("POST", "/search", b'{"word": "x", "codes": "no"}'))[0]
        total += (await ask("GET", "/characters/9999999"))[0]
    return total


def run(n: int) -> int:
    return asyncio.run(requests(n))
