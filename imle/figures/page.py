"""One explanation as a web page that needs nothing else: every level of attention, the bars, and Plotly inside."""

from __future__ import annotations

import json
from html import escape

from plotly.offline import get_plotlyjs

from imle.attention import LEVELS
from imle.explain.explanation import Explanation
from imle.explain.summary import caution, known_by, known_labels, summary
from imle.figures.bars import lead_bars, probability_bars
from imle.figures.levels import LEVEL_MEANINGS, legend_title, level_title
from imle.figures.sheet import sheet_figure
from imle.figures.theme import DARK, FONT, LIGHT, Theme

FIRST_LEVEL = "combined"

# The page may load nothing: its scripts, styles and pictures are all inside it.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def explanation_page(explanation: Explanation, layout: str = "3x4+II") -> str:
    """A self-contained HTML page of one record: head, sheet with a choice of level, probabilities, lead importance.

    It follows the reader's light or dark setting. BadChoice for an unknown layout.
    """
    record = escape(explanation.ecg.id or "ECG")
    return PAGE.format(
        policy=POLICY,
        title=f"{record} · {escape(explanation.model)}",
        style=STYLE.format(font=FONT, light=css_colours(LIGHT), dark=css_colours(DARK)),
        record=record,
        model=f"{escape(explanation.model)} · {escape(explanation.engine)}",
        note=caution(explanation.ecg),
        shared=escape(explanation.whose_attention),
        summary=escape(summary(explanation)),
        buttons="".join(level_button(level) for level in LEVELS),
        plotly=get_plotlyjs(),
        figures=script_safe(figures(explanation, layout)),
        levels=script_safe({level: level_patch(explanation, level, layout) for level in LEVELS}),
        first=FIRST_LEVEL,
        script=SCRIPT,
    )


def figures(explanation: Explanation, layout: str) -> dict:
    """The three figures as JSON types, in both themes."""
    ecg = explanation.ecg
    opinions = explanation.probabilities, explanation.thresholds, known_labels(ecg)
    heatmap, title = explanation.heatmap(FIRST_LEVEL), level_title(FIRST_LEVEL, explanation.label)
    made = {}
    for theme in (LIGHT, DARK):
        dark = theme is DARK
        parts = {
            "sheet": sheet_figure(ecg, heatmap, title, layout, dark=dark),
            "probabilities": probability_bars(*opinions, dark=dark, known_by=known_by(ecg)),
            "leads": lead_bars(explanation.lead_importance, dark=dark),
        }
        made[theme.name] = {name: json.loads(figure.to_json()) for name, figure in parts.items()}
    return made


def level_patch(explanation: Explanation, level: str, layout: str) -> dict:
    """What changes in the sheet from one level to another: the heatmap's values and what it is called."""
    title = level_title(level, explanation.label)
    figure = json.loads(sheet_figure(explanation.ecg, explanation.heatmap(level), title, layout).to_json())
    attention = next(trace for trace in figure["data"] if trace["type"] == "heatmap")
    return {
        "z": attention["z"],
        "hovertemplate": attention["hovertemplate"],
        "title": legend_title(title),
        "meaning": f"{title}: {LEVEL_MEANINGS[level]}.",
    }


def level_button(level: str) -> str:
    pressed = "true" if level == FIRST_LEVEL else "false"
    return f'<button type="button" data-level="{level}" aria-pressed="{pressed}">{level}</button>'


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
<header><h1>ECG {record}</h1><p>{model}</p><p class="note">{note}</p></header>
<p id="summary">{summary}</p>
<nav aria-label="Attention level">{buttons}<span id="meaning" aria-live="polite"></span></nav>
<div id="sheet" role="img" aria-labelledby="summary"></div>
<p class="note">{shared}</p>
<main>
<section><h2>Probabilities</h2><div id="probabilities"></div></section>
<section><h2>Lead importance</h2><div id="leads"></div></section>
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

function draw() {
  const figures = structuredClone(FIGURES[darkness.matches ? "dark" : "light"]);
  for (const [name, figure] of Object.entries(figures))
    figure.layout.width = document.getElementById(name).clientWidth;
  const sheet = figures.sheet, now = LEVELS[level];
  const attention = sheet.data.find((trace) => trace.type === "heatmap");
  attention.z = structuredClone(now.z);
  attention.hovertemplate = now.hovertemplate;
  sheet.layout.coloraxis.colorbar.title.text = now.title;
  const [across, up] = [sheet.layout.xaxis.range[1], sheet.layout.yaxis.range[1]];
  const margin = sheet.layout.margin;
  sheet.layout.height = (sheet.layout.width - margin.l - margin.r) * up / across + margin.t + margin.b;
  Plotly.react("sheet", sheet.data, sheet.layout, config);
  for (const name of ["probabilities", "leads"])
    Plotly.react(name, figures[name].data, figures[name].layout, { displayModeBar: false });
  document.getElementById("meaning").textContent = now.meaning;
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
