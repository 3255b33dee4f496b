"""A foreign OpenID provider for tests: canaille on loopback, with user, password and consent on a page each.

Argument: one JSON object on the command line, {client, users, nonce}.
It prints `listening URL` when it is ready. Nothing outlives it: accounts and keys are in memory.
"""

import json
import secrets
import sys
from datetime import datetime, timezone
from threading import Lock

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

settings = json.loads(sys.argv[1])
app = create_app(
    {
        "SECRET_KEY": secrets.token_hex(32),
        # The address is not known before the port is: links follow the request's own host.
        "PREFERRED_URL_SCHEME": "http",
        # Its scripts send each field once more while it is typed, which races with a fast typist.
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "HTMX": False},
        "CANAILLE_OIDC": {
            # zot sends none, as a client of the code flow may (OpenID Connect Core, section 3.1.2.1).
            "REQUIRE_NONCE": settings.get("nonce", False),
            "ACTIVE_JWKS": [RSAKey.generate_key(2048, {"alg": "RS256", "use": "sig"}, auto_kid=True).as_dict(private=True)],
            # Otherwise clients on loopback are trusted, and nobody is asked for consent.
            "TRUSTED_DOMAINS": [],
        },
    }
)
with app.app_context(), Backend.instance.session():
    groups = {}
    for user in settings["users"]:
        account = models.User(
            user_name=user["name"],
            formatted_name=user["name"],
            family_name="Test",
            display_name=user["name"],
            emails=[f"{user['name']}@example.test"],
            password=user["password"],
        )
        Backend.instance.save(account)
        for group in user["groups"]:
            groups.setdefault(group, []).append(account)
    for name, members in groups.items():
        Backend.instance.save(models.Group(display_name=name, members=members))
    client = settings["client"]
    registry = models.Client(
        client_id=client["id"],
        client_secret=client["secret"],
        client_name="registry",
        client_id_issued_at=datetime.now(timezone.utc),
        redirect_uris=client["redirect_uris"],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
        id_token_signed_response_alg="RS256",
    )
    Backend.instance.save(registry)
    # Without it the token names no audience at all, and zot refuses it.
    registry.audience = [registry]
    Backend.instance.save(registry)

one_at_a_time = Lock()


def serve(environ, start_response):
    # Its memory is not made for threads; browsers keep idle connections open, so the server needs them.
    with one_at_a_time:
        return list(app(environ, start_response))


server = make_server("127.0.0.1", 0, serve, threaded=True)
# Its issuer ends with a slash, and issuers are compared as text.
print(f"listening http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
