// The pattern page: axis and scale of the figure, and the icosahedral reflections that follow a_R.
"use strict";

const CU_KALPHA1 = 1.540593;
const ICOSAHEDRAL = "#d55e00";
const SUPERLATTICE = "#cc79a7";
const PEAKS = "#009e73";
const ALTERNATIVES = ["#56b4e9", "#e69f00"];

const patternFigure = document.getElementById("pattern-figure");
const controls = document.getElementById("figure-controls");
const facts = JSON.parse(document.getElementById("pattern-facts").textContent);
const sine = Math.sin, degree = Math.PI / 180;

// Every axis is reached by way of Q (Å⁻¹); a pattern of unknown wavelength has its own 2θ only.
const AXES = {
  "2theta": {
    title: "2θ (°)",
    fromQ: (q) => angle(q, facts.wavelength),
    toQ: (x) => (4 * Math.PI / facts.wavelength) * sine((x / 2) * degree),
  },
  "2theta-cu": {
    title: "2θ (°), Cu Kα<sub>1</sub>",
    fromQ: (q) => angle(q, CU_KALPHA1),
    toQ: (x) => (4 * Math.PI / CU_KALPHA1) * sine((x / 2) * degree),
  },
  q: { title: "Q (Å<sup>−1</sup>)", fromQ: (q) => q, toQ: (x) => x },
  d: { title: "d (Å)", fromQ: (q) => (2 * Math.PI) / q, toQ: (x) => (2 * Math.PI) / x, reversed: true },
};

function angle(q, wavelength) {
  const sineOfHalf = (q * wavelength) / (4 * Math.PI);
  return sineOfHalf > 1 ? null : (2 * Math.asin(sineOfHalf)) / degree;
}

let measured; // { twoTheta, q, intensity, trace }
let zoomInQ = JSON.parse(sessionStorage.getItem("zoom-in-q"));
let refined = null;
let refinedFrom = null;
const laidOver = []; // functions that give further traces, of scripts that come after this one

function chosen(name) {
  const input = controls.querySelector(`[name="${name}"]:checked`);
  return input ? input.value : "2theta";
}

function quasilatticeConstant() {
  return Number(document.getElementById("a-r-number").value);
}

function position(q) {
  return AXES[chosen("axis")].fromQ(q);
}

function reflectionTraces() {
  const type = chosen("lattice-type");
  if (!facts.wavelength || type === "none") return [];
  const a = quasilatticeConstant();
  const [qFirst, qLast] = [measured.q[0], measured.q[measured.q.length - 1]];
  const inRange = facts.reflections
    .map((reflection) => ({ ...reflection, d: reflection.d_over_a_r * a, q: (2 * Math.PI) / (reflection.d_over_a_r * a) }))
    .filter(({ q, superlattice }) => q >= qFirst && q <= qLast && (type === "F" || !superlattice));
  const kinds = [{ superlattice: false, colour: ICOSAHEDRAL, name: facts.words.fundamental, height: 2.2 }];
  if (type === "F") kinds.push({ superlattice: true, colour: SUPERLATTICE, name: facts.words.superlattice, height: 0.9 });
  return kinds.flatMap((kind) => {
    const shown = inRange.filter(({ superlattice }) => superlattice === kind.superlattice);
    return [ticks(shown, kind), ...lines(shown.filter(({ strong }) => strong), kind)];
  });
}

function ticks(shown, { colour, name, height }) {
  return {
    type: "scatter", mode: "markers", yaxis: "y2", name, legendgroup: name,
    x: shown.map(({ q }) => position(q)),
    y: shown.map(() => height),
    marker: {
      symbol: "line-ns-open", size: 13, color: colour,
      line: { width: 2 }, opacity: shown.map(({ strong }) => (strong ? 1 : 0.55)),
    },
    text: shown.map(({ label, d, q, multiplicity }) => {
      const twoTheta = angle(q, facts.wavelength);
      return `<b>${label}</b><br>2θ ${twoTheta.toFixed(2)}° · d ${d.toFixed(4)} Å · Q ${q.toFixed(3)} Å⁻¹<br>${facts.words.multiplicity} ${multiplicity}`;
    }),
    hovertemplate: "%{text}<extra></extra>",
  };
}

