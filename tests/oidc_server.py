"""A small OpenID Connect provider on 127.0.0.1 that signs in whom a test says, without asking for a password.

It does what a provider must for the code flow: the discovery document, `authorize` with its redirect, the exchange of a
code for an RS256 id_token with nonce and PKCE (S256), and its public key. What a real one refuses, it refuses.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "workbench", "a secret of the workbench alone"
DISCOVERY = "/.well-known/openid-configuration"
LASTS_S = 300


@dataclass(frozen=True)
class Grant:
    """What a code was given for, and to whom."""

    redirect_uri: str
    nonce: str
    challenge: str
    claims: dict


def new_key() -> RSAKey:
    """A key to sign with; all have the same name."""
    return RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256", "use": "sig"})


class Provider:
    """The provider while the `with` block runs.

    user: the claims of whoever signs in next, over those of the provider itself; None: it denies everybody.
    key: what it publishes. signing_key: what it signs with, which is another where a test forges its tokens.
    """

    def __init__(self):
        self.user: dict | None = None
        self.grants: dict[str, Grant] = {}
        self.key = self.signing_key = new_key()
        provider = self

        class Handler(_Handler):
            def __init__(self, *args):
                self.provider = provider
                super().__init__(*args)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.metadata_url = self.issuer + DISCOVERY

    def __enter__(self) -> Provider:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    def auth_section(self, redirect_uri: str) -> dict[str, str]:
        """[auth] of the secrets of an app that signs in here."""
        return {
            "redirect_uri": redirect_uri,
            "cookie_secret": secrets.token_hex(32),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "server_metadata_url": self.metadata_url,
        }

    def metadata(self) -> dict:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "profile"],
        }

    def authorize(self, asked: dict[str, str]) -> str | None:
        """Where to send the browser, with a code or with the denial; None for a request that no provider follows."""
        if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code":
            return None
        if "openid" not in asked.get("scope", "").split() or asked.get("code_challenge_method") != "S256":
            return None
        if self.user is None:
            answer = {"error": "access_denied"}
        else:
            answer = {"code": secrets.token_urlsafe(16)}
            self.grants[answer["code"]] = Grant(
                asked["redirect_uri"], asked["nonce"], asked["code_challenge"], dict(self.user)
            )
        return f"{asked['redirect_uri']}?{urlencode(answer | {'state': asked['state']})}"

    def token(self, asked: dict[str, str], authorization: str) -> dict | None:
        """The tokens for a code, once; None for a wrong secret, code, address or verifier."""
        right = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        grant = self.grants.pop(asked.get("code", ""), None)
        if grant is None or authorization != f"Basic {right}" or asked.get("redirect_uri") != grant.redirect_uri:
            return None
        if _challenge(asked.get("code_verifier", "")) != grant.challenge:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + LASTS_S, "nonce": grant.nonce}
        id_token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims | grant.claims, self.signing_key)
        access_token = secrets.token_urlsafe(16)
        return {"access_token": access_token, "token_type": "Bearer", "expires_in": LASTS_S, "id_token": id_token}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == DISCOVERY:
            self._json(self.provider.metadata())
        elif url.path == "/jwks":
            self._json(KeySet([self.provider.key]).as_dict(private=False))
        elif url.path == "/authorize":
            self._redirect(self.provider.authorize(_single(url.query)))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        asked = _single(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if urlsplit(self.path).path != "/token" or asked.get("grant_type") != "authorization_code":
            self.send_error(404)
            return
        tokens = self.provider.token(asked, self.headers.get("Authorization", ""))
        self._json(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)

    def _json(self, answer: dict, status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, address: str | None) -> None:
        if address is None:
            self.send_error(400)
            return
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        """Say nothing."""


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
