"""The web application. Importing it loads no model and no inference library."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhenwen.settings.live")
_django = get_wsgi_application()

from detection.api.front_door import FrontDoor  # noqa: E402 - imports models, which need Django set up

application = FrontDoor(_django)
