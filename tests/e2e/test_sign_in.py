"""Signing in as a person does: a server that other machines could reach, a provider, a headless Chromium."""

import json
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from running import LOW_CONTRAST, ROOT, errors_of, serving, settled

from imle.model_folder import write_atomically

sys.path.insert(0, str(ROOT / "tests"))
from oidc_server import Provider, new_key

pytestmark = pytest.mark.e2e

PAGE = str(Path(__file__).with_name("page_with_an_action.py"))
# Reached in these tests as 127.0.0.1 alone; Streamlit puts its port into the address to return to.
ANYWHERE = ("--server.address", "0.0.0.0")
RETURN_TO = "http://127.0.0.1:{port}/oauth2callback"
# Streamlit looks at the secrets five times a second.
NOTICED_MS = 3000
TRAINERS = ["ann@lab.org"]
ANN = {"sub": "1", "name": "Ann Lee", "email": "ann@lab.org", "email_verified": True}
BOB = {"sub": "2", "name": "Bob Ray", "email": "bob@lab.org", "email_verified": True}


@pytest.fixture(scope="module")
def provider():
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def auth(provider) -> dict[str, str]:
    return provider.auth_section(RETURN_TO)


@pytest.fixture(scope="module")
def secrets_file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("secrets") / "secrets.toml"


@pytest.fixture(scope="module")
def address(auth, secrets_file):
    """A server that other machines could reach, with sign-in set up."""
    write(secrets_file, auth, TRAINERS)
    with serving(app=PAGE, options=(*ANYWHERE, "--secrets.files", str(secrets_file))) as address:
        yield address


@pytest.fixture
def visitor(browser):
    """A page of a person who was never here before, on which nothing may go wrong unsaid; the cookies are theirs alone."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    errors = errors_of(page)
    yield page
    context.close()
    assert errors == []


def write(path: Path, auth: dict[str, str], trainers: list[str]) -> None:
    lines = [f"{key} = {json.dumps(value)}" for key, value in auth.items()]
    write_atomically(path, "\n".join(["[auth]", *lines, "[roles]", f"trainer = {json.dumps(trainers)}", ""]))


def sign_in(page, provider, address: str, user: dict | None) -> None:
    """To the provider and back, whatever comes of it."""
    provider.user = user
    page.goto(address)
    with page.expect_response("**/oauth2callback?*"):
        page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")
    settled(page)


def train(page) -> None:
    page.get_by_role("button", name="Train").click()


def test_a_trainer_signs_in_trains_and_signs_out(visitor, provider, address):
    """Signing in that gives nobody the role, or signing out that leaves it, would both look like a working button."""
    sign_in(visitor, provider, address, ANN)
    expect(visitor.get_by_text("Signed in ann@lab.org")).to_be_visible()
    expect(visitor.get_by_test_id("stAlert")).to_have_count(0)
    train(visitor)
    expect(visitor.get_by_text("Trained for ann@lab.org")).to_be_visible()
    visitor.reload()
    expect(visitor.get_by_text("Signed in ann@lab.org")).to_be_visible()
    visitor.get_by_role("button", name="Sign out").click()
    expect(visitor.get_by_role("button", name="Sign in")).to_be_visible()
    train(visitor)
    expect(visitor.get_by_text("Refused: training, deleting and promoting need the role trainer")).to_be_visible()


@pytest.mark.parametrize(
    ("user", "name"), [(BOB, "bob@lab.org"), (ANN | {"sub": "3", "email_verified": False}, "Ann Lee (3)")]
)
def test_somebody_without_the_role_is_refused(visitor, provider, address, user, name):
    """Whoever has an account at the provider, or writes a trainer's address into it, would be a trainer."""
    sign_in(visitor, provider, address, user)
    expect(visitor.get_by_text(f"Signed in {name}")).to_be_visible()
    expect(visitor.get_by_test_id("stAlert")).to_contain_text(f"does not list {name}")
    train(visitor)
    expect(visitor.get_by_text("Refused: ")).to_contain_text(f"does not list {name}")


def test_who_is_not_signed_in_is_refused_and_asked_to(visitor, address):
    """The page would act for everybody in the network, or leave them guessing."""
    visitor.goto(address)
    expect(visitor.get_by_test_id("stAlert")).to_contain_text("press Sign in in the sidebar")
    train(visitor)
    expect(visitor.get_by_text("Refused: ")).to_contain_text("press Sign in")


