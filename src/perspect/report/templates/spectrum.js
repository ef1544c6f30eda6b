"use strict";
// Reads the numbers beside the picture and redraws its lines: a range of ppm to look at closely, a value under the
// pointer, single molecules on demand. Without this script the picture stands as it is.
(() => {
  const held = document.getElementById("spectrum-numbers");
  const svg = document.querySelector("svg.spectrum");
  if (!held || !svg) return;
  const s = JSON.parse(held.textContent), n = s.bins, [left, right] = s.across, [top, bottom] = s.down;
  const ppm = (k) => s.high - (s.high - s.low) * k / (n - 1);
  const whole = [s.high, s.low];
  let range = whole;
  const shown = new Map();
  const make = (name, given) => {
    const one = document.createElementNS(svg.namespaceURI, name);
    for (const key in given) one.setAttribute(key, given[key]);
    return one;
  };
  const bins = () => [0, 1].map((end) => Math.min(n - 1, Math.max(0, Math.round((n - 1) * (s.high - range[end]) / (s.high - s.low)))));
  const across = (value) => left + (right - left) * (range[0] - value) / (range[0] - range[1]);
  const line = (row, down) => {
    const [from, to] = bins();
    let d = "";
    for (let k = from; k <= to; k++) d += (d ? "L" : "M") + across(ppm(k)).toFixed(1) + " " + down(row[k]).toFixed(1);
    return d;
  };
  const steps = (low, high) => {
    const size = [0.02, 0.05, 0.1, 0.2, 0.5, 1].find((one) => (high - low) / one <= 11) || 1, at = [];
    for (let k = Math.ceil(low / size); k * size <= high + 1e-9; k++) at.push(k * size);
    return [at, size < 0.1 ? 2 : 1];
  };
  const draw = () => {
    const [from, to] = bins();
    let low = 0, high = 1e-9;
    for (const row of [s.data, s.fit, s.baseline]) {
      for (let k = from; k <= to; k++) { low = Math.min(low, row[k]); high = Math.max(high, row[k]); }
    }
    const size = high - low, floor = low - 0.04 * size, roof = high + 0.1 * size;
    const down = (value) => bottom - (bottom - top) * (value - floor) / (roof - floor);
    const middle = (s.rest[0] + s.rest[1]) / 2, half = (s.rest[1] - s.rest[0]) / 2;
    for (const name of ["data", "fit", "baseline"]) svg.querySelector(`[data-row=${name}]`).setAttribute("d", line(s[name], down));
    const rest = s.data.map((value, k) => value - s.fit[k]);
    svg.querySelector("[data-row=residual]").setAttribute("d", line(rest, (value) => middle - half * value / s.reach));
    for (const [name, path] of shown) path.setAttribute("d", line(s.parts[name].map((value, k) => value + s.baseline[k]), down));
    for (const word of svg.querySelectorAll("[data-ppm]")) {
      const at = Number(word.dataset.ppm), k = Math.round((n - 1) * (s.high - at) / (s.high - s.low));
      const is_in = at < range[0] && at > range[1];
      word.setAttribute("visibility", is_in ? "visible" : "hidden");
      if (!is_in) continue;
      let peak = -Infinity;
      for (let j = Math.max(0, k - s.near); j <= Math.min(n - 1, k + s.near); j++) peak = Math.max(peak, s.data[j], s.fit[j]);
      word.setAttribute("x", across(at).toFixed(1));
      word.setAttribute("y", Math.max(down(peak) - 7, top + 8).toFixed(1));
    }
    const axis = svg.querySelector(".axis");
    axis.replaceChildren();
    const [at, digits] = steps(range[1], range[0]);
    for (const value of at) {
      const x = across(value).toFixed(1);
      axis.append(make("path", { d: `M${x} ${s.rest[0]}V${bottom}`, stroke: "var(--line)", "stroke-width": 0.5 }));
      const word = make("text", { x, y: bottom + 14, "text-anchor": "middle" });
      word.textContent = value.toFixed(digits);
      axis.append(word);
    }
  };
  const panel = document.querySelector(".spectrum-tools");
  panel.hidden = false;
  const read = panel.querySelector("output");
  for (const button of panel.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const [high, low] = (button.dataset.range || "").split(" ").map(Number);
      range = button.dataset.range ? [Math.min(high, s.high), Math.max(low, s.low)] : whole;
      draw();
    });
  }
  for (const box of panel.querySelectorAll("input")) {
    box.addEventListener("change", () => {
      const name = box.value;
      if (box.checked) {
        const path = make("path", { fill: "none", stroke: box.dataset.colour, "stroke-width": 1.8 });
        svg.querySelector(".overlay").append(path);
        shown.set(name, path);
      } else { shown.get(name).remove(); shown.delete(name); }
      draw();
    });
  }
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * s.width, y = (event.clientY - box.top) / box.height * s.height;
    const at = range[0] - (range[0] - range[1]) * (x - left) / (right - left);
    return [x, y, Math.min(range[0], Math.max(range[1], at))];
  };
  const hair = svg.querySelector(".hair"), chosen = svg.querySelector(".chosen");
  let begun = null;
  svg.addEventListener("pointermove", (event) => {
    const [x, y, at] = place(event), is_in = x >= left && x <= right && y <= bottom;
    hair.setAttribute("visibility", is_in ? "visible" : "hidden");
    if (!is_in) { read.textContent = "\u00a0"; return; }
    const k = Math.round((n - 1) * (s.high - at) / (s.high - s.low)), off = (s.data[k] - s.fit[k]) / s.noise;
    hair.setAttribute("d", `M${across(ppm(k)).toFixed(1)} ${s.rest[0]}V${bottom}`);
    const part = (value) => (value / s.noise).toFixed(1);
    read.textContent = `${ppm(k).toFixed(3)} ppm: data ${part(s.data[k])}, fit ${part(s.fit[k])}, baseline ${part(s.baseline[k])}, `
      + `residual ${off.toFixed(1)} (all in standard deviations of the noise)`
      + [...shown.keys()].map((name) => `, ${name} ${part(s.parts[name][k])}`).join("");
    if (begun !== null) {
      const from = across(begun), to = across(at);
      chosen.setAttribute("x", Math.min(from, to));
      chosen.setAttribute("width", Math.abs(to - from));
      chosen.setAttribute("visibility", "visible");
    }
  });
  svg.addEventListener("pointerdown", (event) => {
    const [x, y, at] = place(event);
    if (x >= left && x <= right && y <= bottom) { begun = at; event.preventDefault(); }
  });
  window.addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const at = place(event)[2], from = begun;
    begun = null;
    chosen.setAttribute("visibility", "hidden");
    if (Math.abs(at - from) > 0.03) { range = [Math.max(at, from), Math.min(at, from)]; draw(); }
  });
  svg.addEventListener("dblclick", () => { range = whole; draw(); });
})();
