"""The web application. Importing it loads no model and no inference library.

Realtime calls are answered on the event loop. All else is Django's, in threads that each keep a connection to
the database, which Django's own ASGI handler would open anew for every request.
"""

import os
from typing import Any
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhenwen.settings.live")
_django: Any = get_wsgi_application()

from detection.api.front_door import FrontDoor  # noqa: E402 - imports models, which need Django set up
from zhenwen.http.draining import Draining  # noqa: E402
from zhenwen.jobs.lasting import keep_for_good  # noqa: E402

# Whatever may stand in a query stays as it is.
_QUERY = "!$%&'()*+,-./:;=?@[]_~"
_bridge: Any = WSGIMiddleware(_django, workers=settings.WEB_THREADS)


async def _site(scope: Any, receive: Any, send: Any) -> None:
    """Django behind the bridge, which takes no query but in ASCII, and no awaitable but a coroutine.

    WSGI cannot tell a header X_Y from X-Y, which a proxy may have set or removed: the former goes.
    """

    async def receive_next() -> Any:
        return await receive()

    if scope["type"] == "http":
        scope = {
            **scope,
            "query_string": quote(scope["query_string"], safe=_QUERY).encode(),
            "headers": [(name, value) for name, value in scope["headers"] if b"_" not in name],
        }
    await _bridge(scope, receive_next, send)


application = Draining(FrontDoor(_site, _bridge.executor))

# All pages are imported now, not by the first request.
_ = get_resolver().url_patterns
keep_for_good()
