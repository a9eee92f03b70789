"""The upload page, run by Streamlit's AppTest: what it says of an ECG, and how long it keeps it."""

from pathlib import Path

import edfio
import numpy as np
import pytest
from device_files import SCRAMBLED, edf, signals_mv, table
from made_up import made_up_ecg
from streamlit.testing.v1 import AppTest

from dashboard.state import OF_UPLOAD, UPLOADS_READ
from dashboard.subject import subject_of_upload
from imle import LEADS, Ecg
from imle.explain.criteria import Patient
from imle.formats import Hints
from imle.formats.about import with_person

APP = str(Path(__file__).parents[1] / "dashboard" / "app.py")
UPLOAD, RECORDS = "../pages/upload.py", "../pages/records.py"
MV = signals_mv(2, 100)
ONE = edf(MV, 100).files["record.edf"]
OTHER = edf(signals_mv(3, 500)).files["record.edf"]
ANONYMOUS = edf(MV, 100, patient=None).files["record.edf"]
OTHER_ANONYMOUS = edf(signals_mv(3, 100), 100, patient=None).files["record.edf"]


@pytest.fixture
def page(tiny_ptbxl, monkeypatch) -> AppTest:
    """The upload page before any file."""
    monkeypatch.delenv("IMLE_MODEL", raising=False)
    monkeypatch.setenv("IMLE_DATA_DIR", str(tiny_ptbxl))
    return AppTest.from_file(APP, default_timeout=120).run().switch_page(UPLOAD).run()


def put(page: AppTest, suffix: str = "edf", **files: bytes) -> None:
    """Run the page with these files, by name without suffix, in its uploader, in place of those that were in it."""
    page.file_uploader[0].set_value([(f"{name}.{suffix}", content, "") for name, content in files.items()]).run()


def leave_and_return(page: AppTest) -> None:
    page.switch_page(RECORDS).run()
    page.switch_page(UPLOAD).run()
    assert page.file_uploader[0].value == []


def texts(page: AppTest) -> str:
    """What the page says, without Markdown's escapes; a page must never raise."""
    assert not page.exception
    return "\n".join(element.value.replace("\\", "") for element in page.markdown)


def sheets(page: AppTest) -> int:
    return len(page.get("plotly_chart"))


def remove_button(page: AppTest):
    return next((button for button in page.button if button.label == "Remove"), None)


def assert_nothing_is_kept(page: AppTest) -> None:
    assert not sheets(page) and not page.warning and remove_button(page) is None
    assert "12 leads, 10 s or more" in texts(page)
    assert not any(key in page.session_state for key in (UPLOADS_READ, OF_UPLOAD))


def test_the_first_line_says_of_how_much_the_ten_seconds_are(page):
    """Ten seconds of a longer recording would be read as all of it, and their heart rate as its heart rate."""
    put(page, short=ONE)
    assert "100 Hz**" in texts(page)
    long_mv = dict(zip(LEADS, made_up_ecg(2, 100, seconds=30), strict=True))
    put(page, long=edf(long_mv, 100).files["record.edf"])
    assert "100 Hz · first 10 s of 30 s**" in texts(page)


def test_an_ecg_that_calls_itself_simulated_is_marked(page):
    """A made-up ECG would be read, reported and remembered as a patient's."""
    put(page, ecg=ONE)
    assert "Simulated ECGs, not patients" not in texts(page)
    put(page, ecg=edf(MV, 100, recording=edfio.Recording(equipment_code="simulated")).files["record.edf"])
    assert "Simulated ECGs, not patients" in texts(page)


def test_what_was_uploaded_is_there_again_after_another_page(page):
    """A look at the guidelines would cost the upload, and the choice among several files."""
    put(page, one=ONE, other=OTHER, letter=b"no ECG")
    page.selectbox(key="upload_choice").set_value("other.edf").run()
    assert len(page.warning) == 1 and "500 Hz" in texts(page)
    leave_and_return(page)
    assert sheets(page) == 1 and not page.warning
    assert "Uploaded before: one.edf, other.edf]" in texts(page) and "500 Hz" in texts(page)
    assert page.selectbox(key="upload_choice").value == "other.edf"
    leave_and_return(page)
    assert sheets(page) == 1


def test_the_ecg_that_was_just_added_is_the_one_on_the_page(page):
    """The sheet of the one before would be read as that of the patient whose file was just put in."""
    put(page, one=ONE)
    put(page, one=ONE, other=OTHER)
    assert page.selectbox(key="upload_choice").value == "other.edf" and "500 Hz" in texts(page)
    page.selectbox(key="upload_choice").set_value("one.edf").run()
    assert "100 Hz" in texts(page)
    put(page, one=ONE, other=OTHER, letter=b"no ECG")
    assert page.selectbox(key="upload_choice").value == "one.edf"


def test_facts_that_were_typed_are_not_asked_for_again(page):
    """Rate and unit would have to be typed at every return."""
    put(page, table=table(MV, 100, name="{}").files["record.csv"])
    assert len(page.warning) == 1 and not sheets(page)
    page.selectbox(key="given_unit").set_value("mV").run()
    assert sheets(page) == 1
    leave_and_return(page)
    assert sheets(page) == 1 and not page.warning


