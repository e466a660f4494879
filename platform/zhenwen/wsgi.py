"""The web application. Importing it loads no model and no inference library."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhenwen.settings.live")
application = get_wsgi_application()
