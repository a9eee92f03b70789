"""Who may train, delete and promote: at the machine itself, from elsewhere, behind a proxy, signed in or not."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit import config
from streamlit.runtime.context import StreamlitHeaders
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.util import build_mock_config_get_option

from dashboard import roles
from dashboard.roles import NotAllowed, is_loopback, require_trainer, who, why_not_trainer
from imle.errors import Refusal

ROOT = Path(__file__).parents[1]
ANYWHERE, HERE = "0.0.0.0", "127.0.0.1"
AUTH = {
    "redirect_uri": "https://ecg.lab.org/oauth2callback",
    "cookie_secret": "0123456789abcdef0123456789abcdef",
    "client_id": "workbench",
    "client_secret": "secret",
    "server_metadata_url": "https://id.lab.org/.well-known/openid-configuration",
}
ROLES = {"trainer": ["Ann@lab.org", "248289761001"]}
SECRETS = {"auth": AUTH, "roles": ROLES}
ANN = {"is_logged_in": True, "sub": "1", "email": "ann@lab.org", "email_verified": True, "name": "Ann Lee"}


class Unreadable(dict):
    """Secrets as Streamlit gives them where there is no file, or one that is no TOML."""

    def get(self, key, default=None):
        raise FileNotFoundError("No secrets found")


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    """Whoever runs the tests may have it set."""
    monkeypatch.delenv(roles.REQUIRE_SIGN_IN, raising=False)


@pytest.fixture
def listening(monkeypatch):
    """Lets the server listen on an address."""
    return lambda address: monkeypatch.setattr(
        config, "get_option", build_mock_config_get_option({"server.address": address})
    )


@pytest.fixture
def asked(monkeypatch):
    """Lets a browser ask with these headers, of a server on 127.0.0.1."""

    def ask(**headers: str) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        monkeypatch.setattr(st, "context", SimpleNamespace(headers=StreamlitHeaders(named)))

    return ask


@pytest.fixture
def visitor(monkeypatch, listening):
    """Somebody who is not at the machine: who they are signed in as, and what the secrets say."""
    listening(ANYWHERE)

    def visit(user: dict | None = None, secrets: dict = SECRETS) -> None:
        monkeypatch.setattr(st, "user", user or {"is_logged_in": False})
        monkeypatch.setattr(st, "secrets", secrets)

    return visit


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "localhost", "LocalHost", "::1"])
def test_an_address_of_this_machine_alone_is_loopback(address):
    """Everyone at their own machine would be asked to sign in somewhere before they could train."""
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        None, "", " ", "0.0.0.0", "::", "192.168.1.4", "10.0.0.1", "128.0.0.1", "ecg.lab.org", "localhost.lab.org",
        "127.0.0.1.lab.org", "127.1", "fe80::1", "unix:///run/imle.sock", "8501",
    ],
)  # fmt: skip
def test_any_other_address_is_not(address):
    """A server taken for local by mistake lets the whole network delete its runs."""
    assert not is_loopback(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_at_the_machine_itself_everyone_may_do_everything(listening, visitor, address):
    """The default would need a provider for sign-in before anything could be trained."""
    visitor(None, {})
    listening(address)
    assert why_not_trainer() is None
    require_trainer()


def test_the_shipped_settings_listen_on_this_machine_alone():
    """With another default, `make run` would show the actions switched off, or worse, let everybody in."""
    assert is_loopback(config.get_option("server.address"))


@pytest.mark.parametrize("address", ["", None, "0.0.0.0", "::", "ecg.lab.org"])
def test_elsewhere_without_sign_in_nobody_may(listening, visitor, address):
    """An open server would be everybody's to train on, and to delete from."""
    visitor(None, {})
    listening(address)
    why = why_not_trainer()
    assert "can be reached from other machines" in why and "no [auth]" in why and "docs/sign-in.md" in why
    with pytest.raises(NotAllowed, match="are off"):
        require_trainer()


