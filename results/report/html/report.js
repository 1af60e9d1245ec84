"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const T = data.texts, rows = data.rows, PAGE = 100;
  // Columns of a row: see html_data.cpp.
  const C = {label: 0, workload: 1, backend: 2, dataset: 3, status: 4, mark: 5, energy: 6,
             move: 7, rate: 8, fidelity: 9, accuracy: 10, age: 11, more: 12};
  const SIGNS = ["", "~", "?", "°", "*"];
  const MARKS = ["measured", "modelled", "modelled, not validated", "theory bound", "literature"];
  const CATEGORIES = ["compute", "conversion", "movement", "control", "static", "programming",
                      "calibration"];
  const PREFIXES = ["z", "a", "f", "p", "n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];

  // Ties go to the even digit, as in the static table; toPrecision() rounds them up.
  const rounded = (value, digits) => {
    const [mantissa, exponent] = Math.abs(value).toExponential(60).split("e");
    const all = mantissa.replace(".", "");
    const down = /^50*$/.test(all.slice(digits)) && "02468".includes(all[digits - 1]);
    if (!down) return Number(value.toPrecision(digits));
    return Math.sign(value) * Number(all[0] + "." + all.slice(1, digits) + "e" + exponent);
  };
  const si = (value, unit, digits = 3) => {
    if (value === null) return "";
    if (value === 0) return ("0 " + unit).trim();
    const shown = rounded(value, digits);
    const at = 7 + Math.floor(Math.floor(Math.log10(Math.abs(shown)) + 1e-12) / 3);
    if (at < 0 || at >= PREFIXES.length) return (shown.toExponential(digits - 1) + " " + unit).trim();
    const scaled = shown / Math.pow(10, 3 * (at - 7));
    const before = Math.floor(Math.log10(Math.abs(scaled)) + 1e-12) + 1;
    return (scaled.toFixed(Math.max(0, digits - before)) + " " + PREFIXES[at] + unit).trim();
  };
  const duration = (s) => {
    const steps = [[31557600, "y", 2], [86400, "d", 2], [3600, "h", 1], [60, "min", 2], [1, "s", 0]];
    for (const [size, unit, least] of steps) {
      if (s >= size * (least || 1)) return rounded(s / size, 3) + " " + unit;
    }
    return s ? si(s, "s") : "0 s";
  };
  const element = (name, text, css) => {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (css) e.className = css;
    return e;
  };
  // Two digits, with an exponent below 1e-4: as the static table writes it.
  const errorText = (error) => {
    const shown = rounded(error, 2);
    return shown !== 0 && shown < 1e-4 ? shown.toExponential().replace("e+", "e") : String(shown);
  };
  const energyText = (e) => (e ? si(e[0], "J", e[2]) + SIGNS[e[1]] : "");
  const fidelityText = (r) => (r[C.fidelity] === null ? "" : r[C.accuracy]
      ? (100 * r[C.fidelity]).toFixed(2) + " %" : errorText(r[C.fidelity]));

  // The table: columns as in the static one, which this replaces.
  const columns = [{get: (r) => T[r[C.label]], text: (r) => T[r[C.label]]},
                   {get: (r) => T[r[C.workload]], text: (r) => T[r[C.workload]], css: "t"}];
  for (const b of data.boundaries) {
    columns.push({get: (r) => (r[C.energy][b] ? r[C.energy][b][0] : null),
                  text: (r) => energyText(r[C.energy][b])});
  }
  columns.push({get: (r) => r[C.move], text: (r) => (r[C.move] === null ? "" : Math.round(100 * r[C.move]) + " %")});
  columns.push({get: (r) => r[C.rate], text: (r) => si(r[C.rate], "")});
  columns.push({get: (r) => r[C.fidelity], text: fidelityText});
  columns.push({get: (r) => r[C.age], text: (r) => duration(r[C.age])});
  columns.push({get: (r) => r[C.mark], css: "t",
                text: (r) => (r[C.status] ? T[r[C.status]] : MARKS[r[C.mark]] || "")});

  let shown = rows.map((_, i) => i), sorted = {column: -1, up: true}, length = PAGE;
  const body = $("rows");
  const draw = () => {
    const fragment = document.createDocumentFragment();
    for (const i of shown.slice(0, length)) {
      const tr = element("tr");
      tr.dataset.row = i;
      for (const c of columns) tr.append(element("td", c.text(rows[i]), c.css));
      fragment.append(tr);
    }
    body.replaceChildren(fragment);
    $("more").hidden = shown.length <= length;
    $("count").textContent = shown.length === rows.length ? rows.length + " rows"
        : shown.length + " of " + rows.length + " rows";
  };
  const sort = () => {
    if (sorted.column < 0) return;
    const get = columns[sorted.column].get, sign = sorted.up ? 1 : -1;
    shown.sort((a, b) => {
      const x = get(rows[a]), y = get(rows[b]);
      if (x === y) return a - b;
      if (x === null) return 1;
      if (y === null) return -1;
      return (x < y ? -1 : 1) * sign;
    });
  };
  const heads = document.querySelectorAll("#table th");
  heads.forEach((th, c) => {
    const button = element("button", th.textContent);
    button.type = "button";
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      sorted = {column: c, up: sorted.column === c ? !sorted.up : true};
      heads.forEach((h, k) => (k === c ? h.setAttribute("aria-sort", sorted.up ? "ascending" : "descending")
          : h.removeAttribute("aria-sort")));
      sort();
      draw();
    });
  });

  // Filters act on the table and fade what they leave out of the figures.
  const marks = [...document.querySelectorAll("svg [data-i]")];
  const fill = (select, values, name) => values.forEach((v) => {
    const option = element("option", name(v));
    option.value = v;
    select.append(option);
  });
  const used = (column) => [...new Set(rows.map((r) => r[column]))];
  fill($("f-backend"), used(C.backend), (v) => T[v]);
  fill($("f-workload"), used(C.workload).slice(0, 500), (v) => T[v]);
  fill($("f-mark"), used(C.mark).filter((v) => v >= 0).sort(), (v) => MARKS[v]);
  const filter = () => {
    const words = $("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const backend = $("f-backend").value, workload = $("f-workload").value, mark = $("f-mark").value;
    const keeps = (r) => (backend === "" || r[C.backend] === Number(backend)) &&
        (workload === "" || r[C.workload] === Number(workload)) &&
        (mark === "" || r[C.mark] === Number(mark)) &&
        (words.length === 0 || words.every((w) => (T[r[C.label]] + " " + T[r[C.workload]] + " " +
            T[r[C.dataset]] + " " + T[r[C.status]]).toLowerCase().includes(w)));
    const kept = new Uint8Array(rows.length);
    shown = [];
    rows.forEach((r, i) => {
      if (keeps(r)) {
        kept[i] = 1;
        shown.push(i);
      }
    });
    for (const m of marks) m.classList.toggle("off", !kept[m.dataset.i]);
    length = PAGE;
    sort();
    draw();
  };
  for (const id of ["f-text", "f-backend", "f-workload", "f-mark"]) $(id).addEventListener("input", filter);
  $("f-clear").addEventListener("click", () => {
    for (const id of ["f-text", "f-backend", "f-workload", "f-mark"]) $(id).value = "";
    filter();
  });
  $("more").addEventListener("click", () => {
    length += 10 * PAGE;
    draw();
  });
  addEventListener("beforeprint", () => {
    length = 2000;
    draw();
  });

  // One record, whole: facts, ledger, sources, the command that runs it again.
  const dialog = $("detail");
  const fact = (list, name, value) => {
    if (value === "" || value === undefined || value === null) return;
    list.append(element("dt", name), element("dd", value));
  };
  const ledgerTable = (ledger) => {
    const table = element("table"), head = element("tr");
    for (const [name, css] of [["component"], ["category", "t"], ["layer", "t"], ["at"], ["count"],
                               ["J per action"], ["J/MAC"], ["class"], ["source", "t"]]) {
      head.append(element("th", name, css));
    }
    table.append(element("thead"), element("tbody"));
    table.tHead.append(head);
    for (const [what, category, layer, boundary, count, each, perMac, cls, source] of ledger) {
      const tr = element("tr");
      for (const [text, css] of [[T[what]], [CATEGORIES[category], "t"], [T[layer], "t"], ["B" + boundary],
                                 [Number(count.toPrecision(6)).toString()], [si(each, "J")],
                                 [si(perMac, "J")], [cls], [T[source], "t"]]) {
        tr.append(element("td", text, css));
      }
      table.tBodies[0].append(tr);
    }
    const box = element("div", undefined, "wide");
    box.append(table);
    return box;
  };
  const open = (i) => {
    const r = rows[i], more = r[C.more] || [];
    const content = $("detail-content"), list = element("dl");
    content.replaceChildren(element("h2", T[r[C.label]]), element("p", T[r[C.workload]], "lead"), list);
    for (const b of data.boundaries) {
      const e = r[C.energy][b];
      if (!e) continue;
      const interval = e.length > 3 ? " [" + si(e[3], "J", 2) + ", " + si(e[4], "J", 2) + "]" : "";
      fact(list, "B" + b, energyText(e) + "/MAC" + interval + ", " + MARKS[e[1]]);
    }
    fact(list, "speed", r[C.rate] === null ? "" : si(r[C.rate], "MAC/s"));
    fact(list, r[C.accuracy] ? "top-1" : "error", fidelityText(r));
    fact(list, "age", duration(r[C.age]));
    fact(list, "status", T[r[C.status]]);
    fact(list, "record", more[0]);
    fact(list, "run", T[more[1]]);
    const repro = T[more[2]];
    if (repro) {
      const code = element("code", repro), dd = element("dd");
      dd.append(code);
      list.append(element("dt", "again"), dd);
    }
    const ledger = data.ledgers && data.ledgers[i];
    if (ledger) content.append(element("h3", "Ledger"), ledgerTable(ledger));
    tip.hidden = true;
    dialog.showModal();
  };
  $("detail-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
  body.addEventListener("click", (e) => {
    const tr = e.target.closest("tr");
    if (tr) open(Number(tr.dataset.row));
  });

  // Hover: the mark's own title, shown at once and where a finger can reach it.
  const tip = $("tip"), hovers = new Map();
  for (const e of document.querySelectorAll("svg .m, svg .bar")) {
    const title = e.querySelector("title");
    if (!title) continue;
    hovers.set(e, title.textContent);
    title.remove();
  }
  const place = (x, y) => {
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 4)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + "px";
  };
  document.addEventListener("pointermove", (e) => {
    const text = e.target instanceof Element && hovers.get(e.target);
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    place(e.clientX, e.clientY);
  });
  document.addEventListener("click", (e) => {
    const mark = e.target instanceof Element && e.target.closest("svg [data-i]");
    if (mark) open(Number(mark.dataset.i));
  });

  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  for (const id of ["controls", "theme"]) $(id).hidden = false;
  draw();
})();
