"""Who may train, delete and promote: everyone at the machine itself; from elsewhere, whom the secrets list as trainer.

An action asks `require_trainer` at the moment it is done. A button that is not drawn keeps nobody from acting: what a
browser sends need not come from the page that it was last shown, and the list of trainers may have changed since.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import streamlit as st
from streamlit import config, runtime

from imle.errors import Refusal

REQUIRE_SIGN_IN = "IMLE_REQUIRE_SIGN_IN"
AUTH_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
# The secret signs the cookie that says who somebody is; whoever guesses it is whom they like.
SHORTEST_COOKIE_SECRET = 32
PASSED_ON = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
ACTIONS = "training, deleting and promoting"


class NotAllowed(Refusal):
    """An action of somebody who may not do it; the message says why, and what would be right."""


class DamagedRoles(Refusal):
    """The secrets have a roles table that is none; the message says how it should look."""


def is_loopback(address: str | None) -> bool:
    """Whether what listens on, or is asked for as, `address` is reached from its own machine alone.

    So are localhost, 127.0.0.0/8 and ::1. Any other name is not, since it may stand for any address; nor is an empty
    address, which stands for all of them.
    """
    if (address or "").lower() == "localhost":
        return True
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def why_not_trainer() -> str | None:
    """Why the current user may not train, delete or promote, and what would be right; None where they may."""
    reason = _why_role_needed()
    if reason is None:
        return None
    if unfit := _unfit_auth():
        return f"{ACTIONS} are off, since {reason} and sign-in is not set up ({unfit}); docs/sign-in.md says how to set it up"
    if not who():
        return f"{ACTIONS} need the role trainer, since {reason}; press Sign in in the sidebar"
    try:
        trainer = _is_listed(_trainers())
    except DamagedRoles as error:
        return str(error)
    if trainer:
        return None
    return (
        f"{ACTIONS} need the role trainer, and the roles table in the secrets does not list {who()}, as whom you are "
        "signed in; ask whoever runs this server to add you"
    )


def require_trainer() -> None:
    """To be called by every action that trains, deletes or promotes. NotAllowed where the current user may not."""
    why = why_not_trainer()
    if why is not None:
        raise NotAllowed(why)


def who() -> str:
    """The name to record for the current user: a verified e-mail address, else `Ann Lee (sub)`; "" if not signed in."""
    if not sign_in_is_set_up() or st.user.get("is_logged_in") is not True:
        return ""
    if email := _verified_email():
        return email
    name, sub = " ".join(_claim("name").split()), _claim("sub")
    return f"{name} ({sub})" if name else sub


def sign_in_is_set_up() -> bool:
    """Whether the secrets say, in full, at which provider to sign in."""
    return not _unfit_auth()


def _why_role_needed() -> str | None:
    """What makes the current user somebody who may be anywhere; None for one at the machine itself."""
    if os.environ.get(REQUIRE_SIGN_IN, "").strip() not in ("", "0"):
        return f"{REQUIRE_SIGN_IN} is set"
    if not is_loopback(config.get_option("server.address")):
        return "this server can be reached from other machines"
    if not _asked_from_here():
        return "this page was opened through a proxy or under another name than localhost"
    return None


def _asked_from_here() -> bool:
    """Whether the browser asked for this machine by a loopback name, and nothing says that the request was passed on.

    That is not so behind a reverse proxy, which makes everyone's connection come from here, nor for a web site whose
    name was made to stand for 127.0.0.1 (DNS rebinding).
    """
    headers = st.context.headers
    if not headers:
        # A browser always sends some, and none are left once it has closed the page. AppTest has no browser.
        return not runtime.exists() or config.get_option("global.appTest")
    hosts, origins = headers.get_all("Host"), headers.get_all("Origin")
    asked = [*(f"//{host}" for host in hosts), *origins]
    # A browser names the origin of each websocket; a script may not, and a proxy's own Host hides where it is.
    return (
        bool(origins)
        and all(map(is_loopback, map(_host_in, asked)))
        and not any(header in headers for header in PASSED_ON)
    )


def _host_in(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _unfit_auth() -> str:
    """What the secrets' [auth] lacks for signing in, as words; empty where it lacks nothing."""
    auth = _secrets_section("auth")
    if not isinstance(auth, Mapping):
        return "the secrets have no [auth] that can be read"
    missing = [key for key in AUTH_KEYS if not (isinstance(auth.get(key), str) and auth[key].strip())]
    if missing:
        return f"[auth] in the secrets lacks {', '.join(missing)}"
    if len(auth["cookie_secret"]) < SHORTEST_COOKIE_SECRET:
        return f"the cookie_secret of [auth] is shorter than {SHORTEST_COOKIE_SECRET} characters"
    return ""


def _trainers() -> frozenset[str]:
    """Whom the secrets list as `trainer` in [roles], as `_is_listed` compares them. DamagedRoles for any other form."""
    roles = _secrets_section("roles")
    if roles is None:
        return frozenset()
    listed = roles.get("trainer", []) if isinstance(roles, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(entry, str) and entry.strip() for entry in listed):
        raise DamagedRoles(
            "the roles table in the secrets cannot be understood, so nobody has the role trainer; under [roles] it "
            'should have a list such as trainer = ["ann@lab.org"]'
        )
    return frozenset(_comparable(entry.strip()) for entry in listed)


def _is_listed(trainers: frozenset[str]) -> bool:
    """Whether the signed-in user is among them: an entry with an @ is an e-mail address, any other a `sub`.

    A `sub` with an @ never counts: at a provider where users choose it, it could be somebody else's address.
    """
    email, sub = _verified_email(), _claim("sub")
    return _comparable(email) in trainers or ("@" not in sub and sub in trainers)


def _verified_email() -> str:
    """The e-mail address of the signed-in user; empty where the provider does not say that it is theirs."""
    # Some providers write the claim as text.
    verified = st.user.get("email_verified")
    email = _claim("email")
    return email if "@" in email and (verified is True or verified == "true") else ""


def _comparable(entry: str) -> str:
    """E-mail addresses are the same in any case; beyond ASCII, different letters can have one lower case."""
    return entry.lower() if "@" in entry and entry.isascii() else entry


def _claim(name: str) -> str:
    """What the provider says of the signed-in user; empty where it says nothing, or no text."""
    value = st.user.get(name)
    return value.strip() if isinstance(value, str) else ""


def _secrets_section(name: str):
    """A section of the secrets; None where there is none, or where they cannot be read."""
    try:
        return st.secrets.get(name)
    except (OSError, ValueError):  # no file, no permission, no TOML
        return None
