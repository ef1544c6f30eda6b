"use strict";
// Shows what the server of this machine tells: studies, a slice of a map, and one voxel's numbers and curve.
(() => {
  const at = (id) => document.getElementById(id);
  const make = (name, text, more) => Object.assign(document.createElement(name), {textContent: text, ...more});
  let studies = [], study = 0, map = 0, hung = null, place = null, asked = 0;
  let beside = [];
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
    // What has no error of its own (a line width, a model's number) is not known exactly: nothing is said of its error.
    if (std === 0) return String(Number(value.toPrecision(3))).replace(/-/g, "−");
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
    at("sentence").classList.toggle("warn", Boolean(told.refused));
  };
  const cross = () => {
    for (const id of ["down", "across"]) at(id).hidden = !place;
    if (!place) return;
    at("down").style.left = 100 * (place[2] + 0.5) / hung.columns + "%";
    at("across").style.top = 100 * (place[1] + 0.5) / hung.rows + "%";
  };
  // Borders of the lesion and of what it is compared with, in the styles of the pages.
  const drawing = (name, more) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(more)) node.setAttribute(key, value);
    return node;
  };
  const bordered = (lines, size, all) => {
    lines.setAttribute("viewBox", "0 0 " + size.columns + " " + size.rows);
    lines.replaceChildren(...all.flatMap((one) => ["under", one.kind].map((kind) => drawing("path", {class: kind, d: one.path}))));
  };
  const named = (all) => at("kinds").querySelector("span").replaceChildren(...all.map((one) => {
    const item = make("span", ""), key = drawing("svg", {viewBox: "0 0 21 11", "aria-hidden": "true"});
    key.append(drawing("path", {class: one.kind, d: "M2 5.5h17"}));
    const word = make("small", "");
    word.append(key, one.name);
    item.append(word);
    return item;
  }));
  const outlined = (is) => { at("outlined").checked = is; document.querySelector(".pair").classList.toggle("unlined", !is); };
  const lined = async (mine) => {
    bordered(at("lines"), hung, []);
    const number = place[0];
    try {
      const all = await ask([...mine, number, "outlines"].join("/"));
      if (!still(mine) || place[0] !== number) return;
      bordered(at("lines"), hung, all);
      named(all);
      at("kinds").hidden = !all.length && !beside.length;
    } catch (error) { if (still(mine)) said(error); }
  };
  // Studies beside the one that is open: the same map on the same scale, at the same place where positions mean the same.
  const parts = (one) => Object.fromEntries(["frame", "img", "lines", "down", "across", "bar", "select", "slice", "value", "note"].map((name) => [name, one.box.querySelector("." + name)])
    .concat(["curve", "sentence"].map((name) => [name, one.told.querySelector("." + name)])));
  const placed = (one) => {
    const {img, lines, down, across, slice, bar} = parts(one), held = studies[one.study].maps[one.map], here = studies[study].maps[map];
    const [low, high] = here && here.key === held.key && here.name === held.name && here.unit === held.unit ? here.window : held.window;
    bar.querySelector("img").src = one.study + "/" + one.map + "/bar.png";
    bar.querySelector("img").alt = "Colours from " + low + " to " + high + " " + held.unit;
    bar.querySelector(".unit").textContent = held.unit === "1" ? "" : held.unit;
    bar.querySelector(".ticks").replaceChildren(...[low, high].map((end) => make("span", end.replace("-", "−"))));
    const scale = studies[study].maps.length ? [one.place[0], "as", study, map + ".png"] : [one.place[0] + ".png"];
    img.src = [one.study, one.map, ...scale].join("/");
    img.alt = held.name + ", slice " + one.hung.names[one.place[0]];
    img.style.aspectRatio = one.hung.columns * one.hung.column_mm + " / " + one.hung.rows * one.hung.row_mm;
    down.style.left = 100 * (one.place[2] + 0.5) / one.hung.columns + "%";
    across.style.top = 100 * (one.place[1] + 0.5) / one.hung.rows + "%";
    down.hidden = across.hidden = one.isLinked && one.isOutside;
    slice.max = one.hung.slices - 1; slice.value = one.place[0];
    slice.nextElementSibling.textContent = one.hung.names[one.place[0]];
    const number = one.place[0], now = [one.study, one.map];
    bordered(lines, one.hung, []);
    ask([...now, number, "outlines"].join("/")).then((all) => {
      if (one.place[0] === number && one.study === now[0] && one.map === now[1]) bordered(lines, one.hung, all);
    }).catch((error) => { parts(one).note.textContent = error.message; });
    sized();
  };
  // One millimetre is as long in every picture.
  const sized = () => {
    const shown = [[at("frame"), hung], ...beside.map((one) => [parts(one).frame, one.hung])].filter((one) => one[1]);
    const widest = Math.max(...shown.map(([, one]) => one.columns * one.column_mm));
    for (const [frame, one] of shown) frame.style.width = beside.length ? 100 * one.columns * one.column_mm / widest + "%" : "";
  };
  const read = async (one) => {
    const mine = ++one.asked, {value, curve, sentence} = parts(one);
    value.textContent = curve.textContent = sentence.textContent = "";
    sentence.classList.remove("warn");
    if (one.isLinked && one.isOutside) return;
    const told = await ask([one.study, one.map, ...one.place].join("/"));
    if (mine !== one.asked) return;
    const row = told.rows[one.map], unit = row.value === null || row.unit === "1" ? "" : " " + row.unit;
    value.replaceChildren(row.symbol + " " + digits(row.value, row.std) + unit + " ", make("small", row.status));
    curve.innerHTML = told.svg;
    sentence.textContent = "Voxel " + told.voxel.join(", ") + ". " + told.sentence;
    sentence.classList.toggle("warn", Boolean(told.refused));
  };
  const follow = async (one) => {
    const mine = ++one.asked, {frame, note} = parts(one), now = [one.study, one.map];
    try {
      if (!studies[one.study].maps.length) {
        for (const name of ["frame", "bar", "select"]) parts(one)[name].hidden = true;
        parts(one).slice.parentElement.hidden = true;
        note.textContent = "A single spectrum: below.";
        const told = studies[one.study].spectrum ? await ask(one.study + "/spectrum") : {svg: "", sentence: "This study has no map and no spectrum."};
        if (mine === one.asked) { parts(one).curve.innerHTML = told.svg; parts(one).sentence.textContent = told.sentence; }
        return;
      }
      const fresh = one.hung || await ask(now.join("/") + "/hung");
      const there = isHung() ? await ask([study, map, ...place, "in", ...now].join("/")) : {linked: false, place: null, why: ""};
      if (mine !== one.asked) return;
      one.hung = fresh; one.isLinked = there.linked; one.isOutside = there.linked && !there.place;
      note.textContent = there.why;
      one.place = there.place || one.place || [fresh.fullest, Math.floor(fresh.rows / 2), Math.floor(fresh.columns / 2)];
      one.place = one.place.map((value, k) => Math.min(value, [fresh.slices, fresh.rows, fresh.columns][k] - 1));
      (fresh.edges || ["", "", "", ""]).forEach((edge, k) => { frame.querySelectorAll("b")[k].textContent = edge; });
      placed(one);
      await read(one);
    } catch (error) { if (mine === one.asked || one.hung) note.textContent = error.message; }
  };
  const followed = (but) => Promise.all(beside.filter((one) => one !== but).map(follow));
  const going = async (one, to) => {
    const mine = ++one.asked;
    one.place = to; one.isOutside = false;
    placed(one);
    try {
      const back = one.isLinked && isHung() ? await ask([one.study, one.map, ...to, "in", study, map].join("/")) : {place: null};
      if (mine !== one.asked) return;
      if (back.place) { place = back.place; draw(); look(one); }
      await read(one);
    } catch (error) { parts(one).note.textContent = error.message; }
  };
  // The map that the open study shows, where there is such a one; else the one that was shown.
  const matched = (one) => {
    const here = studies[study].maps[map], found = here ? studies[one.study].maps.findIndex((each) => each.key === here.key && each.name === here.name) : -1;
    const next = found >= 0 ? found : Math.min(one.map, Math.max(0, studies[one.study].maps.length - 1));
    if (next !== one.map) { one.map = next; one.hung = null; }
    parts(one).select.value = one.map;
  };
  const arranged = () => {
    const pair = document.querySelector(".pair");
    pair.classList.toggle("many", beside.length > 0);
    pair.style.setProperty("--shown", beside.filter((one) => studies[one.study].maps.length).length + (studies[study].maps.length ? 1 : 0) || 1);
    at("own").textContent = beside.length ? studies[study].label + " " + studies[study].title : "";
    at("own").hidden = !beside.length;
    [...at("studies").children].forEach((item, k) => {
      const isBeside = beside.some((one) => one.study === k);
      item.lastChild.setAttribute("aria-pressed", isBeside);
      item.lastChild.textContent = isBeside ? "−" : "+";
      item.lastChild.disabled = k === study;
    });
    sized();
  };
  const removed = (k) => {
    beside.filter((one) => one.study === k).forEach((one) => { one.box.remove(); one.told.remove(); });
    beside = beside.filter((one) => one.study !== k);
    arranged();
  };
  const added = (k) => {
    const box = make("figure", "", {className: "other"}), title = make("h2", ""), frame = make("div", "", {className: "frame"});
    title.append(make("span", studies[k].label + " " + studies[k].title, {className: "title"}), make("button", "close", {onclick: () => removed(k)}));
    frame.append(make("img", "", {className: "img", draggable: false}), drawing("svg", {class: "lines", preserveAspectRatio: "none", "aria-hidden": "true"}), make("i", "", {className: "down"}), make("i", "", {className: "across"}), ...[0, 1, 2, 3].map(() => make("b", "")));
    const select = make("select", "", {className: "select"}), slide = make("label", "Slice ", {className: "slider"});
    select.setAttribute("aria-label", "Map of " + studies[k].title);
    select.append(...studies[k].maps.map((shown, n) => make("option", shown.symbol + ", " + shown.name, {value: n})));
    slide.append(make("input", "", {type: "range", min: 0, className: "slice"}), make("output", ""));
    const bar = make("div", "", {className: "bar"}), told = make("div", "");
    bar.append(make("img", ""), make("span", "", {className: "unit"}), make("span", "", {className: "ticks"}));
    box.append(title, frame, bar, slide, select, ...["value", "note"].map((name) => make("p", "", {className: name})));
    told.append(make("h3", studies[k].label + " " + studies[k].title), make("p", "", {className: "sentence"}), make("div", "", {className: "curve plot"}));
    const one = {study: k, map: 0, hung: null, place: null, asked: 0, isLinked: false, isOutside: false, box, told};
    select.addEventListener("change", () => { one.map = Number(select.value); one.hung = null; follow(one); });
    box.querySelector(".slice").addEventListener("input", (event) => { if (one.hung) going(one, [Number(event.target.value), one.place[1], one.place[2]]); });
    frame.addEventListener("click", (event) => {
      if (!one.hung) return;
      const {left, top, width, height} = frame.getBoundingClientRect();
      going(one, [one.place[0], Math.floor(one.hung.rows * (event.clientY - top) / height), Math.floor(one.hung.columns * (event.clientX - left) / width)]);
    });
    at("numbers").before(box);
    at("curves").append(told);
    beside.push(one);
    matched(one);
    arranged();
    return follow(one);
  };
  const look = async (but) => {
    followed(but);
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
    lined([study, map]);
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
    beside.forEach(matched);
    draw();
    sized();
    await look();
  };
  const opinions = (all) => at("said").replaceChildren(...all.map((one) => make("li",
    one.when.slice(0, 16).replace("T", " ") + " · " + one.rater + (one.rating ? " · " + one.rating + " of 5" : "") + (one.comment ? "\n" + one.comment : ""))));
  const open = async (number) => {
    study = number; map = 0; hung = null; place = null; asked++;
    at("saved").textContent = "";
    const one = studies[study], mine = [study, map];
    removed(number);
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
    else if (event.key === "o" || event.key === "O") outlined(!at("outlined").checked);
    else if (/^[1-9]$/.test(event.key)) chosen(Number(event.key) - 1);
  });
  at("frame").addEventListener("click", (event) => {
    if (!isHung()) return;
    const box = at("slice").getBoundingClientRect();
    const row = Math.floor(hung.rows * (event.clientY - box.top) / box.height);
    const column = Math.floor(hung.columns * (event.clientX - box.left) / box.width);
    moved(0, row - place[1], column - place[2]);
  });
  at("outlined").addEventListener("change", () => outlined(at("outlined").checked));
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
      const add = make("button", "+", {className: "add", title: "Show beside", onclick: () => beside.some((each) => each.study === k) ? removed(k) : added(k)});
      add.setAttribute("aria-label", "Show " + one.label + " " + one.title + " beside");
      item.append(button, add);
      return item;
    }));
    return open(0);
  }).catch(said);
})();
