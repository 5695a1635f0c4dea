"""Django answers requests in process: the admin site, forms, templates, the ORM."""

from __future__ import annotations

from pydoc_data.topics import topics

from demo.programs.django_admin import browse, fill

from bench.workloads._pieces import repeat, some

CLIENT = fill(some(topics, 3))


def run(n: int) -> str:
    return repeat(n, browse, CLIENT)