def test_a_refusal_is_a_refusal():
    """The pages show a Refusal as its sentence, and anything else as a failure."""
    assert issubclass(NotAllowed, Refusal)


@pytest.mark.parametrize(
    ("secrets", "named"),
    [
        (Unreadable(), "no [auth]"),
        ({"auth": "yes"}, "no [auth]"),
        ({"auth": {}}, "redirect_uri, cookie_secret, client_id, client_secret, server_metadata_url"),
        ({"auth": AUTH | {"client_id": " "}}, "lacks client_id"),
        ({"auth": AUTH | {"client_secret": 7}}, "lacks client_secret"),
        ({"auth": AUTH | {"cookie_secret": "xxx"}}, "shorter than 32"),
    ],
)
def test_half_a_sign_in_is_none_and_says_what_it_lacks(visitor, secrets, named):
    """With a cookie secret that can be guessed anybody signs in as anybody; with a missing key nobody can at all."""
    visitor(ANN, secrets | {"roles": ROLES} if not isinstance(secrets, Unreadable) else secrets)
    assert named in why_not_trainer()
    assert who() == "" and not roles.sign_in_is_set_up()


@pytest.mark.parametrize("user", [None, {}, {"is_logged_in": False}, ANN | {"is_logged_in": "yes"}])
def test_who_is_not_signed_in_is_asked_to(visitor, user):
    """They would be told to ask for a role that they may well have."""
    visitor(user)
    assert "press Sign in" in why_not_trainer() and who() == ""


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": "ANN@LAB.ORG "},
        {"email_verified": "true"},
        {"email": None, "sub": "248289761001"},
        {"email_verified": False, "sub": "248289761001"},
    ],
)
def test_a_trainer_may(visitor, claims):
    """Whom the table lists by e-mail address, in any case, or by the provider's own number, has the role."""
    visitor(ANN | claims)
    assert why_not_trainer() is None
    require_trainer()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "bob@lab.org"},
        {"email": "nn@lab.org"},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email": "", "sub": ""},
        {"email": None},
        {"email": None, "sub": "ann@lab.org"},
        {"email": None, "sub": "24828976100"},
        {"email": None, "name": "ann@lab.org", "preferred_username": "ann@lab.org"},
        {"email": "248289761001"},
    ],
)
def test_anyone_else_may_not(visitor, claims):
    """Where a provider lets users write any address, or choose their `sub` or name, they would choose a trainer's."""
    visitor(ANN | claims)
    with pytest.raises(NotAllowed):
        require_trainer()


def test_letters_that_share_a_lower_case_do_not_share_a_role(visitor):
    """The Kelvin sign in small letters is a k: whoever registered such an address would be Kim."""
    visitor(ANN | {"email": "\u212aim@lab.org"}, {"auth": AUTH, "roles": {"trainer": ["kim@lab.org"]}})
    assert why_not_trainer() is not None


def test_the_refusal_names_whom_it_refuses(visitor):
    """Signed in with the wrong one of two accounts, one would look for the fault in the roles table."""
    visitor(ANN | {"email": "bob@lab.org"})
    assert "does not list bob@lab.org" in why_not_trainer()
    visitor(ANN | {"email_verified": False})
    assert "does not list Ann Lee (1)" in why_not_trainer()


@pytest.mark.parametrize("table", [None, {}, {"trainer": []}, {"reader": ["ann@lab.org"]}])
def test_without_a_list_nobody_has_the_role(visitor, table):
    """A forgotten table must not mean everybody."""
    visitor(ANN, {"auth": AUTH} if table is None else {"auth": AUTH, "roles": table})
    assert "does not list ann@lab.org" in why_not_trainer()


