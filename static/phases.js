// Lines of known phases over the pattern: each marked box of the page fetches its sticks once, and pattern.js draws them.
"use strict";

const PHASE_COLOURS = ["#009e73", "#56b4e9", "#e69f00", "#cc79a7", "#7f7f7f"];
const STICK_TOP = 0.85;
const sticksOf = new Map(); // address → { name, space_group, sticks }

const phaseBoxes = [...document.querySelectorAll("[data-sticks-url]")];
phaseBoxes.forEach((box, n) => {
  box.dataset.colour = PHASE_COLOURS[n % PHASE_COLOURS.length];
  box.parentElement.querySelector(".phase-swatch").style.background = box.dataset.colour;
});

// Lorentz and polarisation of an unpolarised beam without monochromator.
function powderFactor(twoTheta) {
  const angle = twoTheta * degree;
  return (1 + Math.cos(angle) ** 2) / (Math.sin(angle / 2) ** 2 * Math.cos(angle / 2));
}

function phaseTraces() {
  if (!facts.wavelength) return [];
  const [qFirst, qLast] = [measured.q[0], measured.q[measured.q.length - 1]];
  return phaseBoxes.filter((box) => box.checked && sticksOf.has(box.dataset.sticksUrl)).map((box) => {
    const { name, space_group: group, sticks } = sticksOf.get(box.dataset.sticksUrl);
    const lines = sticks
      .map(([d, power, label]) => ({ d, label, q: (2 * Math.PI) / d, height: power * powderFactor(angle((2 * Math.PI) / d, facts.wavelength)) }))
      .filter(({ q }) => q >= qFirst && q <= qLast);
    const highest = Math.max(...lines.map(({ height }) => height), 1e-12);
    const triple = (value) => lines.flatMap((line) => [value(line), value(line), null]);
    return {
      type: "scatter", mode: "lines", yaxis: "y3", name: `${name} (${group})`,
      x: triple(({ q }) => position(q)),
      y: lines.flatMap(({ height }) => [0, (STICK_TOP * height) / highest, null]),
      text: triple(({ label, d }) => `${label} · d ${d.toFixed(4)} Å`),
      line: { color: box.dataset.colour, width: 2 },
      hovertemplate: `<b>${name}</b><br>%{text}<extra></extra>`,
    };
  });
}
laidOver.push(phaseTraces);

async function showPhase(box) {
  const address = box.dataset.sticksUrl;
  if (box.checked && !sticksOf.has(address)) {
    const response = await fetch(address);
    if (!response.ok) {
      requestFailed.hidden = false;
      return;
    }
    sticksOf.set(address, await response.json());
  }
  redraw();
}

phaseBoxes.forEach((box) => box.addEventListener("change", () => showPhase(box)));
