"""One explanation as a web page that needs nothing else: its heatmaps, the bars, and Plotly inside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from html import escape

from plotly.offline import get_plotlyjs

from imle.explain.attribution import ATTENTION
from imle.explain.explanation import Explanation
from imle.explain.summary import caution, known_by, known_labels
from imle.figures.bars import lead_bars, probability_bars
from imle.figures.heat import USUAL_LEVEL, Heat, attention_heat, heat_text, leads_of, summary_with
from imle.figures.levels import legend_title
from imle.figures.report.reading import Reading
from imle.figures.sheet import sheet_figure
from imle.figures.theme import DARK, FONT, LIGHT, Theme
from imle.figures.words import measurement_cells, missing_text, record_text, st_text, statement_text
from imle.measure import Measurements

# The page may load nothing: its scripts, styles and pictures are all inside it.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def explanation_page(reading: Reading) -> str:
    """A self-contained HTML page of one record: head, sheet with a choice of heatmap, measurements, opinions, leads.

    The heatmaps are every level of attention and those of the reading, whose first is drawn when the page opens; the
    sentence, the cautions and the leads' bars follow the choice. The page follows the reader's light or dark setting.
    """
    explanation, shown = reading.explanation, reading.heats
    record = escape(explanation.ecg.id or "ECG")
    heats = {heat.name: heat for heat in [*map(partial(attention_heat, explanation), explanation.levels), *shown]}
    first = shown[0] if shown else heats.get(USUAL_LEVEL)
    leads = leads_of(explanation, first)
    return PAGE.format(
        policy=POLICY,
        title=f"{record} · {escape(explanation.model)}",
        style=STYLE.format(font=FONT, light=css_colours(LIGHT), dark=css_colours(DARK)),
        record=record,
        patient=escape(record_text(explanation.ecg)),
        measured="".join(f"<p>{escape(line)}</p>" for line in measured_lines(reading.measurements)),
        statements=statements_section(reading.statements, known_by(explanation.ecg)),
        model=f"{escape(explanation.model)} · {escape(explanation.engine)}",
        note=caution(explanation.ecg),
        shared=escape(heat_text(explanation, first)),
        summary=escape(summary_with(explanation, first)),
        remarks="".join(f'<p class="caution">{escape(remark)}</p>' for remark in reading.remarks),
        buttons="".join(heat_button(heat, heat.name == first.name) for heat in heats.values()),
        leads=LEADS_SECTION.format(title=escape(leads.title), caption=escape(leads.caption)) if leads else "",
        plotly=get_plotlyjs(),
        figures=script_safe(figures(explanation, first)),
        levels=script_safe(
            {name: heat_patch(explanation, heat, reading.cautions_on(heat)) for name, heat in heats.items()}
        ),
        first=first.name if first else "",
        script=SCRIPT,
    )


def measured_lines(measurements: Measurements | None) -> list[str]:
    """Rate, intervals and axis; why some are n/a; the ST levels; what must be read with them."""
    if measurements is None:
        return []
    cells = " · ".join(f"{title} {value}" for title, value, _ in measurement_cells(measurements))
    lines = cells, missing_text(measurements), st_text(measurements), *measurements.remarks
    return [line for line in lines if line]


def statements_section(statements: Sequence[tuple[str, str, float]], stated_by: str) -> str:
    """What the cardiologists stated, or what was planted; empty where nothing was."""
    if not statements:
        return ""
    lines = [f"{statement_text(code, likelihood)} {meaning}" for code, meaning, likelihood in statements]
    items = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f"<section><h2>{stated_by.capitalize()}</h2>{items}</section>"


def figures(explanation: Explanation, first: Heat | None) -> dict:
    """The figures as JSON types, in both themes, with the heatmap that is drawn first."""
    ecg = explanation.ecg
    opinions = explanation.probabilities, explanation.thresholds, known_labels(ecg)
    heatmap, title = (first.values, first.title) if first else (None, "")
    leads = leads_of(explanation, first)
    made = {}
    for theme in (LIGHT, DARK):
        dark = theme is DARK
        parts = {
            "sheet": sheet_figure(ecg, heatmap, title, dark=dark),
            "probabilities": probability_bars(*opinions, dark=dark, known_by=known_by(ecg)),
            **({"leads": lead_bars(leads.shares, dark=dark, caption=leads.caption)} if leads else {}),
        }
        made[theme.name] = {name: json.loads(figure.to_json()) for name, figure in parts.items()}
    return made


def heat_patch(explanation: Explanation, heat: Heat, cautions: Sequence[str]) -> dict:
    """What changes from one heatmap to another: its values, what it is called, means and does not show, and its leads."""
    figure = json.loads(sheet_figure(explanation.ecg, heat.values, heat.title).to_json())
    drawn = next(trace for trace in figure["data"] if trace["type"] == "heatmap")
    leads = leads_of(explanation, heat)
    bars = lead_bars(leads.shares, caption=leads.caption)
    return {
        "z": drawn["z"],
        "hovertemplate": drawn["hovertemplate"],
        "title": legend_title(heat.title),
        "meaning": heat.meaning,
        "shared": heat_text(explanation, heat),
        "summary": summary_with(explanation, heat),
        "cautions": list(cautions),
        "leads": {
            "title": leads.title,
            "caption": leads.caption,
            "bars": {key: bars.data[0].to_plotly_json()[key] for key in ("y", "text", "hovertemplate")},
            "range": bars.layout.yaxis.range,
        },
    }


def heat_button(heat: Heat, pressed: bool) -> str:
    name = heat.name if heat.method == ATTENTION else heat.title
    state = "true" if pressed else "false"
    return f'<button type="button" data-level="{heat.name}" aria-pressed="{state}">{escape(name)}</button>'


def script_safe(value) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def css_colours(theme: Theme) -> str:
    named = {"page": theme.paper, "ink": theme.ink, "muted": theme.muted, "rule": theme.rule, "accent": theme.accent}
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>ECG {record}</h1><p>{patient}</p><p>{model}</p><p class="note">{note}</p></header>
<p id="summary">{summary}</p>
{remarks}
<div id="cautions" aria-live="polite"></div>
<nav aria-label="Heatmap">{buttons}<span id="meaning" aria-live="polite"></span></nav>
<div id="sheet" role="img" aria-labelledby="summary"></div>
<div class="measured">{measured}</div>
<p class="note" id="shared">{shared}</p>
<main>
{statements}
<section><h2>Probabilities</h2><div id="probabilities"></div></section>
{leads}
</main>
<script>{plotly}</script>
<script>
const FIGURES = {figures};
const LEVELS = {levels};
let level = "{first}";
{script}
</script>
</body>
</html>
"""

