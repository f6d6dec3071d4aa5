// Draw the Plotly figure of every <div data-figure-url="…">, in the colours of the theme.
"use strict";

// Plotly sets whole style attributes, which the policy of the pages forbids to markup and scripts alike; by way of the
// element's own style, property by property, a script may.
const setAnyAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function setAttribute(name, value) {
  if (name === "style") this.style.cssText = value;
  else setAnyAttribute.call(this, name, value);
};

// No figure offers to send unpublished data to Plotly's cloud.
const FIGURE_CONFIG = {
  responsive: true,
  displaylogo: false,
  displayModeBar: window.matchMedia("(width >= 768px)").matches ? "hover" : false,
  modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "toImage"],
  plotlyServerURL: "",
};

const PAPER = { ink: "#000", grid: "#ddd", ground: "#fff", measured: "#0072b2" };

function screenColours() {
  const style = getComputedStyle(document.body);
  return {
    ink: style.getPropertyValue("--bs-body-color"),
    grid: style.getPropertyValue("--bs-border-color"),
    ground: "rgba(0,0,0,0)",
    measured: style.getPropertyValue("--measured"),
  };
}

// The same traces, with what was measured in the colour that stands out here.
function colouredTraces(traces, { measured }) {
  return traces.map((trace) => (trace.meta === "measured" ? { ...trace, line: { ...trace.line, color: measured } } : trace));
}

// The same layout in other colours; every axis is told, as Plotly lets none inherit its grid.
function coloured(layout, { ink, grid, ground }) {
  const result = {
    ...layout,
    paper_bgcolor: ground,
    plot_bgcolor: ground,
    font: { ...layout.font, color: ink },
    hoverlabel: { namelength: -1 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink, activecolor: ink },
  };
  if (layout.ternary) {
    const axes = ["aaxis", "baxis", "caxis"].map((name) => [name, { ...layout.ternary[name], gridcolor: grid, linecolor: ink }]);
    result.ternary = { ...layout.ternary, bgcolor: ground, ...Object.fromEntries(axes) };
  }
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(name)) {
      result[name] = { ...layout[name], gridcolor: grid, zerolinecolor: grid, linecolor: grid, spikecolor: ink };
    }
  }
  return result;
}

// Plotly for Python sends arrays as base64 of their bytes.
function decodedArray(array) {
  if (!array || !array.bdata) return array;
  const bytes = Uint8Array.from(atob(array.bdata), (character) => character.charCodeAt(0));
  const kinds = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
  return new kinds[array.dtype](bytes.buffer);
}

function onScreen({ data, layout }) {
  const colours = screenColours();
  return [colouredTraces(data, colours), coloured(layout, colours), FIGURE_CONFIG];
}

async function drawFigure(element) {
  if (element.dataset.drawn) return;
  element.dataset.drawn = "yes";
  try {
    const response = await fetch(element.dataset.figureUrl);
    if (!response.ok) throw new Error(response.statusText);
    const figure = await response.json();
    await Plotly.newPlot(element, ...onScreen(figure));
  } catch {
    element.textContent = element.dataset.figureFailed;
    return;
  }
  element.dispatchEvent(new CustomEvent("figuredrawn", { bubbles: true }));
}

function figures() {
  return document.querySelectorAll("[data-figure-url]");
}

document.addEventListener("themechange", () => {
  for (const element of figures()) {
    if (element.layout) Plotly.react(element, ...onScreen(element));
  }
});

// On paper the figure is dark on white, whatever the screen shows.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-figure-save]");
  if (!button) return;
  const element = document.getElementById(button.dataset.figure);
  const printed = { data: colouredTraces(element.data, PAPER), layout: coloured(element.layout, PAPER) };
  Plotly.downloadImage(printed, {
    format: button.dataset.figureSave,
    filename: button.dataset.filename,
    width: 1400,
    height: 700,
  });
});

// Those on the page, and later those that htmx brings.
figures().forEach(drawFigure);
document.addEventListener("htmx:load", () => figures().forEach(drawFigure));