// A thin line over the whole height for each strong reflection, and its N/M on top.
function lines(strong, { colour, name, superlattice }) {
  const x = strong.flatMap(({ q }) => [position(q), position(q), null]);
  return [
    {
      type: "scatter", mode: "lines", yaxis: "y3", legendgroup: name, showlegend: false, hoverinfo: "skip", opacity: 0.6,
      x, y: strong.flatMap(() => [0, 0.95, null]),
      line: { color: colour, width: 1, dash: superlattice ? "dot" : "solid" },
    },
    {
      type: "scatter", mode: "text", yaxis: "y3", legendgroup: name, showlegend: false, hoverinfo: "skip",
      x: strong.map(({ q }) => position(q)), y: strong.map(() => (superlattice ? 0.91 : 0.97)),
      text: strong.map(({ n, m }) => `${n}/${m}`), textfont: { size: 10, color: colour },
    },
  ];
}

// √ of counts lifts weak lines and leaves strong ones in sight; the ticks still say counts.
function scaled(intensity) {
  return chosen("scale") === "sqrt" ? intensity.map((y) => Math.sign(y) * Math.sqrt(Math.abs(y))) : intensity;
}

function intensityAxis(axis) {
  const scale = chosen("scale");
  const next = { ...axis, type: scale === "log" ? "log" : "linear", tickvals: null, ticktext: null, tickmode: "auto" };
  // Room on top, so that the highest peak does not hide the labels of reflections.
  next.autorangeoptions = { include: scale === "sqrt" ? Math.sqrt(1.2 * measured.highest) : 1.15 * measured.highest };
  if (scale === "sqrt") {
    const highest = measured.highest;
    const counts = [0, 0.04, 0.16, 0.36, 0.64, 1].map((share) => Number((share * highest).toPrecision(2)));
    Object.assign(next, { tickmode: "array", tickvals: counts.map(Math.sqrt), ticktext: counts.map((c) => c.toLocaleString()) });
  }
  return next;
}

function peakTraces() {
  if (!refined) return [];
  const height = scaled(Float64Array.from(refined.peaks, ({ intensity }) => intensity));
  return [{
    type: "scatter", mode: "markers", name: facts.words.peaks,
    x: refined.peaks.map(({ two_theta }) => position(AXES["2theta"].toQ(two_theta))),
    y: Array.from(height),
    marker: { symbol: "triangle-down", size: 9, color: PEAKS, line: { width: 1 } },
    hovertemplate: "%{x:.3f}<extra></extra>",
  }];
}

// The argument for the call: ● seen, ○ missing, ◇ under another peak; it comes with the page, or with the call.
function argument() {
  const script = document.getElementById("why-facts");
  return script ? JSON.parse(script.textContent) : null;
}

const MARKS = { seen: "circle", missing: "circle-open", hidden: "diamond-open" };

function argumentTraces() {
  const why = argument();
  if (!why || chosen("lattice-type") === "none" || !isAtCall()) return [];
  const { ink } = screenColours();
  const traces = Object.entries(MARKS).map(([verdict, symbol]) => {
    const lines = why.lines.filter((line) => line.verdict === verdict);
    return mark(lines.map((line) => ({ ...line, at: line.two_theta + (line.offset || 0) })), {
      name: why.words[verdict], marker: { symbol, size: 10, color: ink, line: { width: 2, color: ink } },
      text: lines.map((line) => said(line, why.words)),
    });
  });
  traces.push(mark(why.unexplained.map((peak) => ({ ...peak, at: peak.two_theta })), {
    name: why.words.unexplained, marker: { symbol: "cross-thin", size: 9, line: { width: 2, color: PEAKS } },
    text: why.unexplained.map(({ two_theta, d }) => `2θ ${two_theta.toFixed(2)}° · d ${d.toFixed(4)} Å`),
  }));
  return traces.filter(({ x }) => x.length);
}

