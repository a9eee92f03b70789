// Calipers on the ECG sheet: two points give a time, a rate and a voltage; marching out repeats the time along the row.
// They live in the browser alone, in millimetres of paper, over the chart that Plotly drew. The same object brings the
// zoom back when the server sends the sheet of the same record again, since Streamlit then makes a new chart of it.

const SVG = "http://www.w3.org/2000/svg";
const CLICK_PX = 4; // a pointer that moved less has clicked, not dragged
const HANDLE_PX = 5;
const TOUCH_PX = 14;
const CLOSEST_MARCH_PX = 4;
const SHORTEST_BEAT_MS = 150; // 400 bpm; a shorter time is no heart's interval
const STEP_MS = 1;
const STEP_MV = 0.01;
const COARSE = 10;
const LABEL_GAP_PX = 10;
const HINT = "Drag, click two points, or press Enter";

export default function ({ parentElement, data }) {
  parentElement.calipers ??= new Calipers(parentElement);
  parentElement.calipers.show(data);
  return () => {
    parentElement.calipers?.leave();
    delete parentElement.calipers;
  };
}

class Calipers {
  constructor(root) {
    this.caliperButton = root.querySelector("[data-tool=caliper]");
    this.marchButton = root.querySelector("[data-tool=march]");
    this.clearButton = root.querySelector("[data-tool=clear]");
    this.readout = root.querySelector("output");
    this.caliperButton.onclick = () => this.arm(!this.armed);
    this.marchButton.onclick = () => this.march(!this.marching);
    this.clearButton.onclick = () => this.clear();
    this.armed = this.marching = false;
    this.points = this.placing = null; // points: two of {x, y} in mm; placing: "drag", "click" or null
    this.overlay = new Overlay(this);
    this.zoom = new Zoom();
    this.onKey = (event) => this.keyed(event);
    window.addEventListener("keydown", this.onKey);
    this.resized = new ResizeObserver(() => this.draw());
    this.changed = new MutationObserver(() => this.follow());
    this.changed.observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-stale"] });
  }

  // What the page shows now; another record or another paper takes the calipers away.
  show({ colours, ...paper }) {
    const before = this.paper;
    this.paper = paper;
    if (before && JSON.stringify(before) !== JSON.stringify(paper)) this.points = this.placing = null;
    this.marchButton.hidden = paper.one_beat;
    this.overlay.paint(colours);
    this.follow();
    this.settle();
  }

  leave() {
    window.removeEventListener("keydown", this.onKey);
    this.resized.disconnect();
    this.changed.disconnect();
    this.overlay.svg.remove();
  }

  // Go over to the chart that is on the screen, once Plotly has drawn it.
  follow() {
    const plot = chartIn(this.paper.container);
    if (!plot || plot === this.plot) return;
    this.plot = plot;
    this.resized.disconnect();
    this.resized.observe(plot);
    for (const event of ["plotly_afterplot", "plotly_relayouting", "plotly_relayout"])
      plot.on(event, () => plot === this.plot && this.draw());
    plot.on("plotly_relayout", () => plot === this.plot && this.zoom.remember(plot));
    plot.appendChild(this.overlay.svg);
    this.zoom.restore(plot);
    this.draw();
  }

  arm(armed) {
    this.armed = armed;
    if (this.placing) this.points = this.placing = null; // a caliper half set is none
    this.settle();
    if (armed) this.overlay.plane.focus({ preventScroll: true }); // which the drawing just made focusable
  }

  march(marching) {
    this.marching = marching;
    this.arm(marching && !this.points ? true : this.armed);
  }

  clear() {
    this.points = this.placing = null;
    this.armed = this.marching = false;
    this.settle();
  }

