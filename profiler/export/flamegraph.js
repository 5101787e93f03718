// Makes the picture live: click to zoom, search, keys. Without it the picture is complete as it is.
//
// Every frame is <g class="f"> with a <title> (name, then figures, then the place), a <rect> and a
// <text>. Where a frame lies in the whole is read once from its rect; from then on the visible part
// of the whole, [from, from + span), decides where it is drawn.
(function () {
  "use strict";

  const NS = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
  const svg = document.documentElement;
  const MARGIN = 16, ROW = 20, LETTER = 7.25;
  const drawn = svg.viewBox.baseVal.width - 2 * MARGIN;

  const frames = Array.from(svg.querySelectorAll(".f"), function (g) {
    const rect = g.querySelector("rect"), lines = g.querySelector("title").textContent.split("\n");
    const frame = {
      g: g, rect: rect, text: g.querySelector("text"), name: lines[0], amount: g.dataset.v, lines: lines,
      x: (parseFloat(rect.getAttribute("x")) - MARGIN) / drawn,
      w: parseFloat(rect.getAttribute("width")) / drawn,
      y: parseFloat(rect.getAttribute("y")), hit: false
    };
    g.frame = frame;
    return frame;
  });
  if (frames.length === 0) return;
  const root = frames[0], status = document.getElementById("status"), idle = status.textContent;
  const TINY = 1e-6;
  let zoomed = root, current = root, width = drawn;

  function inside(frame, outer) {
    return frame.x >= outer.x - TINY && frame.x + frame.w <= outer.x + outer.w + TINY;
  }

  function label(frame, w) {
    const room = Math.floor((w - 8) / LETTER);
    if (room < 3) return "";
    const whole = frame.name + "  " + frame.amount;
    if (whole.length <= room) return whole;
    return frame.name.length <= room ? frame.name : frame.name.slice(0, room - 1) + "…";
  }

  function draw() {
    width = Math.max(400, svg.clientWidth - 2 * MARGIN);
    svg.viewBox.baseVal.width = width + 2 * MARGIN;
    svg.querySelectorAll(".right").forEach(function (e) { e.setAttribute("x", width + MARGIN); });
    svg.querySelectorAll(".rule").forEach(function (e) { e.setAttribute("x2", width + MARGIN); });
    for (const frame of frames) {
      const above = frame.y < zoomed.y && inside(zoomed, frame);
      const shown = above || (frame.y >= zoomed.y && inside(frame, zoomed));
      frame.g.style.display = shown ? "" : "none";
      frame.shown = shown;
      if (!shown) continue;
      frame.g.classList.toggle("above", above);
      const x = above ? 0 : (frame.x - zoomed.x) / zoomed.w * width;
      const w = above ? width : frame.w / zoomed.w * width;
      frame.rect.setAttribute("x", MARGIN + x);
      frame.rect.setAttribute("width", w);
      frame.text.setAttribute("x", MARGIN + x + 4);
      frame.text.textContent = label(frame, w);
    }
    bar.setAttribute("x", width + MARGIN - 420);
    back.style.visibility = zoomed === root ? "hidden" : "visible";
  }

  function zoom(frame) {
    zoomed = frame;
    draw();
  }

  // Tab reaches one frame; arrow keys go on from there.
  function focus(frame) {
    if (!frame) return;
    current.g.setAttribute("tabindex", -1);
    current = frame;
    current.g.setAttribute("tabindex", 0);
    current.g.focus();
  }

  function neighbour(key) {
    const shown = frames.filter(function (f) { return f.shown; });
    const at = function (row) { return shown.filter(function (f) { return f.y === row; }); };
    if (key === "ArrowUp") return at(current.y - ROW).find(function (f) { return inside(current, f); });
    if (key === "ArrowDown") return at(current.y + ROW).find(function (f) { return inside(f, current); });
    const row = at(current.y).sort(function (a, b) { return a.x - b.x; });
    return row[row.indexOf(current) + (key === "ArrowRight" ? 1 : -1)];
  }

  // A match below a match is not counted twice.
  function search(text) {
    const wanted = text.trim().toLowerCase();
    const hits = [];
    for (const frame of frames) {
      frame.hit = wanted !== "" && (frame.name + "\n" + frame.lines[2]).toLowerCase().includes(wanted);
      frame.g.classList.toggle("hit", frame.hit);
      if (frame.hit) hits.push(frame);
    }
    svg.classList.toggle("searching", wanted !== "");
    let share = 0, end = -1;
    hits.sort(function (a, b) { return a.x - b.x || b.w - a.w; });
    for (const hit of hits) {
      share += Math.max(0, hit.x + hit.w - Math.max(end, hit.x));
      end = Math.max(end, hit.x + hit.w);
    }
    found = wanted === "" ? "" : "“" + text.trim() + "”: " + hits.length + (hits.length === 1 ? " frame, " : " frames, ") +
      (100 * share).toFixed(1) + " % of the whole";
    status.textContent = found || idle;
  }
  let found = "";

  // The search field exists only where it can work: not in a picture on a page.
  const bar = document.createElementNS(NS, "foreignObject");
  const row = document.createElementNS(XHTML, "div"), input = document.createElementNS(XHTML, "input");
  const back = document.createElementNS(XHTML, "button");
  bar.setAttribute("y", 14);
  bar.setAttribute("width", 420);
  bar.setAttribute("height", 32);
  row.setAttribute("class", "bar");
  input.setAttribute("placeholder", "Search functions and files ( / )");
  input.setAttribute("aria-label", "Search functions and files");
  back.textContent = "Show all (Esc)";
  row.append(back, input);
  back.style.marginRight = "6px";
  bar.append(row);
  svg.append(bar);

  input.addEventListener("input", function () { search(input.value); });
  back.addEventListener("click", function () { zoom(root); });
  for (const frame of frames) {
    frame.g.setAttribute("tabindex", frame === root ? 0 : -1);
    frame.g.setAttribute("role", "button");
    frame.g.setAttribute("aria-label", frame.lines.join(", "));
    const show = function () { status.textContent = frame.lines.join("   ·   "); };
    const leave = function () { status.textContent = found || idle; };
    frame.g.addEventListener("mouseenter", show);
    frame.g.addEventListener("focus", show);
    frame.g.addEventListener("mouseleave", leave);
    frame.g.addEventListener("blur", leave);
    frame.g.addEventListener("click", function () { focus(frame); zoom(frame); });
  }
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      input.value = "";
      search("");
      zoom(root);
      focus(root);
    } else if (event.target === input) {
      return;
    } else if (event.key === "/") {
      input.focus();
    } else if (event.key === "Enter" && event.target.frame) {
      zoom(current);
    } else if (event.key.startsWith("Arrow") && event.target.frame) {
      focus(neighbour(event.key));
    } else {
      return;
    }
    event.preventDefault();
  });

  svg.setAttribute("width", "100%");
  window.addEventListener("resize", draw);
  draw();
})();
