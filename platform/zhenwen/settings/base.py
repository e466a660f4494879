"""Settings shared by the running site and the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django_stubs_ext
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from zhenwen.settings.databases import RUNTIME_ROLE, database_from_url
from zhenwen.settings.env import env_bool, env_int, env_list, env_text

# Lets classes such as ModelAdmin[Document] exist at run time.
django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parents[3]
DATA_DIR = Path(env_text("ZHENWEN_DATA_DIR", str(ROOT / "var")))

# --- Who and where -----------------------------------------------------------------------------
SECRET_KEY = env_text("DJANGO_SECRET_KEY")
API_KEY_PEPPERS = env_list("API_KEY_PEPPERS") or [env_text("API_KEY_PEPPERS")]  # newest last
DEBUG = env_bool("DEBUG", default=False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
SITE_URL = env_text("SITE_URL", "http://127.0.0.1:8000")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
BEHIND_TLS = SITE_URL.startswith("https://")
ROOT_URLCONF = "zhenwen.urls"
# Of each web process, for all but realtime calls; each keeps a connection to the database.
WEB_THREADS = env_int("WEB_THREADS", 16)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "zhenwen.tenancy.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "django_htmx",
    "django_prometheus",
    "django_rq",
    "drf_spectacular",
    "rest_framework",
    "zhenwen.audit",
    "zhenwen.ledger",
    "zhenwen.observability",
    "zhenwen.tenancy",
    "accounts",
    "detection",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "zhenwen.observability.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "zhenwen.http.middleware.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "accounts.context_processors.current_organization",
            ],
        },
    },
]

# --- PostgreSQL: the truth ---------------------------------------------------------------------
DATABASE_ROLE = env_text("DATABASE_ROLE", RUNTIME_ROLE)
DATABASES = {"default": database_from_url(env_text("DATABASE_URL"), role=DATABASE_ROLE)}
TENANT_MODEL = "accounts.Organization"

# --- Redis or Valkey: queues, caches, limits ---------------------------------------------------
REDIS_URL = env_text("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
RQ_QUEUES = {
    name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600} for name in ("extract", "documents", "realtime")
}
RQ = {"COMMIT_MODE": "auto"}
RQ_SHOW_ADMIN_LINK = False

# --- People ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SITE_ID = 1
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedSignupAdapter"
ACCOUNT_SESSION_REMEMBER = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
EMAIL_BACKEND = env_text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
DEFAULT_FROM_EMAIL = env_text("DEFAULT_FROM_EMAIL", "zhenwen@localhost")

# --- Security of pages -------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
TRUST_PROXY = env_bool("TRUST_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# --- Words and time ----------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env_text("TIME_ZONE", "Asia/Shanghai")

# --- Files -------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

# --- API ---------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["zhenwen.http.parsing.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "zhenwen.http.parsing.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "zhenwen.http.exceptions.problem_exception_handler",
    "UNAUTHENTICATED_USER": None,
}
API_KEY_REQUESTS_A_MINUTE = env_int("API_KEY_REQUESTS_A_MINUTE", 1_200)
ORGANIZATION_REQUESTS_A_MINUTE = env_int("ORGANIZATION_REQUESTS_A_MINUTE", 6_000)
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Zhenwen API",
    "DESCRIPTION": "Tells text written by a language model from text written by a person. See /api/docs.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "SECURITY": [{"bearer": []}, {"api_key": []}],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
    },
}

# --- Detection ---------------------------------------------------------------------------------
MODEL_DIR = Path(env_text("ZHENWEN_MODEL_DIR", str(ROOT / "weights" / "zhenwen-small")))
LEASE_SECONDS = env_int("LEASE_SECONDS", 12)
DOCUMENTS_AT_ONCE = env_int("DOCUMENTS_AT_ONCE", 4)  # by one warm worker
ATTEMPTS_AT_MOST = 5
EXTRACT_ATTEMPTS_AT_MOST = 2  # a file that kills its reader twice is the culprit
DISPATCH_AGAIN_SECONDS = 5
REALTIME_WAITING_AT_MOST = env_int("REALTIME_WAITING_AT_MOST", 200)
REALTIME_DELAY_SECONDS_AT_MOST = env_int("REALTIME_DELAY_SECONDS_AT_MOST", 3)
SWEEP_INTERVAL_SECONDS = env_int("SWEEP_INTERVAL_SECONDS", 2)
EXTRACT_TIMEOUT_SECONDS = 120
SCORE_TIMEOUT_SECONDS = 600
REALTIME_DEADLINE_SECONDS = 10
REALTIME_BOOKING_SECONDS = 60  # cached answers reach the ledger at least this often
REALTIME_CHARACTERS_AT_MOST = 20_000
DOCUMENT_CHARACTERS_AT_MOST = 400_000
UPLOAD_SIZE_BYTES_AT_MOST = 20 * 1024 * 1024
UPLOAD_FILES_AT_MOST = 100
RESULT_CACHE_SECONDS = 24 * 3600

# --- Logs --------------------------------------------------------------------------------------
LOG_LEVEL = env_text("LOG_LEVEL", "INFO")
LOGGING_CONFIG = "zhenwen.observability.logs.configure_logging"
LOGGING = {"level": LOG_LEVEL}
# Whoever scrapes /metrics shows it as a bearer token; without one only this machine may scrape.
METRICS_TOKEN = env_text("METRICS_TOKEN", "")
