"""Who is signed in, and the button to sign in or out; nothing where the secrets name no provider to sign in at."""

from __future__ import annotations

import streamlit as st

from dashboard import roles


def signed_in_lines() -> list[tuple[str, str]]:
    """The sidebar's line that names who is signed in; none where nobody is."""
    name = roles.who()
    return [("Signed in", name)] if name else []


def sign_in_button() -> None:
    """Draw Sign in, or Sign out for one who is; Streamlit does the rest with the provider."""
    if not roles.sign_in_is_set_up():
        return
    if roles.who():
        st.button("Sign out", on_click=st.logout, type="tertiary", key="sign_out")
    else:
        st.button("Sign in", on_click=st.login, type="tertiary", key="sign_in")
