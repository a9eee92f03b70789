"""The upload page with files written by other programs: each is read as on the explain page, or refused in one sentence."""

import re

import numpy as np
import pytest
from device_files import dicom, edf, signals_mv, table, wfdb
from playwright.sync_api import expect
from running import SHEET, seen_at_each_size, settled

from imle import read_ecg

pytestmark = pytest.mark.e2e

ECG = ".st-key-upload_choice"


@pytest.fixture
def upload(page, address):
    """The page, and how files given by name and content are put into it."""
    page.goto(f"{address}/upload")
    settled(page)

    def put(files: dict[str, bytes]) -> None:
        payload = [{"name": name, "mimeType": "", "buffer": content} for name, content in files.items()]
        page.locator(".st-key-upload_files input[type=file]").set_input_files(payload)

    return put


def refusals(page):
    return page.get_by_test_id("stAlert")


def test_a_wfdb_pair_is_read_measured_revealed_and_reported(page, upload):
    """What a clinician brings is read in the same way as a record of the data set."""
    upload(wfdb(signals_mv(1)).files)
    expect(page.locator(SHEET)).to_contain_text("25 mm/s · 10 mm/mV · filter off · 500 Hz")
    expect(page.locator(".measurements").first).to_contain_text(re.compile(r"HR \d+ bpm"))
    expect(refusals(page)).to_have_count(0)
    settled(page)
    page.keyboard.press("v")
    expect(page.locator(".st-key-opinions")).to_contain_text("This ECG came without a cardiologist's statements.")
    settled(page)
    expect(page.locator(SHEET)).to_contain_text("combined attention")
    page.get_by_role("button", name="Report").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PDF").click()
    assert waiting.value.path().read_bytes().startswith(b"%PDF-")


def test_several_files_are_read_at_once_and_a_wrong_one_is_refused_in_one_sentence(page, upload, tmp_path):
    """One bad file among good ones must not keep the others from being read."""
    written = edf(signals_mv(2)), dicom()
    upload({**written[0].files, **written[1].files, "holiday.txt": b"no ECG at all"})
    expect(page.locator(SHEET)).to_be_visible()
    settled(page)
    expect(refusals(page)).to_have_count(1)
    expect(refusals(page)).to_contain_text(re.compile(r"^File holiday\.txt: this is not an ECG file .*\.$"))
    rates = [f"{read_ecg(files.put(tmp_path), files.hints).fs_hz:g} Hz" for files in written]
    expect(page.locator(".st-key-record_bar")).to_contain_text(rates[0])
    first = page.locator(f"{SHEET} .scatterlayer .js-line").first.get_attribute("d")
    page.locator(ECG).get_by_role("combobox").click()
    page.get_by_role("option").nth(1).click()
    expect(page.locator(".st-key-record_bar")).to_contain_text(rates[1])
    settled(page)
    assert page.locator(f"{SHEET} .scatterlayer .js-line").first.get_attribute("d") != first


def test_a_table_without_rate_and_unit_is_asked_for_both(page, upload):
    """A guess at either would draw a wrong ECG at a scale that looks right."""
    bare = table(signals_mv(3), name="{}").files["record.csv"].decode().splitlines()
    upload({"record.csv": "\n".join(line.split(",", 1)[1] for line in bare).encode()})
    expect(refusals(page)).to_have_text("File record.csv does not state its sampling rate or unit; give them below.")
    expect(page.locator(SHEET)).to_have_count(0)
    page.get_by_label("Sampling rate, Hz").fill("500")
    page.keyboard.press("Enter")
    settled(page)
    page.locator(".st-key-given_unit").get_by_role("combobox").click()
    page.get_by_role("option", name="mV", exact=True).click()
    expect(page.locator(SHEET)).to_contain_text("500 Hz")
    expect(refusals(page)).to_have_count(0)


def test_a_device_s_raw_export_with_iec_names_is_read_step_by_step(page, upload):
    """What most carts export, counts under C1 to C6, must be read by what the page itself asks for, and the sheet stay whole."""
    mv = {lead: np.rint(signal * 200) for lead, signal in signals_mv(3).items()}
    text = table(mv, name="{}").files["record.csv"].decode()
    for n in range(1, 7):
        text = text.replace(f",V{n}", f",C{n}")
    upload({"export.csv": text.encode()})
    expect(refusals(page)).to_have_text("File export.csv does not state its unit; give it below.")
    settled(page)
    page.locator(".st-key-given_unit").get_by_role("combobox").click()
    page.get_by_role("option", name="raw counts", exact=True).click()
    expect(refusals(page)).to_have_text("File export.csv does not state its number of counts in 1 mV; give it below.")
    settled(page)
    page.locator(".st-key-given_per_mv input").fill("200")
    page.keyboard.press("Enter")
    seen_whole(page)
    page.locator(".st-key-person").get_by_role("button").first.click()
    page.get_by_label("Age, years").fill("63")
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_text("Female", exact=True).click()
    expect(page.locator(".st-key-record_bar")).to_contain_text("export · F 63 · 500 Hz")


def test_a_file_over_20_mb_is_refused_with_one_sentence(page, upload):
    """Nobody should wait for an upload that ends in a trace."""
    upload({"long.csv": bytes(20 * 2**20 + 1)})
    sentence = page.locator(".st-key-upload_files").get_by_text("File must be 20.0MB or smaller.")
    expect(sentence).to_be_visible()
    assert sentence.bounding_box()["width"] > 100  # Streamlit itself shows it to the pointer alone
    expect(page.locator(SHEET)).to_have_count(0)


def seen_whole(page):
    """The sheet is there, and the measurements under it lie in the window at each size."""
    expect(page.locator(SHEET)).to_be_visible()
    expect(page.locator(".measurements").first).to_be_visible()
    for height in seen_at_each_size(page):
        line = page.locator(".measurements").last.bounding_box()
        assert line["y"] + line["height"] <= height


def test_what_was_uploaded_is_there_again_after_another_page_until_it_is_removed(page, upload):
    """A look at the guidelines would cost the upload; what is shown in its place must not push the sheet down."""
    upload(edf(signals_mv(2)).files)
    expect(page.locator(SHEET)).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Records").click()
    expect(page.locator(".st-key-records_table")).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Upload").click()
    expect(page.get_by_text("Uploaded before: record.edf")).to_be_visible()
    seen_whole(page)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(SHEET)).to_have_count(0)


def test_a_file_taken_out_of_the_box_is_forgotten(page, upload):
    """An ECG that the user took away would show itself again."""
    upload(edf(signals_mv(2)).files)
    expect(page.locator(SHEET)).to_be_visible()
    settled(page)
    page.get_by_test_id("stFileChipDeleteBtn").get_by_role("button").click()
    expect(page.locator(SHEET)).to_have_count(0)
    expect(page.get_by_text("12 leads, 10 s or more")).to_be_visible()


def test_nothing_is_kept_after_the_session(page, upload, address):
    """The next visitor must not meet somebody's ECG."""
    upload(edf(signals_mv(2)).files)
    expect(page.locator(SHEET)).to_be_visible()
    settled(page)
    page.goto(f"{address}/upload")
    settled(page)
    expect(page.locator(".st-key-upload_box")).to_be_visible()
    expect(page.locator(SHEET)).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_uploaded_sheet_is_seen_whole_with_its_measurements(page, upload, scheme):
    """The files' own box stands above the sheet, and must not push it out of the window."""
    page.emulate_media(color_scheme=scheme)
    upload(wfdb(signals_mv(1)).files)
    seen_whole(page)
