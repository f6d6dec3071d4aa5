// A click on a marker of an alloy map opens its sample, or the follow-up that saw the phase.
"use strict";

document.addEventListener("figuredrawn", ({ target }) => {
  if (!target.matches("[data-map]")) return;
  target.on("plotly_click", ({ points }) => {
    const address = points[0].customdata;
    if (address) location.assign(address);
  });
});