LEADS_SECTION = (
    '<section><h2 id="leads-title">{title}</h2><p class="note" id="leads-caption">{caption}</p>'
    '<div id="leads"></div></section>'
)

STYLE = """
:root {{ color-scheme: light dark; {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
body {{ margin: 0 auto; padding: 16px 24px; max-width: 1280px; background: var(--page); color: var(--ink);
  font: 14px/1.45 {font}; }}
header {{ display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 24px; }}
header .note {{ margin-left: auto; }}
h1 {{ font-size: 20px; margin: 0; }}
h2 {{ font-size: 14px; margin: 16px 0 8px; }}
p {{ margin: 4px 0; }}
.note, header p, #meaning {{ color: var(--muted); }}
.measured {{ font-variant-numeric: tabular-nums; margin: 8px 0; }}
.caution {{ padding: 6px 12px; border-left: 3px solid var(--accent); }}
nav {{ display: flex; flex-wrap: wrap; align-items: center; margin: 12px 0 8px; }}
nav button {{ font: inherit; padding: 4px 12px; margin-left: -1px; color: var(--ink); background: none;
  border: 1px solid var(--rule); cursor: pointer; }}
nav button[aria-pressed="true"] {{ background: var(--accent); border-color: var(--accent); color: var(--page);
  font-weight: 600; }}
nav button:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
#meaning {{ margin-left: 16px; }}
main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 0 48px; }}
"""

SCRIPT = """
const darkness = window.matchMedia("(prefers-color-scheme: dark)");
const config = {
  displaylogo: false,
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
};

function write(place, words) {
  document.getElementById(place).textContent = words;
}

function caution(words) {
  const line = document.createElement("p");
  line.className = "caution";
  line.textContent = words;
  return line;
}

function draw() {
  const figures = structuredClone(FIGURES[darkness.matches ? "dark" : "light"]);
  for (const [name, figure] of Object.entries(figures))
    figure.layout.width = document.getElementById(name).clientWidth;
  const sheet = figures.sheet, now = LEVELS[level];
  if (now) {
    const heatmap = sheet.data.find((trace) => trace.type === "heatmap");
    heatmap.z = structuredClone(now.z);
    heatmap.hovertemplate = now.hovertemplate;
    sheet.layout.coloraxis.colorbar.title.text = now.title;
    Object.assign(figures.leads.data[0], now.leads.bars);
    figures.leads.layout.yaxis.range = now.leads.range;
    write("leads-title", now.leads.title);
    write("leads-caption", now.leads.caption);
    write("summary", now.summary);
    write("shared", now.shared);
    document.getElementById("cautions").replaceChildren(...now.cautions.map(caution));
  }
  const [across, up] = [sheet.layout.xaxis.range[1], sheet.layout.yaxis.range[1]];
  const margin = sheet.layout.margin;
  sheet.layout.height = (sheet.layout.width - margin.l - margin.r) * up / across + margin.t + margin.b;
  Plotly.react("sheet", sheet.data, sheet.layout, config);
  for (const name of ["probabilities", "leads"].filter((name) => name in figures))
    Plotly.react(name, figures[name].data, figures[name].layout, { displayModeBar: false });
  write("meaning", now ? now.meaning : "");
}

for (const button of document.querySelectorAll("nav button"))
  button.addEventListener("click", () => {
    level = button.dataset.level;
    for (const other of document.querySelectorAll("nav button"))
      other.setAttribute("aria-pressed", other === button);
    draw();
  });
darkness.addEventListener("change", draw);
window.addEventListener("resize", draw);
draw();
"""
