"""The OpenID Provider of django-oauth-toolkit with Django's own login page.

./peers runs it as an upstream of the broker, in an empty folder. SIGHUP signs
with a new key and goes on publishing the old ones; SIGUSR1 withdraws them at
once, as after a theft.
"""

import os
import signal
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from jwcrypto.jwk import JWK

ISSUER, SECRET = os.environ["ISSUER"], os.environ["CLIENT_SECRET"]


def new_key():
    return JWK.generate(kty="RSA", size=2048).export_to_pem(True, None).decode()


settings.configure(
    SECRET_KEY=os.urandom(32).hex(),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "op.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL;",
            },
        }
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    # Quick, for passwords that are in the source of a test.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    SESSION_COOKIE_NAME="op-session",
    CSRF_COOKIE_NAME="op-csrf",
    STATIC_URL="/static/",
    LOGIN_URL="/login/",
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": ISSUER,
        "OIDC_RSA_PRIVATE_KEY": new_key(),
        "OAUTH2_VALIDATOR_CLASS": __name__ + ".Validator",
        "SCOPES": {"openid": "who you are", "profile": "your name", "email": "your e-mail address"},
    },
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402


class Validator(OAuth2Validator):
    """Adds claims as the library's documentation says."""

    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {"name": request.user.get_full_name(), "email": request.user.email, "email_verified": True}


urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("o/", include("oauth2_provider.urls")),
]


def rotate(signum, _frame):
    old = [oauth2_settings.OIDC_RSA_PRIVATE_KEY, *oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE]
    oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = old if signum == signal.SIGHUP else []
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = key = new_key()
    print("signing with", JWK.from_pem(key.encode()).thumbprint(), flush=True)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args):
        pass


def main():
    call_command("migrate", verbosity=0)
    User.objects.create_superuser("hong", "hong@example.com", "verysecure", first_name="길동", last_name="홍")
    for name in ("CLIENT_ID", "OTHER_ID", "PUBLIC_ID"):
        Application.objects.create(
            client_id=os.environ[name],
            client_secret=SECRET,
            name="Sinho",
            redirect_uris=os.environ["REDIRECT_URIS"],
            client_type=Application.CLIENT_PUBLIC if name == "PUBLIC_ID" else Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            algorithm=Application.RS256_ALGORITHM,
        )
    signal.signal(signal.SIGHUP, rotate)
    signal.signal(signal.SIGUSR1, rotate)
    with make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application(), Server, Quiet) as server:
        print("ready " + ISSUER, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
