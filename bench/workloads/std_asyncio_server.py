"""asyncio: a key-value server and its clients talk over loopback."""

from __future__ import annotations

import asyncio

CLIENTS, REQUESTS = 8, 12


class Server:
    """Speaks lines: ``SET key size`` and a body, ``GET key``, ``KEYS``."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(await self.answer(line.split(), reader))
            await writer.drain()
        writer.close()

    async def answer(self, words: list[bytes], reader: asyncio.StreamReader) -> bytes:
        if words[0] == b"SET":
            self.values[words[1]] = await reader.readexactly(int(words[2]))
            return b"OK 0\n"
        if words[0] == b"GET":
            value = self.values.get(words[1], b"")
            return b"VALUE %d\n%s" % (len(value), value)
        keys = b",".join(sorted(self.values))
        return b"KEYS %d\n%s" % (len(keys), keys)


async def client(number: int, port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(request: bytes) -> bytes:
        writer.write(request)
        await writer.drain()
        head = (await reader.readline()).split()
        return await reader.readexactly(int(head[1]))

    total = 0
    for i in range(REQUESTS):
        body = b"%d" % (number * i) * (i + 1)
        await ask(b"SET %d-%d %d\n%s" % (number, i % 4, len(body), body))
        total += len(await ask(b"GET %d-%d\n" % (number, i % 3)))
    writer.close()
    await writer.wait_closed()
    return total


async def serve(n: int) -> int:
    total = 0
    for _ in range(n):
        server = await asyncio.start_server(Server().talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        total += sum(await asyncio.gather(*(client(i, port) for i in range(CLIENTS))))
        server.close()
        await server.wait_closed()
    return total


def run(n: int) -> int:
    return asyncio.run(serve(n))
