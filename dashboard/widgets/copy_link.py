"""A button that copies the page's address, which restores what is on the screen."""

import streamlit as st

HTML = '<button type="button" aria-live="polite">Copy link</button>'
CSS = """
button {
  font: inherit; font-size: 12.25px; height: 35px; padding: 0 12px; cursor: pointer; white-space: nowrap;
  color: var(--st-text-color); background: var(--st-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 4px);
}
button:hover, button:focus-visible { color: var(--st-primary-color); border-color: var(--st-primary-color); }
"""
# The clipboard is closed to pages that are neither local nor encrypted; there the address is put into a field's selection.
JS = """
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.body.appendChild(document.createElement("textarea"));
    field.value = text;
    field.select();
    document.execCommand("copy");
    field.remove();
  };
  button.onclick = async () => {
    try {
      await copy(window.location.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy link"), 1500);
  };
}
"""


def copy_link() -> None:
    """Draw the button."""
    st.components.v2.component("copy_link", html=HTML, css=CSS, js=JS)(
        key="copy_link", width="content", height="content"
    )
