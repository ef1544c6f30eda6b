"use strict";
// Shows what the server of this machine tells: studies, a slice of a map, and one voxel's numbers and curve.
(() => {
  const at = (id) => document.getElementById(id);
  const make = (name, text, more) => Object.assign(document.createElement(name), {textContent: text, ...more});
  let studies = [], study = 0, map = 0, hung = null, place = null, asked = 0;
  const ask = async (address, more) => {
    const got = await fetch(address, more), told = await got.json();
    if (!got.ok) throw new Error(told.problem);
    return told;
  };
  // An answer may come when the reader is elsewhere already: then it is nobody's.
  const still = (mine) => mine[0] === study && mine[1] === map;
  // What went wrong is said where the reader looks, and never thrown away.
  const said = (error) => { at("where").textContent = error.message; };
  const digits = (value, std) => {
    if (value === null) return "—";
    if (std === 0) return (Number(value.toPrecision(3)) + " ± 0").replace(/-/g, "−");
    const size = std > 0 ? Math.floor(Math.log10(std)) - 1 : Math.floor(Math.log10(Math.abs(value) || 1)) - 2;
    const n = Math.min(8, Math.max(0, -size));
    return (value.toFixed(n) + " ± " + (std === null ? "unknown" : std.toFixed(n))).replace(/-/g, "−");
  };
  const fill = (told) => {
    at("rows").replaceChildren(...told.rows.map((one) => {
      const row = make("tr", ""), head = make("th", one.symbol, {scope: "row", title: one.name});
      row.append(head, make("td", digits(one.value, one.std) + (one.value === null || one.unit === "1" ? "" : " " + one.unit)),
        make("td", one.status, {className: "status"}));
      row.classList.toggle("warn", !one.is_sound);
      const maps = studies[study].maps;
      row.classList.toggle("now", maps.length > 0 && one.symbol === maps[map].symbol);
      return row;
    }));
    // The drawing is made by the server, which escapes every word in it; the policy lets no script run from it.
    at("curve").innerHTML = told.svg;
    at("sentence").textContent = told.sentence;
  };
  const cross = () => {
    for (const id of ["down", "across"]) at(id).hidden = !place;
    if (!place) return;
    at("down").style.left = 100 * (place[2] + 0.5) / hung.columns + "%";
    at("across").style.top = 100 * (place[1] + 0.5) / hung.rows + "%";
  };
  const look = async () => {
    const mine = ++asked, now = [study, map, ...place].join("/");
    try {
      const told = await ask(now);
      if (mine !== asked) return;
      fill(told);
      at("where").textContent = "Voxel " + told.voxel.join(", ");
    } catch (error) { if (mine === asked) said(error); }
  };
  const draw = () => {
    const one = studies[study].maps[map];
    at("slice").src = [study, map, place[0] + ".png"].join("/");
    at("slice").alt = one.name + ", slice " + hung.names[place[0]];
    at("slice").style.aspectRatio = hung.columns * hung.column_mm + " / " + hung.rows * hung.row_mm;
    at("number").value = place[0];
    at("name").textContent = hung.names[place[0]];
    cross();
  };
  const chosen = async (number) => {
    if (number >= studies[study].maps.length) return;
    map = number; hung = null; asked++;
    const one = studies[study].maps[map], mine = [study, map];
    [...at("maps").children].forEach((button, k) => button.setAttribute("aria-pressed", k === map));
    at("bar").src = study + "/" + map + "/bar.png";
    at("bar").alt = "Colours from " + one.window.join(" to ") + " " + one.unit;
    [at("low").textContent, at("high").textContent] = one.window.map((end) => end.replace("-", "−"));
    at("unit").textContent = one.unit === "1" ? "" : one.unit;
    at("meaning").textContent = one.name + ". " + one.meaning;
    try {
      const told = await ask(mine.join("/") + "/hung");
      if (!still(mine)) return;
      hung = told;
    } catch (error) { if (still(mine)) said(error); return; }
    at("number").max = hung.slices - 1;
    place = place || [hung.fullest, Math.floor(hung.rows / 2), Math.floor(hung.columns / 2)];
    place = place.map((value, k) => Math.min(value, [hung.slices, hung.rows, hung.columns][k] - 1));
    (hung.edges || ["", "", "", ""]).forEach((edge, k) => { at("e" + k).textContent = edge; });
    draw();
    await look();
  };
  const opinions = (all) => at("said").replaceChildren(...all.map((one) => make("li",
    one.when.slice(0, 16).replace("T", " ") + " · " + one.rater + (one.rating ? " · " + one.rating + " of 5" : "") + (one.comment ? "\n" + one.comment : ""))));
  const open = async (number) => {
    study = number; map = 0; hung = null; place = null; asked++;
    at("saved").textContent = "";
    const one = studies[study], mine = [study, map];
    [...at("studies").children].forEach((item, k) => item.firstChild.setAttribute("aria-pressed", k === study));
    at("title").replaceChildren(one.label + " ", make("span", one.title, {className: "series"}));
    at("flags").replaceChildren(...one.flags.map((flag) => {
      const item = make("li", "");
      item.append(make("span", String(flag.severity).toUpperCase(), {className: "badge " + flag.severity}), make("span", flag.sentence));
      return item;
    }));
    at("maps").replaceChildren(...one.maps.map((shown, k) => {
      const button = make("button", shown.symbol, {title: shown.name, onclick: () => chosen(k)});
      if (k < 9) button.prepend(make("kbd", k + 1));
      return button;
    }));
    at("warned").hidden = !one.flags.length;
    at("warned").firstChild.textContent = one.flags.length + (one.flags.length === 1 ? " flag" : " flags");
    // A spectrum is looked at before its amounts; a map before the curve of a voxel.
    const pair = document.querySelector(".pair");
    if (one.maps.length) pair.after(at("curves")); else pair.before(at("curves"));
    at("look").hidden = !one.maps.length;
    pair.classList.toggle("single", !one.maps.length);
    at("curve-title").textContent = one.spectrum ? "Spectrum" : "Curve";
    fill({rows: [], svg: "", sentence: ""});
    try {
      const all = await ask(number + "/ratings");
      if (number !== study) return;
      opinions(all);
      if (!still(mine)) return;
      if (one.maps.length) return await chosen(0);
      const told = one.spectrum ? await ask(number + "/spectrum") : null;
      if (!still(mine)) return;
      if (told) fill(told);
      at("where").textContent = told ? "Amounts" : "This study has no map and no spectrum";
    } catch (error) { if (still(mine)) said(error); }
  };
  const isHung = () => hung !== null && place !== null;
  const moved = (slice, row, column) => {
    const to = [place[0] + slice, place[1] + row, place[2] + column];
    const sizes = [hung.slices, hung.rows, hung.columns];
    place = to.map((value, k) => Math.min(sizes[k] - 1, Math.max(0, value)));
    draw();
    look();
  };
  const KEYS = {ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], PageUp: [1, 0, 0], PageDown: [-1, 0, 0]};
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !studies.length || event.target.matches("input, textarea, select")) return;
    if (KEYS[event.key]) { event.preventDefault(); if (isHung()) moved(...KEYS[event.key]); }
    else if (/^[1-9]$/.test(event.key)) chosen(Number(event.key) - 1);
  });
  at("frame").addEventListener("click", (event) => {
    if (!isHung()) return;
    const box = at("slice").getBoundingClientRect();
    const row = Math.floor(hung.rows * (event.clientY - box.top) / box.height);
    const column = Math.floor(hung.columns * (event.clientX - box.left) / box.width);
    moved(0, row - place[1], column - place[2]);
  });
  at("number").addEventListener("input", () => { if (isHung()) moved(Number(at("number").value) - place[0], 0, 0); });
  at("rate").addEventListener("submit", async (event) => {
    event.preventDefault();
    const rating = at("rating").value ? Number(at("rating").value) : null;
    const body = JSON.stringify({rater: at("rater").value, rating, comment: at("comment").value});
    const mine = study;
    try {
      const told = await ask(mine + "/ratings", {method: "POST", headers: {"Content-Type": "application/json"}, body});
      if (mine !== study) return;
      opinions(told);
      at("comment").value = ""; at("rating").value = "";
      at("saved").textContent = "Saved.";
    } catch (error) { if (mine === study) at("saved").textContent = error.message; }
  });
  ask("studies").then((told) => {
    studies = told;
    at("studies").replaceChildren(...studies.map((one, k) => {
      const item = make("li", ""), button = make("button", one.title, {title: one.key, onclick: () => open(k)});
      button.append(make("small", one.label));
      item.append(button);
      return item;
    }));
    return open(0);
  }).catch(said);
})();