def test_whom_the_provider_turns_away_is_not_signed_in(visitor, provider, address):
    """A denial would leave a blank page, or somebody signed in as nobody."""
    sign_in(visitor, provider, address, None)
    expect(visitor.get_by_test_id("stAlert")).to_contain_text("press Sign in")
    expect(visitor.get_by_text("Signed in")).to_have_count(0)


@pytest.mark.parametrize(
    "forged",
    [
        {"nonce": "another"},
        *(pytest.param(claim, marks=pytest.mark.slow) for claim in ({"aud": "another"}, {"iss": "http://127.0.0.1:1"})),
        {"exp": 1},
        "signature",
    ],
    ids=str,
)
def test_a_token_that_is_not_the_providers_for_this_visit_signs_nobody_in(
    visitor, provider, address, forged, monkeypatch
):
    """Streamlit leaves it to Authlib to look: a version that did not would sign in whoever can write a token."""
    if forged == "signature":
        monkeypatch.setattr(provider, "signing_key", new_key())
    sign_in(visitor, provider, address, ANN | (forged if isinstance(forged, dict) else {}))
    expect(visitor.get_by_test_id("stAlert")).to_contain_text("press Sign in")
    expect(visitor.get_by_text("Signed in")).to_have_count(0)


def test_a_cookie_that_was_written_by_hand_signs_nobody_in(visitor, provider, address):
    """The cookie says who somebody is: one that is believed unsigned makes anybody a trainer."""
    sign_in(visitor, provider, address, BOB)
    expect(visitor.get_by_text("Signed in bob@lab.org")).to_be_visible()
    cookie = next(cookie for cookie in visitor.context.cookies() if cookie["name"] == "_streamlit_user")
    visitor.context.add_cookies([cookie | {"value": cookie["value"][:-2] + "AA"}])
    visitor.reload()
    expect(visitor.get_by_test_id("stAlert")).to_contain_text("press Sign in")


def test_a_role_is_lost_with_the_next_line_of_the_secrets(visitor, provider, address, auth, secrets_file):
    """Whoever leaves the table would train on, on a page that stays open, until somebody restarts the server."""
    sign_in(visitor, provider, address, ANN)
    expect(visitor.get_by_text("Signed in ann@lab.org")).to_be_visible()
    try:
        write(secrets_file, auth, ["someone.else@lab.org"])
        visitor.wait_for_timeout(NOTICED_MS)
        train(visitor)
        expect(visitor.get_by_text("Refused: ")).to_contain_text("does not list ann@lab.org")
    finally:
        write(secrets_file, auth, TRAINERS)


def test_without_sign_in_the_actions_of_an_open_server_are_off(visitor, tmp_path):
    """A server opened to the network in a hurry would be everybody's to delete from."""
    with serving(app=PAGE, options=(*ANYWHERE, "--secrets.files", str(tmp_path / "none.toml"))) as address:
        visitor.goto(address)
        expect(visitor.get_by_test_id("stAlert")).to_contain_text("are off, since this server can be reached")
        expect(visitor.get_by_role("button", name="Sign in")).to_have_count(0)
        train(visitor)
        expect(visitor.get_by_text("Refused: ")).to_be_visible()


def test_at_the_machine_itself_nobody_is_asked_but_a_renamed_one_is(visitor, tmp_path):
    """A web site whose name is made to stand for 127.0.0.1 would train and delete through the visitor's own browser."""
    with serving(app=PAGE, options=("--secrets.files", str(tmp_path / "none.toml"))) as address:
        visitor.goto(address)
        train(visitor)
        expect(visitor.get_by_text("Trained for nobody in particular")).to_be_visible()
        expect(visitor.get_by_test_id("stAlert")).to_have_count(0)
        visitor.goto(address.replace("127.0.0.1", "rebound.localhost"))
        expect(visitor.get_by_test_id("stAlert")).to_contain_text("under another name than localhost")
        train(visitor)
        expect(visitor.get_by_text("Refused: ")).to_be_visible()


def test_the_dashboard_itself_signs_in_and_stays_legible(browser, provider, auth, secrets_file):
    """The control would work on a page made for it and be lost, or too pale to read, among the sidebar's lines."""
    write(secrets_file, auth, TRAINERS)
    with serving(options=(*ANYWHERE, "--secrets.files", str(secrets_file))) as address:
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
            page = context.new_page()
            sign_in(page, provider, address, ANN)
            expect(page.get_by_text("Signed in ann@lab.org")).to_be_visible()
            settled(page)
            assert page.evaluate(LOW_CONTRAST) == []
            page.get_by_role("link", name="Explain").click()
            settled(page)
            expect(page.get_by_role("button", name="Sign out")).to_be_visible()
            context.close()