  keyed(event) {
    const typing = event.composedPath()[0].closest?.("input, textarea, select, [contenteditable=true]");
    // A number that was entered is done with; kept in its field, V and N would be typed into it.
    if (typing?.type === "number" && ["Enter", "Escape"].includes(event.key)) setTimeout(() => typing.blur());
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "m") this.arm(!this.armed);
    else if (key === "w" && !this.paper.one_beat) this.march(!this.marching);
    else if (key === "escape") this.clear();
  }

  // From the keyboard: a caliper in the middle of what is seen of a row, its second point ready to be moved.
  placeInMiddle() {
    const { width, height, mmAt } = frameOf(this.plot);
    const middle = mmAt(width / 2, height / 2);
    const { start, stop } = panelOf(middle, this.plot);
    const [left, right] = [Math.max(start, mmAt(0, 0).x), Math.min(stop, mmAt(width, 0).x)];
    this.points = [0.45, 0.55].map((share) => ({ x: left + (right - left) * share, y: middle.y }));
    this.settle();
    this.overlay.handles[1].focus({ preventScroll: true });
  }

  nudge(which, event) {
    const [across, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [];
    if (across === undefined) return;
    const times = event.shiftKey ? COARSE : 1;
    this.points[which].x += (across * times * STEP_MS * this.paper.speed_mm_s) / 1000;
    this.points[which].y += up * times * STEP_MV * this.gain;
    event.preventDefault();
    event.stopPropagation();
    this.settle();
  }

  // mm a millivolt in the lead in which the first point lies.
  get gain() {
    return panelOf(this.points[0], this.plot).gain;
  }

  // mm from where the time of a point's row begins; of median beats each lead has its own time.
  timeOf(point) {
    return point.x - panelOf(point, this.plot).start;
  }

  // The measurement in words: `812 ms · 74 bpm · 0.35 mV`; the voltage goes from the first point to the second, and where
  // the leads' gains differ, by which it was measured: a tall wave's top lies in the row of another lead.
  words() {
    const [first, second] = this.points;
    const ms = (Math.abs(this.timeOf(second) - this.timeOf(first)) / this.paper.speed_mm_s) * 1000;
    const hundredths_mv = Math.round(((second.y - first.y) / this.gain) * 100);
    const parts = [`${Math.round(ms)} ms`];
    if (ms >= SHORTEST_BEAT_MS && !this.paper.one_beat) parts.push(`${Math.round(60000 / ms)} bpm`);
    parts.push(`${hundredths_mv < 0 ? "−" : ""}${(Math.abs(hundredths_mv) / 100).toFixed(2)} mV`);
    if (this.plot.layout.meta.panels.some(({ gain_mm_mv: gain }) => gain !== this.gain)) parts.push(`at ${this.gain} mm/mV`);
    return parts.join(" · ");
  }

  // After a change that is complete: buttons, the sentence that is spoken, and the picture.
  settle() {
    this.caliperButton.setAttribute("aria-pressed", this.armed);
    this.marchButton.setAttribute("aria-pressed", this.marching);
    this.clearButton.disabled = !(this.points || this.armed || this.marching);
    this.readout.textContent = this.points ? this.words() : this.armed ? HINT : "";
    this.draw();
  }

  draw() {
    if (this.plot?._fullLayout) this.overlay.draw(this.plot);
  }
}

// The picture of the calipers, and the pointer on it.
class Overlay {
  constructor(calipers) {
    this.calipers = calipers;
    this.svg = make("svg", { class: "calipers" });
    this.style = make("style", {}, this.svg);
    this.frame = make("svg", { overflow: "hidden" }, this.svg);
    const label = "Press Enter to set a caliper in the middle of the sheet; then the arrow keys move its points";
    this.plane = make("rect", { class: "plane", width: "100%", height: "100%", "aria-label": label }, this.frame);
    this.plane.setAttribute("role", "application");
    this.drawing = make("g", {}, this.frame);
    this.repeats = twice("repeats", this.drawing);
    this.lines = twice("lines", this.drawing);
    this.bar = make("path", { class: "bar" }, this.drawing);
    this.handles = ["First", "Second"].map((order) => handle(`${order} point of the caliper`, this.drawing));
    this.plate = make("g", { class: "plate" }, this.drawing);
    this.plateBack = make("rect", { rx: 3 }, this.plate);
    this.plateText = make("text", {}, this.plate);
    this.listen();
  }

  paint({ paper, ink, rule, line }) {
    this.style.textContent = `
      .calipers { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; z-index: 3; }
      .calipers .plane { fill: transparent; outline: none; cursor: crosshair; touch-action: none; }
      .calipers[data-armed=true] .plane { pointer-events: all; }
      .calipers path { fill: none; }
      .calipers .under { stroke: ${paper}; stroke-width: 3.5; stroke-opacity: 0.5; }
      .calipers .over { stroke: ${line}; stroke-width: 1.5; }
      .calipers .repeats.over { stroke-dasharray: 4 3; }
      .calipers .bar { stroke: transparent; stroke-width: 14; pointer-events: stroke; cursor: move; touch-action: none; }
      .calipers .handle { pointer-events: all; cursor: grab; touch-action: none; outline: none; }
      .calipers .handle .reach { fill: transparent; }
      .calipers .handle .dot { fill: ${paper}; stroke: ${line}; stroke-width: 1.75; }
      .calipers .handle:focus .dot { fill: ${line}; }
      .calipers .handle:focus-visible .reach { stroke: ${line}; stroke-width: 1; }
      .calipers[data-placing=true] :is(.handle, .bar) { pointer-events: none; }
      .calipers .plate rect { fill: ${paper}; stroke: ${rule}; }
      .calipers .plate text { fill: ${ink}; font: 600 13px/1 inherit; font-variant-numeric: tabular-nums; }`;
  }

