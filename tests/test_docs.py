"""README and docs: every figure in their tables follows from a shipped file, every link, path and command is there."""

import functools
import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import typer

from imle.cli import app
from imle.evaluation import results
from imle.evaluation.bootstrap import bootstrap
from imle.evaluation.model_card import METRIC_TITLES, PERCENT
from imle.evaluation.published_figures import read_published
from imle.explain.agreement_summary import summarise
from imle.explain.cohort_agreement import read_agreement
from imle.tasks import INFARCTION, SUPERCLASS, TASKS

ROOT = Path(__file__).parents[1]
README, RESULTS, FINDINGS = ROOT / "README.md", ROOT / "docs" / "results.md", ROOT / "docs" / "findings.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
METRICS = {title: name for name, title in METRIC_TITLES.items()}
NAMES = {name for task in TASKS.values() for name in results.shipped(task)}
PUBLISHED = {
    "imle_net": "IMLE-Net", "ecgnet": "ECGNet", "rajpurkar": "Rajpurkar", "mousavi": "Mousavi", "resnet101": "ResNet-101",
    "imle_net_plus_mi_authors": "IMLE-Net",
}  # fmt: skip
TRUST_METHODS = {
    "attention": "attention", "occlusion of waves": "occlusion_waves", "integrated gradients": "integrated_gradients",
    "occlusion": "occlusion", "input × gradient": "input_times_gradient", "guided Grad-CAM": "guided_grad_cam",
    "SmoothGrad": "smoothgrad", "saliency": "saliency",
}  # fmt: skip
TRUST_MEASURES = {
    "deletion gain": "deletion_gain", "deletion gain (over random)": "deletion_gain", "planted gain": "planted_gain",
    "deletion over average": "deletion_over_average", "insertion gain": "insertion_gain",
    "sanity, all weights anew": "sanity",
}  # fmt: skip
ALL = "all"
IF_CALIBRATED = "if perfectly calibrated"


def tables(page: Path) -> list[tuple[list[str], list[list[str]]]]:
    """Head and rows of each Markdown table of a page, cell by cell."""
    found, lines = [], []
    for line in [*page.read_text().splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip()[1:-1].split("|")])
        elif lines:
            found.append((lines[0], lines[2:]))
            lines = []
    return found


def with_head(page: Path, *words: str) -> list[tuple[list[str], list[list[str]]]]:
    """The tables of a page in whose head all these words stand."""
    return [(head, rows) for head, rows in tables(page) if set(words) <= set(head)]


def in_code(cell: str) -> str:
    """`imle_net` -> imle_net."""
    return cell.strip("`")


@functools.cache
def report(name: str, fold: int) -> dict:
    return json.loads((results.RESULTS / f"{name}-fold{fold}.json").read_text())