// The marks stand for the a_R of the call; with another one chosen they would mislead.
function isAtCall() {
  const { quasilatticeConstant: ofCall } = document.getElementById("call").dataset;
  return Math.abs(Number(ofCall) - quasilatticeConstant()) < 0.0006;
}

function mark(places, { name, marker, text }) {
  const height = scaled(Float64Array.from(places, ({ at }) => intensityAt(at)));
  return {
    type: "scatter", mode: "markers", name, marker, text, hovertemplate: `%{text}<extra>${name}</extra>`,
    x: places.map(({ at }) => position(AXES["2theta"].toQ(at))), y: Array.from(height), cliponaxis: false,
  };
}

function said({ label, two_theta, d, offset, log_odds }, words) {
  const moved = offset === undefined ? "" : `<br>${words.offset} ${offset.toFixed(3)}°`;
  const weighs = log_odds === undefined ? "" : `<br>${words.weighs} ${log_odds.toFixed(1)}`;
  return `<b>${label}</b><br>2θ ${two_theta.toFixed(2)}° · d ${d.toFixed(4)} Å${moved}${weighs}`;
}

// The highest point within 0.05° of an angle, so that a mark stands on its peak.
function intensityAt(twoTheta) {
  let highest = 0;
  for (let i = 0; i < measured.twoTheta.length; i += 1) {
    if (Math.abs(measured.twoTheta[i] - twoTheta) < 0.05) highest = Math.max(highest, measured.intensity[i]);
  }
  return highest;
}

// Ticks of other a_R whose reflections lie at the same positions.
function alternativeTraces() {
  const boxes = [...document.querySelectorAll("[data-alternative]:checked")];
  const type = chosen("lattice-type");
  return boxes.map((box, i) => {
    const a = Number(box.dataset.alternative), name = `${argument().words.alternative} ${a.toFixed(3)} Å`;
    const shown = facts.reflections
      .map((one) => ({ ...one, d: one.d_over_a_r * a, q: (2 * Math.PI) / (one.d_over_a_r * a) }))
      .filter(({ q, superlattice, strong }) => strong && q >= measured.q[0] && q <= measured.q.at(-1) && (type !== "P" || !superlattice));
    return ticks(shown, { colour: ALTERNATIVES[i % ALTERNATIVES.length], name, height: 1.55 });
  });
}

function redraw({ axisChanged = false } = {}) {
  if (!measured) return;
  const axis = AXES[chosen("axis")];
  const x = chosen("axis") === "2theta" ? measured.twoTheta : measured.q.map((q) => axis.fromQ(q));
  const trace = {
    ...measured.trace, x, y: scaled(measured.intensity), customdata: measured.intensity,
    hovertemplate: `${axis.title} %{x:.3f}<br>${facts.words.intensity} %{customdata:,.0f}<extra></extra>`,
  };
  const layout = { ...patternFigure.layout };
  layout.xaxis = { ...layout.xaxis, title: { text: axis.title } };
  layout.yaxis = intensityAxis(layout.yaxis);
  if (axisChanged) Object.assign(layout.xaxis, rangeOf(axis, x));
  if (axisChanged === "scale") layout.yaxis.autorange = true;
  const data = [trace, ...reflectionTraces(), ...alternativeTraces(), ...peakTraces(), ...argumentTraces(), ...laidOver.flatMap((traces) => traces())];
  Plotly.react(patternFigure, ...onScreen({ data, layout }));
}

function rangeOf(axis, x) {
  const ends = zoomInQ && facts.wavelength ? zoomInQ.map((q) => axis.fromQ(q)) : [x[0], x[x.length - 1]];
  return ends.includes(null) ? { autorange: axis.reversed ? "reversed" : true } : { range: ends, autorange: false };
}

