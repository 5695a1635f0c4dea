"""trio and h11: an HTTP/1.1 server and its clients talk over streams in memory (async code).

Input: source files of the standard library are what the clients ask for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import h11
import trio
from demo.harness import run
from demo.inputs import stdlib_sources
from trio.testing import memory_stream_pair

CLIENTS = 24
CHUNK = 2_048


async def next_event(stream: trio.abc.Stream, connection: h11.Connection) -> h11.Event | type[h11.PAUSED]:
    """Return the next HTTP event of a connection, reading as much as it needs."""
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await stream.receive_some(CHUNK))
    return event


async def serve(stream: trio.abc.Stream, files: dict[str, str]) -> None:
    """Answer requests in chunked encoding until the client hangs up."""
    connection = h11.Connection(h11.SERVER)
    while True:
        event = await next_event(stream, connection)
        if isinstance(event, h11.Request):
            body = files[event.target.decode().removeprefix("/")].encode()
            headers = [("content-type", "text/x-python"), ("transfer-encoding", "chunked")]
            await stream.send_all(connection.send(h11.Response(status_code=200, headers=headers)) or b"")
            for start in range(0, len(body), CHUNK):
                await stream.send_all(connection.send(h11.Data(data=body[start : start + CHUNK])) or b"")
            await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
        elif isinstance(event, h11.ConnectionClosed):
            return
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()


async def fetch(stream: trio.abc.Stream, names: list[str], log: list[str]) -> None:
    """Ask for each file on one connection, and note status, size and digest of the answers."""
    connection = h11.Connection(h11.CLIENT)
    for name in names:
        request = h11.Request(method="GET", target=f"/{name}", headers=[("host", "demo")])
        await stream.send_all(connection.send(request) or b"")
        await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
        body = bytearray()
        status = 0
        while not isinstance(event := await next_event(stream, connection), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
        log.append(f"{name} {status} {len(body)} {hashlib.sha256(body).hexdigest()}\n")
        connection.start_next_cycle()
    await stream.aclose()


async def exchange(files: dict[str, str], logs: list[list[str]]) -> None:
    """Run all clients and their servers in one nursery."""
    names = list(files)
    async with trio.open_nursery() as nursery:
        for number, log in enumerate(logs):
            near, far = memory_stream_pair()
            nursery.start_soon(serve, far, files)
            nursery.start_soon(fetch, near, names[number:] + names[:number], log)


def talk(files: dict[str, str]) -> Iterator[str]:
    """Print each client's log (their order in time is trio's, and random)."""
    logs: list[list[str]] = [[] for _ in range(CLIENTS)]
    trio.run(exchange, files, logs)
    for number, log in enumerate(logs):
        yield f"client {number}\n{''.join(log)}"


if __name__ == "__main__":
    run(talk, stdlib_sources(24))