@pytest.mark.parametrize(
    "table",
    [
        "ann@lab.org", ["ann@lab.org"], 3, True,
        {"trainer": "ann@lab.org"}, {"trainer": {"ann@lab.org": True}}, {"trainer": True},
        {"trainer": ["ann@lab.org", 7]}, {"trainer": ["ann@lab.org", ""]},
    ],
)  # fmt: skip
def test_a_malformed_table_gives_nobody_the_role_and_says_so(visitor, table):
    """Text instead of a list would be searched for any part of it; an error would take the page down."""
    visitor(ANN, {"auth": AUTH, "roles": table})
    why = why_not_trainer()
    assert "cannot be understood" in why and "[roles]" in why
    with pytest.raises(NotAllowed):
        require_trainer()


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({}, "ann@lab.org"),
        ({"email_verified": False}, "Ann Lee (1)"),
        ({"email": None, "name": " Ann\n Lee "}, "Ann Lee (1)"),
        ({"email": None, "name": None}, "1"),
        ({"email": 3, "name": ["Ann"]}, "1"),
    ],
)
def test_a_run_is_recorded_as_of_whom_the_provider_vouches_for(visitor, claims, name):
    """An address that is not verified would put somebody else's name on a run."""
    visitor(ANN | claims)
    assert who() == name


@pytest.mark.parametrize(("value", "needed"), [("1", True), ("yes", True), ("0", False), ("", False), (" ", False)])
def test_the_setting_makes_the_role_needed_on_loopback_too(monkeypatch, listening, visitor, value, needed):
    """Behind a reverse proxy all the world comes from 127.0.0.1."""
    visitor(None, {})
    listening(HERE)
    monkeypatch.setenv(roles.REQUIRE_SIGN_IN, value)
    assert (why_not_trainer() is not None) == needed
    if needed:
        assert "IMLE_REQUIRE_SIGN_IN is set" in why_not_trainer()
        visitor(ANN)
        assert why_not_trainer() is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:8501", "Origin": "http://127.0.0.1:8501"},
        {"Host": "localhost:8501", "Origin": "http://localhost:8501"},
        {"Host": "[::1]:8501", "Origin": "http://[::1]:8501"},
        {"Host": "localhost", "Origin": "http://127.0.0.1"},
    ],
)
def test_a_browser_at_the_machine_itself_needs_no_role(listening, asked, headers):
    """The page would be switched off for whoever opens it as the terminal says."""
    listening(HERE)
    asked(**headers)
    assert why_not_trainer() is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "ecg.lab.org", "Origin": "https://ecg.lab.org"},
        {"Host": "127.0.0.1:8501", "Origin": "https://ecg.lab.org"},
        {"Host": "127.0.0.1:8501", "Origin": "null"},
        {"Host": "127.0.0.1:8501"},
        {"Host": "127.0.0.1:8501", "X_Forwarded_For": "10.0.0.7"},
        {"Host": "127.0.0.1:8501", "Forwarded": "for=10.0.0.7"},
        {"Host": "rebound.example:8501", "Origin": "http://rebound.example:8501"},
        {"Host": "[", "Origin": "http://["},
    ],
)
def test_a_request_that_was_passed_on_needs_the_role(listening, asked, headers):
    """A proxy that somebody put before the server, or a web site that rebinds its name, would act as if at the machine.

    So would a script, which names no origin, behind a proxy that tells its own address as the host.
    """
    listening(HERE)
    asked(**headers)
    assert "through a proxy or under another name" in why_not_trainer()


def test_a_page_that_its_browser_closed_is_not_taken_for_one_at_the_machine(listening, asked, monkeypatch):
    """Without its headers nothing tells where it was opened: one would act through a proxy, and hang up at once."""
    listening(HERE)
    asked()
    monkeypatch.setattr("streamlit.runtime.exists", lambda: True)
    assert why_not_trainer() is not None