// The stretch looked at is kept in Q, so that it stays when the axis or the pattern changes.
function keepZoom(change) {
  if (!facts.wavelength) return;
  if ("xaxis.range[0]" in change) {
    zoomInQ = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map(AXES[chosen("axis")].toQ);
    sessionStorage.setItem("zoom-in-q", JSON.stringify(zoomInQ));
  } else if (change["xaxis.autorange"]) {
    zoomInQ = null;
    sessionStorage.removeItem("zoom-in-q");
    redraw({ axisChanged: true });
  }
}

function restoreChoices() {
  for (const name of ["axis", "scale"]) {
    const kept = controls.querySelector(`[name="${name}"][value="${localStorage.getItem(name)}"]`);
    if (kept && !kept.disabled) kept.checked = true;
  }
}

patternFigure.addEventListener("figuredrawn", () => {
  const trace = patternFigure.data[0];
  const twoTheta = decodedArray(trace.x), intensity = Float64Array.from(decodedArray(trace.y));
  const q = facts.wavelength ? twoTheta.map(AXES["2theta"].toQ) : twoTheta;
  measured = { twoTheta, intensity, q, trace, highest: intensity.reduce((a, b) => Math.max(a, b)) };
  const inside = zoomInQ && zoomInQ[0] < q[q.length - 1] && zoomInQ[1] > q[0];
  if (!inside) zoomInQ = null;
  patternFigure.on("plotly_relayout", keepZoom);
  redraw({ axisChanged: true });
});

// Slider, number and the start of the refinement are one value.
function setQuasilatticeConstant(value) {
  for (const id of ["a-r-number", "a-r-slider", "id_quasilattice_constant"]) {
    const input = document.getElementById(id);
    if (input) input.value = value;
  }
}

let redrawAsked = false;
controls.addEventListener("input", (event) => {
  const { name, value, id } = event.target;
  if (name === "axis" || name === "scale") localStorage.setItem(name, value);
  if (id === "a-r-slider") setQuasilatticeConstant(value);
  if (id === "a-r-number") document.getElementById("a-r-slider").value = value;
  if (name === "lattice-type" && value !== "none") document.getElementById("id_lattice_type").value = value;
  if (redrawAsked) return;
  redrawAsked = true;
  requestAnimationFrame(() => {
    redrawAsked = false;
    redraw({ axisChanged: name === "scale" ? "scale" : name === "axis" });
  });
});
document.addEventListener("change", ({ target }) => {
  if (target.dataset.alternative) redraw();
});
controls.addEventListener("submit", (event) => event.preventDefault());

function showReflectionsOf(value, latticeType) {
  setQuasilatticeConstant(value.toFixed(3));
  if (chosen("lattice-type") === "none") document.getElementById(`lattice-${latticeType || "F"}`).checked = true;
  redraw();
}

document.addEventListener("figuredrawn", ({ target }) => {
  if (target.id === "evidence-figure") target.on("plotly_click", ({ points }) => showReflectionsOf(points[0].x));
});

// What the server sends later: the call, as soon as it stands, and the peaks that were picked.
let callStands = "quasilatticeConstant" in document.getElementById("call").dataset;
document.addEventListener("htmx:afterSwap", () => {
  const call = document.getElementById("call").dataset;
  if (!callStands && call.quasilatticeConstant) {
    callStands = true;
    setQuasilatticeConstant(Number(call.quasilatticeConstant).toFixed(3));
    if (call.reflections) showReflectionsOf(Number(call.quasilatticeConstant), call.reflections);
  }
  const answer = document.getElementById("refined");
  if (!answer || answer === refinedFrom) return;
  refinedFrom = answer;
  refined = JSON.parse(answer.textContent);
  if (refined.quasilattice_constant) showReflectionsOf(refined.quasilattice_constant);
  else redraw();
});

restoreChoices();
