"""Django serves its admin site and its flat pages: URL routing, middleware, ORM, forms, templates.

Input: Python's language reference, the topics of ``pydoc_data``, stored as flat pages in a database
in memory. Tokens against request forgery are random by design, and masked in the printed pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pydoc_data.topics import topics

import django
from demo.harness import run
from django.conf import settings

APPS = ("admin", "auth", "contenttypes", "sessions", "messages", "sites", "flatpages")
MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
CONTEXT_PROCESSORS = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)
VIEWS = ("change", "delete", "history")
PAGE = "<h1>{{ flatpage.title }}</h1>{{ flatpage.content|linebreaks }}"

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[f"django.contrib.{app}" for app in APPS],
    MIDDLEWARE=list(MIDDLEWARE),
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for the demo",
    SITE_ID=1,
    STATIC_URL="/static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [],
            "OPTIONS": {
                "context_processors": list(CONTEXT_PROCESSORS),
                "loaders": [
                    (
                        "django.template.loaders.cached.Loader",
                        [
                            (
                                "django.template.loaders.locmem.Loader",
                                {"flatpages/default.html": PAGE},
                            ),
                            "django.template.loaders.app_directories.Loader",
                        ],
                    )
                ],
            },
        }
    ],
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402  (models can be imported only after setup())
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.flatpages.models import FlatPage  # noqa: E402
from django.contrib.flatpages.views import flatpage  # noqa: E402
from django.contrib.sites.models import Site  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls), path("<path:url>", flatpage)]


def fill(texts: dict[str, str]) -> Client:
    """Create the tables and one page per topic, and return a client that is logged in."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    site = Site.objects.get_current()
    for name, text in sorted(texts.items()):
        FlatPage.objects.create(url=f"/{name}/", title=name, content=text).sites.add(site)
    client = Client()
    client.force_login(User.objects.create_superuser("snake"))
    return client


def browse(client: Client) -> Iterator[str]:
    """Fetch every page as a reader, the lists and every form as an editor."""
    addresses = ["/admin/", "/admin/flatpages/flatpage/", "/admin/auth/user/", "/admin/sites/site/1/change/"]
    addresses += [f"/admin/flatpages/flatpage/?o={order}&q=e" for order in ("1", "-1", "2", "-2.1")]
    for page in FlatPage.objects.order_by("url"):
        addresses += [page.url] + [f"/admin/flatpages/flatpage/{page.pk}/{view}/" for view in VIEWS]
    for address in addresses:
        response = client.get(address)
        text = re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1...", response.content.decode())
        yield f"GET {address} {response.status_code}\n{text}\n"


def serve(texts: dict[str, str]) -> Iterator[str]:
    """Fill the site and browse it."""
    yield from browse(fill(texts))


if __name__ == "__main__":
    run(serve, topics)