def page_with_an_action():
    """Draws its button whatever the role, as a page does that was opened before the role was lost."""
    import streamlit as st

    from dashboard.roles import require_trainer, who
    from dashboard.widgets.frame import refuse
    from imle.errors import Refusal

    def train():
        try:
            require_trainer()
            st.session_state["trained"] = who()
        except Refusal as error:
            st.session_state["refused"] = error

    st.button("Train", on_click=train)
    if "refused" in st.session_state:
        refuse(st.session_state["refused"])


@pytest.fixture
def trained(listening):
    """Presses Train, on a server that listens on `address`, as `user`; what came of it."""

    def press(address: str, user: dict | None = None, secrets: dict | None = None) -> AppTest:
        listening(address)
        app = AppTest.from_function(page_with_an_action)
        app.secrets, app.user = secrets or {}, user or {}
        app = app.run().button[0].click().run()
        assert not app.exception
        return app

    return press


@pytest.mark.parametrize(("address", "user", "secrets"), [(HERE, None, None), (ANYWHERE, ANN, SECRETS)])
def test_an_action_is_done_for_whom_it_may(trained, address, user, secrets):
    """A check that refuses everybody would pass every test of refusing."""
    app = trained(address, user, secrets)
    assert app.session_state["trained"] == (user or {}).get("email", "") and not app.warning


@pytest.mark.parametrize(
    ("user", "secrets", "sentence"),
    [
        (None, None, "sign-in is not set up"),
        (None, SECRETS, "press Sign in"),
        (ANN | {"email": "bob@lab.org"}, SECRETS, "does not list bob@lab.org"),
    ],
)
def test_an_action_without_the_role_is_refused_when_it_is_done(trained, user, secrets, sentence):
    """Hiding a button keeps nobody from sending its click."""
    app = trained(ANYWHERE, user, secrets)
    assert "trained" not in app.session_state
    assert sentence in app.warning[0].value.replace("\\", "")


def test_a_role_that_was_taken_away_no_longer_acts(listening):
    """On a page that was opened before, the button is still there."""
    listening(ANYWHERE)
    app = AppTest.from_function(page_with_an_action)
    app.secrets, app.user = SECRETS, ANN
    app.run()
    app.secrets = SECRETS | {"roles": {"trainer": ["bob@lab.org"]}}
    app.button[0].click().run()
    assert "trained" not in app.session_state and "does not list" in app.warning[0].value


def sidebar_alone():
    from dashboard.widgets.frame import sidebar

    sidebar()


@pytest.fixture
def sidebar(tiny_ptbxl, monkeypatch):
    """The sidebar's lines and buttons."""
    monkeypatch.setenv("IMLE_DATA_DIR", str(tiny_ptbxl))

    def draw(user: dict, secrets: dict) -> tuple[str, list[str]]:
        app = AppTest.from_function(sidebar_alone, default_timeout=60)
        app.secrets, app.user = secrets, user
        app.run()
        assert not app.exception
        lines = "\n".join(line.value.replace("\\", "") for line in app.sidebar.markdown)
        return lines, [button.label for button in app.sidebar.button]

    return draw


def test_the_sidebar_offers_signing_in_only_where_one_can(sidebar):
    """A button that leads nowhere, on every page of everyone's own machine."""
    assert sidebar({}, {})[1] == []
    assert sidebar({}, {"auth": AUTH | {"client_id": ""}})[1] == []
    assert sidebar({}, SECRETS)[1] == ["Sign in"]


def test_the_sidebar_names_who_is_signed_in(sidebar):
    """One would not know under which account a run is started, nor how to leave it."""
    lines, buttons = sidebar(ANN, SECRETS)
    assert ":gray[Signed in] ann@lab.org" in lines and buttons == ["Sign out"]
    assert "Signed in" not in sidebar({}, SECRETS)[0]


def test_no_page_loads_what_signing_in_needs():
    """The first page would wait for a library that most servers never use."""
    code = (
        "import sys, dashboard.roles, dashboard.widgets.frame\n"
        "print([name for name in ('authlib', 'joserfc', 'httpx2', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