  listen() {
    const { calipers, plane, bar, handles } = this;
    let from = null; // where the pointer went down, in px
    plane.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      taken(event, plane);
      from = event;
      const point = this.at(event);
      if (calipers.placing !== "click") calipers.points = [point, point];
      calipers.points[1] = point;
      calipers.placing ??= "drag";
      calipers.draw();
    });
    plane.addEventListener("pointermove", (event) => {
      if (!calipers.placing) return;
      calipers.points[1] = this.at(event);
      calipers.draw();
    });
    plane.addEventListener("pointerup", (event) => {
      if (!calipers.placing) return;
      const moved = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > CLICK_PX;
      const done = moved || calipers.placing === "click";
      calipers.placing = done ? null : "click";
      if (!done) return;
      calipers.settle();
      handles[1].focus({ preventScroll: true });
    });
    plane.addEventListener("pointercancel", () => {
      calipers.points = calipers.placing = null;
      calipers.settle();
    });
    plane.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && !event.key.startsWith("Arrow")) return;
      event.preventDefault();
      calipers.placeInMiddle();
    });
    handles.forEach((dot, which) => {
      this.drags(dot, [which]);
      dot.addEventListener("keydown", (event) => calipers.nudge(which, event));
    });
    this.drags(bar, [0, 1]);
  }

  // Moving `element` with the pointer moves these of the two points.
  drags(element, which) {
    let last = null;
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      taken(event, element);
      last = this.at(event);
      this.handles[which.at(-1)].focus({ preventScroll: true });
    });
    element.addEventListener("pointermove", (event) => {
      if (!last) return;
      const now = this.at(event);
      for (const i of which) {
        const { x, y } = this.calipers.points[i];
        this.calipers.points[i] = { x: x + now.x - last.x, y: y + now.y - last.y };
      }
      last = now;
      this.calipers.draw();
    });
    for (const end of ["pointerup", "pointercancel"])
      element.addEventListener(end, () => {
        last = null;
        this.calipers.settle();
      });
  }

  // The pointer's place on the paper, in mm; at the edge where it left the sheet.
  at(event) {
    const { left, top, width, height, mmAt } = frameOf(this.calipers.plot);
    const box = this.calipers.plot.getBoundingClientRect();
    const within = (px, most) => Math.min(Math.max(px, 0), most);
    return mmAt(within(event.clientX - box.left - left, width), within(event.clientY - box.top - top, height));
  }

  draw(plot) {
    const { points, armed, marching, placing } = this.calipers;
    const frame = frameOf(plot);
    const { left, top, width, height, pxOf } = frame;
    set(this.svg, { "data-armed": armed, "data-placing": Boolean(placing) });
    set(this.frame, { x: left, y: top, width, height });
    if (armed) this.plane.setAttribute("tabindex", 0);
    else this.plane.removeAttribute("tabindex");
    this.drawing.setAttribute("display", points ? "inline" : "none");
    if (!points) return;
    const [a, b] = points.map(pxOf);
    const row = panelOf(points[0], plot);
    const [rowTop, rowFoot] = [pxOf({ x: 0, y: row.top }).y, pxOf({ x: 0, y: row.foot }).y];
    const [high, low] = [Math.min(rowTop, a.y, b.y), Math.max(rowFoot, a.y, b.y)];
    const upright = (x) => `M${x} ${high}V${low}`;
    trace(this.lines, `${upright(a.x)}${upright(b.x)}M${a.x} ${a.y}H${b.x}M${a.x} ${b.y}H${b.x}`);
    set(this.bar, { d: `M${a.x} ${a.y}H${b.x}V${b.y}` });
    trace(this.repeats, marching ? this.marchOut(a.x, b.x, row, frame).map((x) => `M${x} ${rowTop}V${rowFoot}`).join("") : "");
    [a, b].forEach(({ x, y }, i) => set(this.handles[i], { transform: `translate(${x} ${y})` }));
    this.writeLabel(a, b, frame);
  }

  // Where, along the whole row, the interval between the two points would fall again; px.
  marchOut(ax, bx, row, { pxOf }) {
    const [first, last] = [pxOf({ x: row.start, y: 0 }).x, pxOf({ x: row.stop, y: 0 }).x];
    const step = Math.abs(bx - ax);
    if (step < CLOSEST_MARCH_PX) return [];
    const [left, right] = [Math.min(ax, bx), Math.max(ax, bx)];
    const marks = [];
    for (let x = right + step; x <= last; x += step) marks.push(x);
    for (let x = left - step; x >= first; x -= step) marks.push(x);
    return marks;
  }

  // Beside the second point, on the side away from the first, and inside the sheet.
  writeLabel(a, b, { width, height }) {
    const words = this.calipers.words();
    if (this.plateText.textContent !== words) this.plateText.textContent = words;
    for (const dot of this.handles) dot.setAttribute("aria-valuetext", words);
    const seen = Math.max(a.x, b.x) >= 0 && Math.min(a.x, b.x) <= width;
    this.plate.setAttribute("display", seen ? "inline" : "none");
    const [wide, tall] = [this.plateText.getComputedTextLength() + 14, 22];
    const onRight = b.x >= a.x ? b.x + LABEL_GAP_PX + wide <= width : a.x - b.x > width;
    const beside = onRight ? b.x + LABEL_GAP_PX : b.x >= a.x ? a.x - LABEL_GAP_PX - wide : b.x - LABEL_GAP_PX - wide;
    const x = Math.min(Math.max(beside, 2), width - wide - 2);
    const y = Math.min(Math.max(b.y - tall / 2, 2), height - tall - 2);
    set(this.plate, { transform: `translate(${x} ${y})` });
    set(this.plateBack, { width: wide, height: tall });
    set(this.plateText, { x: 7, y: 15.5 });
  }
}