def test_raw_counts_are_read_with_the_number_that_makes_a_millivolt(page):
    """A table as most devices export it, in counts, would be refused in every unit that can be chosen."""
    counts = {lead: np.rint(signal * 200) for lead, signal in MV.items()}
    put(page, table=table(counts, 100, name="{}").files["record.csv"])
    page.selectbox(key="given_unit").set_value("mV").run()
    assert "choose another below, or raw counts and how many of them make 1 mV" in page.warning[0].value
    page.selectbox(key="given_unit").set_value("raw counts").run()
    assert page.warning[0].value.endswith("does not state its number of counts in 1 mV; give it below.")
    page.number_input(key="given_per_mv").set_value(200.0).run()
    assert sheets(page) == 1 and not page.warning


def test_signals_of_no_lead_s_name_can_be_named(page):
    """A file of CH1 to CH12 would be refused with nothing to be done about it."""
    names = {lead: f"CH{n}" for n, lead in enumerate(LEADS, 1)}
    content = table(MV, 100).files["record.csv"].decode()
    for lead, name in names.items():
        content = content.replace(f",{lead} (", f",{name} (")
    put(page, "csv", table=content.encode())
    assert "name its signals in their order below" in page.warning[0].value and not sheets(page)
    page.text_input(key="given_leads").set_value(" ".join(SCRAMBLED)).run()
    assert sheets(page) == 1
    assert [warning.value for warning in page.warning] == ["The leads were named by hand, not by the file."]


def tell(page: AppTest, age: int, sex: str) -> None:
    page.number_input[0].set_value(age).run()
    sex_field(page).set_value(sex).run()


def sex_field(page: AppTest):
    return next((group for group in page.button_group if group.options == ["Female", "Male"]), None)


def test_age_and_sex_are_told_of_one_patient(page):
    """Criteria that differ by them could not be judged; told of one ECG they must not stick to the next patient's."""
    put(page, one=ANONYMOUS)
    tell(page, 63, "F")
    assert "one · F 63 · " in texts(page)
    leave_and_return(page)
    assert "one · F 63 · " in texts(page)
    put(page, one=ANONYMOUS, other=OTHER_ANONYMOUS)
    assert "other · 2020" in texts(page)
    tell(page, 40, "M")
    page.selectbox(key="upload_choice").set_value("one.edf").run()
    assert "one · F 63 · " in texts(page)
    page.file_uploader[0].clear().run()
    put(page, one=ANONYMOUS)
    assert "one · 2020" in texts(page)


def test_criteria_go_by_what_was_told():
    """The panel would say `sex not known` beside a header that shows the sex."""
    told = with_person(Ecg(made_up_ecg(1), 500), Hints(age=63, sex="f").person)
    assert subject_of_upload(told).patient == Patient("F", 63)


def test_an_age_that_cannot_be_is_refused_in_one_sentence(page):
    """A slip of the finger would stand in the report."""
    put(page, one=ANONYMOUS)
    page.number_input[0].set_value(430).run()
    assert [warning.value for warning in page.warning] == ["The age is 430 years; 0 to 130 can be given."]
    assert "one · 2020" in texts(page) and sheets(page) == 1


def test_age_and_sex_are_not_asked_for_where_the_file_states_them(page):
    """What is given would change nothing, since what a file states wins."""
    put(page, one=ONE)
    assert "one · F 70 · " in texts(page) and not page.number_input and sex_field(page) is None


def test_remove_leaves_nothing_of_what_was_uploaded(page):
    """The next to sit at this screen would find somebody's ECG, and the session would keep what was computed of it."""
    put(page, one=ONE)
    leave_and_return(page)
    assert OF_UPLOAD in page.session_state
    remove_button(page).click().run()
    assert_nothing_is_kept(page)
    leave_and_return(page)
    assert_nothing_is_kept(page)


def test_files_taken_out_by_hand_are_forgotten(page):
    """An ECG that the user took away would show itself again, at once or when the page is opened next."""
    put(page, one=ONE)
    page.file_uploader[0].clear().run()
    assert_nothing_is_kept(page)
    leave_and_return(page)
    assert_nothing_is_kept(page)


def test_new_files_take_the_place_of_those_before(page):
    """The ECG before would stand on the page with another patient's, or come back later."""
    put(page, one=ONE)
    leave_and_return(page)
    before = page.session_state[OF_UPLOAD]
    put(page, other=OTHER)
    assert page.session_state[OF_UPLOAD] is not before
    assert "500 Hz" in texts(page) and "one.edf" not in texts(page) and remove_button(page) is None
    leave_and_return(page)
    assert "Uploaded before: other.edf]" in texts(page)


def test_what_could_not_be_read_is_not_kept(page):
    """A warning about a file that is no longer there could not be acted on."""
    put(page, letter=b"no ECG")
    assert len(page.warning) == 1
    leave_and_return(page)
    assert not page.warning and not sheets(page) and remove_button(page) is None