def shown(row: dict, times: float) -> str:
    """A figure of a report with its interval, as the docs write it."""
    value, low, high = (f"{row[end] * times:.{2 if times == 100 else 4}f}" for end in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def metric(name: str, fold: int, title: str) -> str:
    """The figure called `title` in the docs: one of METRIC_TITLES, IF_CALIBRATED, or `ROC-AUC CD` and the like."""
    kept = report(name, fold)
    if title == IF_CALIBRATED:
        return shown(kept["perfectly_calibrated"]["ece"], 1)
    if title.startswith("ROC-AUC "):
        return shown(kept["auc_by_label"][title.removeprefix("ROC-AUC ")], 1)
    return shown(kept["metrics"][METRICS[title]], 100 if METRICS[title] in PERCENT else 1)


def published(name: str, title: str) -> str:
    """` [0.9216]`, what the authors report of this network; nothing where they do not."""
    task = INFARCTION if name.endswith("_mi_authors") else SUPERCLASS
    own = {model.title: model for model in read_published(task)[0].models}.get(PUBLISHED.get(name))
    figure = own and getattr(own, METRICS[title])
    times, digits = (100, 2) if METRICS[title] in PERCENT else (1, 4)
    return f" [{figure * times:.{digits}f}]" if figure else ""


@pytest.mark.parametrize("page", [README, RESULTS], ids=lambda page: page.name)
def test_a_table_of_models_says_what_the_reports_say(page):
    """A typed figure goes stale with the next model, and nobody would see it."""
    seen = set()
    for head, rows in tables(page):
        if not head[0].startswith("fold 10"):
            continue
        for name, *cells in ([in_code(row[0]), *row[1:]] for row in rows):
            seen.add(name)
            for title, cell in zip(head[1:], cells, strict=True):
                if title == "n":
                    assert cell == f"{report(name, 10)['records']:,}"
                elif title in METRICS and name not in NAMES:
                    assert cell.removeprefix("not trained") in (published(name, title), published(name, title)[1:], "")
                elif title in (IF_CALIBRATED, METRIC_TITLES["ece"]):  # of which the authors report none
                    assert cell == metric(name, 10, title), f"{name}, {title}"
                elif title in METRICS:
                    whole, beside = metric(name, 10, title), published(name, title)
                    assert cell in (whole + beside, whole, whole.split()[0]), f"{name}, {title}"
            if "n = " in head[0] and name in NAMES:
                assert f"n = {report(name, 10)['records']:,}" in head[0]
    assert seen == NAMES | {"resnet101"} if page == RESULTS else "imle_net" in seen


def test_a_table_of_one_model_says_what_its_reports_say():
    """The same of the tables by fold and label."""
    found = [(head, rows) for head, rows in tables(RESULTS) if head[0] in NAMES]
    assert {head[0] for head, _ in found} == {"imle_net", "imle_net_plus"}
    for (name, *heads), rows in found:
        folds = [int(re.match(r"fold (\d+)", head)[1]) for head in heads]
        assert heads == [f"fold {fold} (n = {report(name, fold)['records']:,})" for fold in folds]
        for title, *cells in rows:
            assert cells == [metric(name, fold, title) for fold in folds], f"{name}, {title}"


def test_the_table_of_seeds_holds_the_shipped_model():
    """Seeds are read beside the shipped one; its row must be its report's."""
    [(head, rows)] = with_head(RESULTS, "seed", "kept epoch")
    training = report("imle_net", 10)["training"]
    [own] = [row for row in rows if row[0] == str(training["seed"])]
    assert own[1] == f"{training['best_epoch']} of {training['epochs']}"
    for title, cell in zip(head[2:], own[2:], strict=True):
        _, fold, name = re.fullmatch(r"(fold (\d+)) (.*)", title).groups()
        assert cell == metric("imle_net", int(fold), name), title


def number(x: float, digits: int = 2, sign: str = "") -> str:
    """With a true minus, `sign` before what is above 0, and no signed zero."""
    size = f"{abs(x):.{digits}f}"
    return size if float(size) == 0 else ("−" if x < 0 else sign) + size


def interval(value: float, low: float, high: float, digits: int = 2, sign: str = "") -> str:
    return f"{number(value, digits, sign)} ({number(low, digits)}–{number(high, digits)})"


@functools.cache
def agreement(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a shipped file of agreement, and what they say by code and score."""
    rows = read_agreement(results.RESULTS / "guidelines" / f"{name}.parquet").rows
    return rows, summarise(rows).set_index(["code", "score"])


def agrees(name: str, code: str, score: str, digits: int = 2) -> dict[str, str]:
    """What the docs say of a diagnosis: n, chance, value, average, gain."""
    row = agreement(name)[1].loc[(code, score)]
    return {
        "n": str(int(row.records)), "chance": number(row.chance), "value": interval(row.value, row.low, row.high),
        "average": number(row.average), "gain": interval(row.gain, row.gain_low, row.gain_high, digits, "+"),
    }  # fmt: skip


def difference_of_gains(code: str, score: str) -> str:
    """What attention gains over its average less what integrated gradients gain over theirs, from the same draws."""
    first, second = (agreement(f"imle_net_plus-{way}")[0] for way in ("attention", "integrated_gradients"))
    both = first[first["code"] == code].merge(second, on=["ecg_id", "code"], suffixes=("", "_other"))
    gains = both[score] - both[f"average_{score}"] - (both[f"{score}_other"] - both[f"average_{score}_other"])
    values = gains.to_numpy(float)
    return interval(*bootstrap(lambda drawn: {"": values @ drawn / drawn.sum(axis=0)}, len(values))[""], sign="+")


def code_of(cell: str) -> str:
    """`IMI on II, III, aVF` and `IMI: QRS` -> IMI."""
    return cell.split()[0].rstrip(":")


def test_findings_say_how_attention_agrees():
    """The page's figures once lagged behind the files it rests on, by a last digit."""
    [(_, on_leads)] = with_head(FINDINGS, "imle_net", "imle_net_plus", "average")
    assert len(on_leads) == 9
    for first, *cells in on_leads:
        one, two = (agrees(f"{name}-attention", code_of(first), "lead_mass") for name in ("imle_net", "imle_net_plus"))
        expected = [one["n"], one["chance"], *(own[key] for own in (one, two) for key in ("value", "average", "gain"))]
        assert cells == expected, first
    [(_, in_time)] = [table for table in with_head(FINDINGS, "imle_net", "gain") if "average" not in table[0]]
    assert len(in_time) == 13
    for code, *cells in in_time:
        own = agrees("imle_net-attention", code, "mass", digits=3)
        assert cells == [own[key] for key in ("n", "chance", "value", "gain")], code


def test_findings_say_how_attention_and_gradients_differ():
    """The same of the two methods beside each other, whose difference nobody can read off two intervals."""
    found = with_head(FINDINGS, "attention", "integrated gradients", "gain")
    assert len(found) == 3
    for head, rows in found:
        score = "lead_mass" if "n" in head else "mass" if "difference of gains" in head else "pointing"
        for first, *cells in rows:
            code = code_of(first)
            one, two = (agrees(f"imle_net_plus-{way}", code, score) for way in ("attention", "integrated_gradients"))
            expected = [one[key] for key in ("n", "chance") if key in head]
            expected += [own[key] for own in (one, two) for key in ("value", "gain")]
            expected += [difference_of_gains(code, score)] if "difference of gains" in head else []
            assert cells == expected, f"{first}, {score}"


def test_findings_say_what_guidance_gives():
    """The same of the guided model: of these rows nine figures were typed once and stale later."""
    found = with_head(FINDINGS, "imle_net_plus", "imle_net_plus_guided")
    [rows] = [rows for _, rows in found if rows[0][0] == "macro ROC-AUC"]
    names = ("imle_net_plus", "imle_net_plus_guided")
    assert rows[0][1:] == [metric(name, 10, "macro ROC-AUC").replace(" to ", "–") for name in names]
    for first, *cells in rows[1:]:
        both = [agrees(f"{name}-attention", code_of(first), "lead_mass") for name in names]
        assert f"(n = {both[0]['n']})" in first
        assert cells == [f"{own['value']}, gain {own['gain']}" for own in both], first


def test_findings_say_how_often_the_authors_example_occurs():
    """The one finding that speaks of single records: a count that was typed could not be told from one that was made."""
    [(_, rows)] = with_head(FINDINGS, "IMI records", "with 0.9 or more")
    for first, *cells in rows:
        found = agreement(f"{first.split()[0]}-attention")[0]
        shares = found.loc[found["code"] == "IMI", "lead_mass"]
        often = str(int((shares >= 0.9).sum()))
        assert cells == [str(len(shares)), number(shares.mean()), often, number(shares.max())], first


@functools.cache
def trusted(name: str) -> dict[tuple[str, str, str], dict]:
    """The rows of a shipped table of trust by method, measure and group."""
    path = results.RESULTS / "trust" / f"{name}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return {(row["method"], row["measure"], row["group"]): row for row in rows}


def trust(name: str, method: str, measure: str, group: str = ALL, digits: int = 2) -> str:
    row = {**trusted(name), **trusted(f"{name}-sanity")}[method, TRUST_MEASURES[measure], group]
    return interval(*(row[end] for end in ("value", "low", "high")), digits)


def test_findings_say_how_far_methods_are_trusted():
    """What a reader is told to trust must be what was measured."""
    found = with_head(FINDINGS, "method", "deletion gain")
    assert len(found) == 2
    for name, (head, rows) in zip(("imle_net_plus", "imle_net"), found, strict=True):
        assert {row[0] for row in rows} == set(TRUST_METHODS)
        for title, *cells in rows:
            assert cells == [trust(name, TRUST_METHODS[title], measure) for measure in head[1:]], f"{name}, {title}"


def test_findings_say_what_hiding_attention_costs():
    """By label the sign differs, and a sign typed wrong would turn the finding round."""
    [rows] = [rows for _, rows in with_head(FINDINGS, "imle_net_plus_guided") if "deletion" in rows[0][0]]
    measure = ""
    for title, *cells in rows:
        named, _, group = title.rpartition(", ")
        measure, group = (named or measure, group) if title not in TRUST_MEASURES else (title, ALL)
        expected = [
            trust(name, "attention", measure, group, 3) for name in ("imle_net_plus-attention", "imle_net_plus_guided")
        ]
        assert cells == expected, title


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_resolves(page):
    """A link to a page that was renamed, or a picture that is gone, would be found by a reader."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    broken = [to for to in links if not re.match(r"https?:", to) and not (page.parent / to.split("#")[0]).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_named_is_there(page):
    """A first command that names a file which no checkout has ends a newcomer's visit."""
    found = re.findall(r"(?<![\w./-])(?:assets|benchmarks|docs|imle|tests)/[\w./-]*\w", page.read_text())
    assert not [path for path in found if not (ROOT / path).exists()]


def code_lines(page: Path) -> list[str]:
    """The lines of the page's code blocks that begin with a command."""
    lines = [line.strip() for line in page.read_text().splitlines() if line.startswith("    ")]
    return [line.removeprefix(".venv/bin/") for line in lines if re.match(r"(\.venv/bin/)?imle ", line)]


def command_of(words: list[str]):
    """The command that the words begin with, and those after it."""
    command, words = typer.main.get_command(app), words[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_can_be_typed(page):
    """A command that was renamed, or an option left out that it needs, would be refused to whoever copies the line."""
    for line in code_lines(page):
        command, words = command_of(shlex.split(line, comments=True))
        command.make_context(line, list(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_sentence_is_known(page):
    """The same of the parts of commands that the text names."""
    for span in re.findall(r"`(imle [^`]+)`", page.read_text()):
        command, words = command_of(span.split())
        known = {"--help"}.union(*(parameter.opts + parameter.secondary_opts for parameter in command.params))
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known, span


def test_the_readme_has_commands_to_check():
    """Were its code blocks written another way, the tests above would pass over nothing."""
    assert len(code_lines(README)) == 6


def test_every_benchmark_is_listed():
    """One that no page names is run by nobody."""
    text = (ROOT / "docs" / "speed.md").read_text()
    assert not [path.name for path in (ROOT / "benchmarks").glob("*.py") if f"benchmarks/{path.name}" not in text]
