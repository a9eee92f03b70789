"""Filters over a data set, the order of its list, and a record's neighbours in it."""

import io

import numpy as np
import pandas as pd
import pytest
from made_up import with_reports, write_tiny_ptbxl

from dashboard.answers import answers_for
from dashboard.cohort import Filters, Place, matching, open_cohort, patient_text, place_of
from dashboard.listing import DISAGREEMENT, FACTS, LARGEST_FIRST, OPINIONS, ORDERS, Order, as_csv, ordered, rows_to_show
from imle.labels import LABELS
from imle.ptbxl.catalogue import DATABASE

REPORTS = {
    1: "sinusrhythmus normales ekg",
    2: "vorhofflimmern inferiorer INFARKT, ischÄmie",
    3: "Ueberdrehter linkstyp, kein infarkt",
    5: "sinus rhythm. ischaemic st changes (v1.*)",
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Eight made-up records: four reports of their own, an unknown age, one record without its 500 Hz file."""
    root = tmp_path_factory.mktemp("cohort")
    write_tiny_ptbxl(root, ids=(1, 2, 3, 5, 6, 7, 8, 9))
    catalogue = with_reports(root, REPORTS)
    catalogue.loc[6, "age"] = np.nan
    catalogue.iloc[::-1].to_csv(root / DATABASE)  # a catalogue need not be sorted
    next(root.glob("records500/*/00007_hr.hea")).unlink()
    return open_cohort(root)


@pytest.fixture(scope="module")
def answers(cohort):
    """Probabilities that make record 2 the largest disagreement (MI missed), and leave record 9 without an answer."""
    probabilities = pd.DataFrame(cohort.labels * 0.8 + 0.1, cohort.table.index, list(LABELS))
    probabilities.loc[2, "MI"] = 0.02
    probabilities.loc[3, "MI"] = 0.93
    return answers_for(cohort.table.index, cohort.labels, probabilities.drop(index=9))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), [1, 2, 3, 5, 6, 7, 8, 9]),
        (Filters(superclass=("HYP",)), [3]),
        (Filters(superclass=("HYP", "CD")), [3, 5, 6]),
        (Filters(scp=("1AVB",)), [6]),
        (Filters(scp=("1AVB", "CLBBB")), [5, 6]),
        (Filters(sex="F"), [1, 3, 5, 7, 9]),
        (Filters(age=(33, 35)), [3, 5]),
        (Filters(age=(90, 90)), [2]),
        (Filters(fold=(1, 2)), [1, 2]),
        (Filters(validated="no"), [3, 6, 9]),
        (Filters(validated="yes"), [1, 2, 5, 7, 8]),
        (Filters(hz500="no"), [7]),
        (Filters(hz500="yes", sex="F"), [1, 3, 5, 9]),
        (Filters(report="infarkt"), [2, 3]),
        (Filters(report="linkstyp INFARKT"), [3]),
        (Filters(report="ischämie"), [2]),
        (Filters(report="ischaemi"), [2, 5]),
        (Filters(report="überdrehter"), [3]),
        (Filters(report="v1.*"), [5]),
        (Filters(report="infarkt", superclass=("MI",), sex="M", fold=(2,), validated="yes", hz500="yes"), [2]),
        (Filters(report="infarkt", superclass=("NORM",)), []),
    ],
    ids=str,
)
def test_a_filter_keeps_what_it_says(cohort, filters, expected):
    """Several values in one field mean any, several fields mean all, words are no patterns, ä is ae."""
    assert matching(cohort, filters).tolist() == expected


@pytest.mark.parametrize(
    ("probability", "expected"), [((0.5, 1.0), [3, 6]), ((0.0, 0.05), [2]), ((0.02, 0.1), [1, 2, 5, 7, 8])]
)
def test_the_model_is_asked_for_probabilities_above_below_and_between(cohort, answers, probability, expected):
    filters = Filters(model_label="MI", probability=probability)
    assert matching(cohort, filters, answers).tolist() == expected


def test_a_record_without_an_answer_passes_no_probability_and_every_other_filter(cohort, answers):
    assert 9 not in matching(cohort, Filters(model_label="NORM", probability=(0.0, 0.99)), answers)
    assert 9 in matching(cohort, Filters(model_label="NORM"), answers)


def test_filters_say_what_they_ask():
    asked = Filters(
        "  infarkt ", ("MI", "CD"), ("IMI",), "F", (40, 90), (10, 9), "yes", "no", "MI", (0.5, 1.0)
    )  # fmt: skip
    assert str(asked) == (
        "report has “infarkt” · CD, MI · IMI · F · age 40 to 90+ · fold 9, 10 · validated by a human · no 500 Hz"
        " · MI at least 0.50"
    )
    assert str(Filters(model_label="MI")) == "" == str(Filters())


def test_the_same_question_is_equal_in_any_order():
    """A cohort opened from the list must be recognised as the one that is set."""
    assert Filters(superclass=("MI", "CD"), report="a ") == Filters(superclass=("CD", "MI"), report="a")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("Record", [1, 2, 3, 5, 6, 7, 8, 9]),
        ("Age", [1, 3, 5, 7, 8, 9, 2, 6]),
        ("Sex", [1, 3, 5, 7, 9, 2, 6, 8]),
        ("Fold", [1, 2, 3, 5, 6, 7, 8, 9]),
        ("500 Hz", [1, 2, 3, 5, 6, 8, 9, 7]),
        ("Superclasses", [5, 6, 3, 2, 9, 1, 8, 7]),
        ("Report", [3, 5, 1, 2, 6, 7, 8, 9]),
        ("MI probability", [3, 6, 1, 5, 7, 8, 2, 9]),
        (DISAGREEMENT, [2, 3, 1, 5, 6, 8, 9, 7]),
    ],
)
def test_each_column_sorts_the_list_by_number_among_equals_with_the_unknown_last(cohort, answers, by, expected):
    listed = ordered(cohort, matching(cohort, Filters()), Order(by), answers)
    if by == DISAGREEMENT:  # the other six are equally far apart, but for the two that cannot be compared
        assert listed[:2].tolist() == expected[:2] and set(listed[-2:]) == {7, 9}
    else:
        assert listed.tolist() == expected


@pytest.mark.parametrize("by", ORDERS)
def test_reverse_turns_every_order_round_but_leaves_the_unknown_last(cohort, answers, by):
    """Sorted by probability upside down, records without one would hide the least likely."""
    everyone = cohort.table.index.to_numpy()
    forth, back = (ordered(cohort, everyone, Order(by, reverse), answers).tolist() for reverse in (False, True))
    unknown = {"Age": [6], "Superclasses": [7], "Report": [6, 7, 8, 9], DISAGREEMENT: [7, 9]}.get(by, [])
    unknown = [9] if by.endswith("probability") else unknown
    known = len(everyone) - len(unknown)
    assert forth[known:] == back[known:] == unknown
    assert back[0] in _last_equals(cohort, answers, by, forth[:known])
    assert (Order(by).falling, Order(by, reverse=True).falling) == (by in LARGEST_FIRST, by not in LARGEST_FIRST)


def _last_equals(cohort, answers, by, listed):
    """Those at the end of the list that are as far down as the last one."""
    values = dict(zip(cohort.table.index, _compared(cohort, answers, by), strict=True))
    return [record for record in listed if values[record] == values[listed[-1]]]


def _compared(cohort, answers, by):
    if by == DISAGREEMENT:
        return answers.apart
    return rows_to_show(cohort, cohort.table.index.to_numpy(), answers)[by].to_pylist()


def test_a_filtered_list_is_sorted_too(cohort, answers):
    found = matching(cohort, Filters(superclass=("MI",)))
    assert ordered(cohort, found, Order(DISAGREEMENT), answers).tolist() == [2, 6, 9]


def test_without_answers_the_model_neither_filters_nor_sorts(cohort):
    """The page says so; a list that is silently empty would look like a result."""
    found = matching(cohort, Filters(model_label="MI", probability=(0.9, 1.0)))
    assert ordered(cohort, found, Order(DISAGREEMENT)).tolist() == [1, 2, 3, 5, 6, 7, 8, 9]


def test_rows_follow_the_list_and_hold_opinions_only_where_there_are_any(cohort, answers):
    rows = rows_to_show(cohort, np.array([3, 2]))
    assert rows.column_names == list(FACTS)
    assert rows["Record"].to_pylist() == [3, 2]
    answered = rows_to_show(cohort, np.array([9, 3, 2, 1]), answers)
    assert answered.column_names == [*FACTS, *OPINIONS]
    assert answered["MI probability"].to_pylist() == [
        None,
        pytest.approx(0.93),
        pytest.approx(0.02),
        pytest.approx(0.1),
    ]
    assert answered[DISAGREEMENT].to_pylist() == ["", "MI 0.93, not stated", "MI 0.02, stated", ""]


def test_the_downloaded_list_has_every_row_in_its_order(cohort, answers):
    text = as_csv(cohort, np.array([9, 3, 2]), answers).decode()
    written = pd.read_csv(io.StringIO(text))
    assert written.columns.tolist() == [*FACTS, *OPINIONS]
    assert written["Record"].tolist() == [9, 3, 2] and written["Report"].tolist()[1:] == [REPORTS[3], REPORTS[2]]
    assert np.isnan(written["MI probability"][0]) and written["MI probability"][2] == pytest.approx(0.02)


def test_statements_stand_in_english_beside_the_report(cohort):
    assert cohort.table.at[2, "Statements"] == "IMI inferior myocardial infarction 80 %; SR sinus rhythm"
    assert cohort.table.at[2, "Report"] == REPORTS[2]
    assert cohort.statements["CLBBB"] == "CLBBB complete left bundle branch block"
    assert "NORM" in cohort.statements and "WPW" not in cohort.statements


@pytest.mark.parametrize(
    ("record", "listed", "place"),
    [
        (7, [3, 7], Place(previous=3, next=None, position=2)),
        (5, [9, 2, 5, 1], Place(previous=2, next=1, position=3)),
        (9, [9, 2, 5, 1], Place(previous=None, next=2, position=1)),
        (5, [3, 7], Place(previous=3, next=7, position=None)),
        (4, [9, 2, 5, 1], Place(previous=2, next=5, position=None)),
        (0, [9, 2], Place(previous=None, next=2, position=None)),
        (4, [], Place(previous=None, next=None, position=None)),
    ],
)
def test_neighbours_are_those_of_the_list_and_the_nearest_numbers_outside_it(record, listed, place):
    assert place_of(record, np.array(listed, int)) == place


def test_patient_line_leaves_out_what_is_unknown(cohort):
    assert patient_text(cohort.catalogue.loc[2]) == "M 90+ · 1990 · fold 2"
    assert patient_text(cohort.catalogue.loc[6]) == "M · 1990 · fold 5"


@pytest.mark.ptbxl
def test_german_words_find_what_the_reports_say(ptbxl_root):
    """Counted with grep on the reports of PTB-XL 1.0.3, umlauts spelt as they are."""
    cohort = open_cohort(ptbxl_root)
    text = cohort.catalogue["report"].fillna("").str.lower()
    for word in ("infarkt", "ischämie", "vorhofflimmern"):
        written = text.str.contains(word) | text.str.contains(word.replace("ä", "ae"))
        assert len(matching(cohort, Filters(report=word))) == written.sum() > 100