// The part of the sheet that is seen, kept while the same sheet is drawn anew.
class Zoom {
  remember(plot) {
    const { xaxis, yaxis, dragmode } = plot._fullLayout;
    this.kept = { sheet: plot.layout.uirevision, settings: { dragmode, "xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range] } };
  }

  restore(plot) {
    if (this.kept?.sheet !== plot.layout.uirevision) {
      this.kept = null;
      return;
    }
    const { xaxis, yaxis, dragmode } = plot._fullLayout;
    const now = { dragmode, "xaxis.range": xaxis.range, "yaxis.range": yaxis.range };
    for (const [setting, value] of Object.entries(structuredClone(this.kept.settings)))
      if (JSON.stringify(now[setting]) !== JSON.stringify(value)) relayout(plot, setting, value);
  }
}

// Plotly's own relayout, which a page reaches only through a button of the chart's mode bar that sets a layout value.
function relayout(plot, setting, value) {
  const button = plot._fullLayout._modeBar?.buttons.flat().find(({ attr }) => attr === "dragmode");
  button?.click(plot, { currentTarget: { getAttribute: (name) => (name === "data-attr" ? setting : value) } });
}

// The chart in a keyed container that is not about to be replaced; null before Plotly has drawn it.
function chartIn(container) {
  const name = CSS.escape(`st-key-${container.trim().replaceAll(/[^a-zA-Z0-9_-]/g, "-")}`);
  const charts = [...document.querySelectorAll(`.${name} .js-plotly-plot`)];
  const drawn = (plot) => plot._fullLayout?.xaxis && plot.on && plot.querySelector(".main-svg");
  return charts.filter((plot) => drawn(plot) && !plot.closest('[data-stale="true"]')).at(-1) ?? null;
}

// Where the plot area lies in the chart, and the way from px in it to mm of paper and back.
function frameOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout;
  const [left, width, top, height] = [xaxis._offset, xaxis._length, yaxis._offset, yaxis._length];
  const [[x0, x1], [y0, y1]] = [xaxis.range, yaxis.range];
  return {
    left, top, width, height,
    pxOf: ({ x, y }) => ({ x: ((x - x0) / (x1 - x0)) * width, y: ((y1 - y) / (y1 - y0)) * height }),
    mmAt: (px, py) => ({ x: x0 + (px / width) * (x1 - x0), y: y1 - (py / height) * (y1 - y0) }),
  };
}

// The panel of a lead in which a point lies, or the nearest: its gain, foot and top, and where its row's time starts and
// stops; mm. The panels of a row come in order.
function panelOf({ x, y }, plot) {
  const { panels, row_mm: rowMm } = plot.layout.meta;
  const away = ({ foot_mm: foot }) => Math.abs(y - foot - rowMm / 2);
  const nearest = Math.min(...panels.map(away));
  const row = panels.filter((panel) => away(panel) === nearest);
  const { foot_mm: foot, time_mm: [start, stop], gain_mm_mv: gain } = row.findLast(({ left_mm: left }) => left <= x) ?? row[0];
  return { gain, foot, top: foot + rowMm, start, stop };
}

function taken(event, element) {
  event.preventDefault();
  event.stopPropagation();
  element.setPointerCapture(event.pointerId);
}

function make(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  parent?.appendChild(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

// A line on a wider one of the paper's colour, so that it stands out from trace, grid and heatmap.
function twice(name, parent) {
  return ["under", "over"].map((layer) => make("path", { class: `${name} ${layer}` }, parent));
}

function trace(paths, d) {
  for (const path of paths) path.setAttribute("d", d);
}

function handle(label, parent) {
  const group = make("g", { class: "handle", tabindex: 0, role: "slider", "aria-label": label }, parent);
  make("circle", { class: "reach", r: TOUCH_PX }, group);
  make("circle", { class: "dot", r: HANDLE_PX }, group);
  return group;
}
