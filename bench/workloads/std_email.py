"""email: messages are made, parsed, walked and changed, with the standard library alone."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pydoc_data.topics import topics

TEXTS = sorted(topics.items())[:6]


def letter(number: int, subject: str, text: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = f"Re: {subject}: grüße {number}"
    message["From"] = f"Writer {number} <writer{number}@example.org>"
    message["To"] = ", ".join(f"Reader {i} <reader{i}@example.org>" for i in range(3))
    message["Date"] = "Thu, 01 Jan 2026 12:00:00 +0000"
    message.set_content(text[:3000])
    message.add_alternative(f"<p>{text[:1000]}</p>", subtype="html")
    message.add_attachment(text.encode()[:500], maintype="application", subtype="x-text", filename="a.bin")
    message.set_boundary(f"boundary-{number}")
    return bytes(message)


LETTERS = [letter(number, *each) for number, each in enumerate(TEXTS)]


def answer(data: bytes) -> int:
    message = email.message_from_bytes(data, policy=email.policy.default)
    size = 0
    for part in message.walk():
        if part.get_content_maintype() == "text":
            size += len(part.get_content())
    for address in message["To"].addresses:
        size += len(address.display_name)
    del message["Subject"]
    message["Subject"] = "answered"
    return size + len(message.as_bytes())


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        for data in LETTERS:
            total += answer(data)
    return total
