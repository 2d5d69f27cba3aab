"""A small site that logs people in with Authlib and Flask.

docs/integrate shows its parts; ./peers runs it. Sessions are in memory: fine
for one process.
"""

import json
import logging

# region: configure
import os
import secrets

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, request, session

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
PORT = os.environ.get("PORT", "3000")
SITE = f"http://localhost:{PORT}"

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)  # of your configuration, where there is more than one process
app.config.update(SESSION_COOKIE_NAME=f"site-{PORT}", SESSION_COOKIE_SAMESITE="Lax")

settings = {"scope": os.environ.get("SCOPE", "openid profile email"), "code_challenge_method": "S256"}
oauth = OAuth(app)
sinho = oauth.register(
    "sinho",
    client_id=CLIENT_ID,
    client_secret=os.environ.get("CLIENT_SECRET"),  # None: a public client
    server_metadata_url=ISSUER + "/.well-known/openid-configuration",
    client_kwargs=settings,
)
# endregion

if "RESPONSE_MODE" in os.environ:
    sinho.authorize_params = {"response_mode": os.environ["RESPONSE_MODE"]}

if "CLIENT_KEY" in os.environ:
    with open(os.environ["CLIENT_KEY"]) as file:
        pem = file.read()
    # region: private_key_jwt
    from authlib.oauth2.rfc7523 import PrivateKeyJWT
    from joserfc.jwk import ECKey

    sinho.client_secret = ECKey.import_key(pem)
    sinho.client_auth_methods = [PrivateKeyJWT(ISSUER, alg="ES256")]  # made for the issuer
    settings["token_endpoint_auth_method"] = "private_key_jwt"
    # endregion

people = {}  # session id to tokens, claims and userinfo: too much for a cookie


# region: login
@app.get("/login")
def login():
    # What a page of ours may ask for by its link, and nothing else of it.
    asked = {name: request.args[name] for name in ("prompt", "max_age", "acr_values") if name in request.args}
    return sinho.authorize_redirect(SITE + "/callback", **asked)
# endregion


# region: callback
@app.route("/callback", methods=["GET", "POST"])
def callback():
    # Authlib leaves iss to you (RFC 9207): is this an answer of the broker's?
    if request.values.get("iss") != ISSUER:
        raise OAuthError("mixed_up", "iss is not " + ISSUER)
    token = sinho.authorize_access_token(
        claims_options={"iss": {"values": [ISSUER]}, "aud": {"values": [CLIENT_ID]}}
    )
    claims = token["userinfo"]  # Authlib's name for the claims of the ID token
    userinfo = sinho.userinfo(token=token)
    if userinfo["sub"] != claims["sub"]:
        raise OAuthError("mixed_up", "userinfo is about somebody else")
    return enter({"token": token, "claims": claims, "userinfo": userinfo})
# endregion


# region: refresh
def refreshed(person):
    old = person["token"]
    # Without scope Authlib asks for all that is configured, granted or not.
    token = sinho.fetch_access_token(
        grant_type="refresh_token", refresh_token=old["refresh_token"], scope=old["scope"]
    )
    # A new refresh token replaces the one just used; an ID token may come or not.
    claims = sinho.parse_id_token(token, nonce=None) or person["claims"]
    return {
        "token": {**old, **token},
        "claims": claims,
        "userinfo": sinho.userinfo(token=token),
    }
# endregion


# region: logout
@app.post("/logout")
def logout():
    person = people.pop(session.pop("id", None), None)
    if person is None:
        return redirect("/", 303)
    return sinho.logout_redirect(SITE + "/", id_token_hint=person["token"]["id_token"])
# endregion


def enter(person):
    """A login gets a session of its own, so that nobody can have prepared it."""
    session["id"] = secrets.token_urlsafe(16)
    people[session["id"]] = person
    return redirect("/", 303)


@app.post("/refresh")
def refresh():
    return enter(refreshed(people.pop(session["id"])))


@app.get("/")
def home():
    return page(people.get(session.get("id")))


def page(person, status=200):
    def button(name, method="post"):
        return f'<form id="{name}" method="{method}" action="/{name}"><button>{name}</button></form>'

    text = "<!doctype html><title>site</title>"
    if person:
        known = json.dumps({"claims": person["claims"], "userinfo": person["userinfo"]}, ensure_ascii=False)
        known = known.replace("&", "&amp;").replace("<", "&lt;")
        text += f'<pre id="person">{known}</pre>' + button("refresh") + button("logout")
    return text + button("login", "get"), status


@app.errorhandler(Exception)
def failed(error):
    logging.error("login failed: %s", error)
    return page(None, 400)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # its access log would show codes
    print(f"ready {SITE}", flush=True)
    app.run(host="127.0.0.1", port=int(PORT))
