// Adds zoom, search, tooltips and keys. The picture is complete without this script.
//
// Every frame is <g class="f"> with a <title> (name; figures; place; library), a <rect> and a
// <text>, in the order of a walk down the tree: the callees of a frame follow it, up to
// frames[frame.end]. Its position in the whole is read once from its rect. After that, its place is
// computed from the zoomed frame. The URL's fragment contains zoom and search:
// #x=main;serve&search=json.
(function () {
  "use strict";

  const NS = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
  const MARGIN = 20, ROW = 24, FOOT = 70, NARROWEST = 800;
  const CALLERS = 3; // rows of callers above the zoomed frame; the path shows all of them
  const svg = document.documentElement, group = document.getElementById("frames"), foot = document.getElementById("foot");
  const hint = document.getElementById("hint"), delta = "delta" in svg.dataset, unit = svg.dataset.unit;
  const whole = Number(svg.dataset.whole), drawn = svg.viewBox.baseVal.width - 2 * MARGIN;
  const TOOLS = 92; // height of the tools
  const top = Number(hint.dataset.y) + TOOLS;

  // ---- the frames

  const frames = Array.from(group.querySelectorAll(".f"), function (g) {
    const title = g.querySelector("title"), rect = g.querySelector("rect"), lines = title.textContent.split("\n");
    title.remove(); // otherwise the browser would show it beside our tooltip
    return {
      g: g, rect: rect, text: g.querySelector("text"), name: lines[0], lines: lines,
      net: Number(g.dataset.n), error: Number(g.dataset.e || 0),
      x: (parseFloat(rect.getAttribute("x")) - MARGIN) / drawn, w: parseFloat(rect.getAttribute("width")) / drawn,
      depth: parseFloat(rect.getAttribute("y")) / ROW, parent: null, end: 0, hit: false, shown: true,
      some: rect.classList.contains("more") // it stands for several frames that are too narrow
    };
  });
  if (frames.length === 0) return;
  const path = [];
  frames.forEach(function (frame, i) {
    frame.i = i;
    frame.g.frame = frame;
    while (path.length > frame.depth) path.pop().end = i;
    frame.parent = path.length > 0 ? path[path.length - 1] : null;
    path.push(frame);
  });
  for (const frame of path) frame.end = frames.length;

  const root = frames[0];
  let zoomed = root, current = root, width = drawn, letter = 8.5, trail = [];

  function callers(frame) { // outermost first, the frame itself last
    const line = [];
    for (let f = frame; f; f = f.parent) line.unshift(f);
    return line;
  }

  // ---- figures, formatted like the profiler's

  function human(amount, sign) {
    const before = amount < 0 ? "-" : sign && amount > 0 ? "+" : "", steps = { bytes: 1024, nanoseconds: 1000 };
    const units = { bytes: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], nanoseconds: ["ns", "µs", "ms", "s"] }[unit];
    let size = Math.abs(amount), at = 0;
    if (!units) return before + String(Math.round(size)).replace(/\B(?=(\d{3})+$)/g, ",");
    while (size >= steps[unit] - 0.5 && at + 1 < units.length) { size /= steps[unit]; at++; }
    const digits = size >= 99.95 || Math.abs(size - Math.round(size)) < 0.005 ? 0 : size >= 9.995 ? 1 : 2;
    return before + size.toFixed(digits) + " " + units[at];
  }

  function share(part) {
    return (100 * part).toFixed(part < 0.01 && part > 0 ? 2 : 1).replace(/\.0+$/, "") + " %";
  }

  function figures(net, error) {
    return human(net, delta) + (error > 0 ? " ± " + human(Math.ceil(error), false) : "");
  }

  // ---- drawing

  function label(frame, w) {
    const room = Math.floor((w - 8) / letter), long = frame.name + "  " + human(frame.net, delta);
    if (room < 3) return "";
    if (long.length <= room) return long;
    return frame.name.length <= room ? frame.name : frame.name.slice(0, room - 1) + "…";
  }

  function place(frame, x, w, above) {
    frame.g.classList.toggle("above", above);
    frame.rect.setAttribute("x", MARGIN + x);
    frame.rect.setAttribute("width", w);
    frame.text.setAttribute("x", MARGIN + x + 4);
    frame.text.textContent = label(frame, w);
  }

  function draw() {
    const seen = svg.clientWidth || drawn + 2 * MARGIN, line = callers(zoomed).slice(-1 - CALLERS);
    width = Math.max(NARROWEST, seen) - 2 * MARGIN;
    let deepest = zoomed.depth;
    for (const frame of frames) {
      const below = frame.i >= zoomed.i && frame.i < zoomed.end, shown = below || line.includes(frame);
      if (shown !== frame.shown) {
        frame.shown = shown;
        if (shown) frame.g.removeAttribute("display");
        else frame.g.setAttribute("display", "none");
      }
      if (!shown) continue;
      deepest = Math.max(deepest, frame.depth);
      if (below) place(frame, (frame.x - zoomed.x) / zoomed.w * width, frame.w / zoomed.w * width, false);
      else place(frame, 0, width, true);
    }
    const lifted = line[0].depth, bottom = top + (deepest - lifted + 1) * ROW, height = bottom + FOOT;
    group.setAttribute("transform", "translate(0," + (top - lifted * ROW) + ")");
    foot.setAttribute("transform", "translate(0," + bottom + ")");
    foot.querySelector("line").setAttribute("x2", width + MARGIN);
    svg.setAttribute("viewBox", "0 0 " + (width + 2 * MARGIN) + " " + height);
    svg.setAttribute("height", height * Math.min(1, seen / (width + 2 * MARGIN)));
    tools.setAttribute("width", width + 8);
    drawPath();
  }

  // ---- the tools: search, its result, and the path to the zoomed frame

  function make(name, properties, text) {
    const element = document.createElementNS(XHTML, name);
    for (const key in properties) element.setAttribute(key, properties[key]);
    element.textContent = text || "";
    return element;
  }

  function button(text, action) {
    const element = make("button", { type: "button", title: text }, text);
    element.addEventListener("click", action);
    return element;
  }

  const tools = document.createElementNS(NS, "foreignObject"), bar = make("div", { "class": "tools" });
  const input = make("input", { type: "search", placeholder: "Search: a regular expression  ( / )", spellcheck: "false",
    "aria-label": "Search functions, files and libraries by a regular expression" });
  const found = make("output", { role: "status" }), finder = make("div", { role: "search" });
  const all = button("Show all", function () { go(root); }), way = make("div", { role: "navigation", "aria-label": "Callers of what is shown" });
  tools.setAttribute("x", MARGIN - 4); // room for the focus ring
  tools.setAttribute("y", hint.dataset.y - 12);
  tools.setAttribute("height", TOOLS);
  finder.append(input, all, found);
  bar.append(finder, way);
  tools.append(bar);
  hint.replaceWith(tools);

  function drawPath() {
    const line = callers(zoomed), room = Math.max(2, Math.floor(width / 200) - 2);
    way.replaceChildren();
    all.hidden = zoomed === root;
    if (zoomed === root) {
      way.textContent = "A click or Enter zooms, Escape goes back, arrow keys move.";
      return;
    }
    line.forEach(function (frame, i) {
      if (i > 0 && i < line.length - room) {
        if (i === 1) way.append(make("span", {}, "›"), make("span", {}, "…"));
        return;
      }
      const step = button(frame.name, function () { go(frame); });
      if (frame === zoomed) step.setAttribute("aria-current", "true");
      if (i > 0) way.append(make("span", {}, "›"));
      way.append(step);
    });
  }

  // The callees of a match are included in its figures, and are not counted again.
  function search(text) {
    let wanted = null, trouble = "";
    try {
      wanted = text === "" ? null : new RegExp(text, "i");
    } catch (error) {
      trouble = "not a regular expression";
    }
    let n = 0, counted = 0, net = 0, variance = 0, part = 0, inside = 0;
    for (const frame of frames) {
      frame.hit = wanted !== null && !frame.some && [frame.name].concat(frame.lines.slice(2)).some(function (text) { return wanted.test(text); });
      frame.g.classList.toggle("hit", frame.hit);
      if (!frame.hit) continue;
      n++;
      if (frame.i < counted) continue;
      counted = frame.end;
      net += frame.net;
      variance += frame.error * frame.error;
      part += frame.w;
      inside += Math.max(0, Math.min(frame.x + frame.w, zoomed.x + zoomed.w) - Math.max(frame.x, zoomed.x));
    }
    svg.classList.toggle("searching", wanted !== null);
    input.setAttribute("aria-invalid", trouble !== "");
    found.textContent = trouble || (wanted === null ? "" : (n === 1 ? "1 frame, " : n + " frames, ") +
      figures(net, Math.sqrt(variance)) + ", " + share(part) + " of all" +
      (zoomed === root ? "" : ", " + share(Math.min(1, inside / zoomed.w)) + " of what is zoomed"));
  }

  // ---- the fragment

  function fragment() {
    const parts = [];
    if (zoomed !== root) parts.push("x=" + callers(zoomed).slice(1).map(function (f) { return encodeURIComponent(f.name); }).join(";"));
    if (input.value !== "") parts.push("search=" + encodeURIComponent(input.value));
    return "#" + parts.join("&");
  }

  function decoded(text) {
    try { return decodeURIComponent(text); } catch (error) { return text; }
  }

  // Follows the path as far as it exists in this picture: another picture of the same program may
  // lack its end.
  function follow(names) {
    let at = root;
    for (const name of names) {
      let i = at.i + 1;
      while (i < at.end && frames[i].name !== name) i = frames[i].end;
      if (i >= at.end) break;
      at = frames[i];
    }
    return at;
  }

  function read() {
    if (location.hash === written) return;
    const given = {};
    written = location.hash;
    for (const part of location.hash.slice(1).split("&")) {
      const at = part.indexOf("=");
      if (at > 0) given[part.slice(0, at)] = part.slice(at + 1);
    }
    zoomed = follow((given.x || "").split(";").filter(Boolean).map(decoded));
    input.value = decoded(given.search || "");
    reach(zoomed);
    draw();
    search(input.value);
  }
  let written = null;

  function write(replace) {
    written = fragment();
    if (written === (location.hash || "#")) return;
    if (replace) location.replace(written);
    else location.hash = written;
    written = location.hash;
  }

  // ---- zoom and keys

  function show(frame) {
    zoomed = frame;
    hideTip();
    reach(frame);
    draw();
    search(input.value);
    write(false);
  }

  function go(frame) {
    if (frame === zoomed) return;
    trail.push(zoomed);
    show(frame);
    if (document.activeElement && document.activeElement.frame) frame.g.focus({ preventScroll: true });
    if (frame.g.getBoundingClientRect().top < 0) frame.g.scrollIntoView({ block: "center" });
  }

  // Tab reaches only one frame. Arrow keys move from there.
  function reach(frame) {
    current.g.setAttribute("tabindex", -1);
    current = frame;
    current.g.setAttribute("tabindex", 0);
  }

  function neighbour(key) {
    const step = key === "ArrowRight" ? 1 : -1;
    if (key === "Home") return zoomed;
    if (key === "ArrowUp") return current.parent;
    if (key === "ArrowDown") {
      const below = frames[current.i + 1];
      return current.depth < zoomed.depth ? callers(zoomed)[current.depth + 1] : below && below.depth > current.depth ? below : null;
    }
    for (let i = current.i + step; i >= 0 && i < frames.length; i += step)
      if (frames[i].shown && frames[i].depth === current.depth) return frames[i];
    return null;
  }

  function escape() {
    if (document.activeElement === input && input.value !== "") {
      input.value = "";
    } else if (trail.length > 0) {
      show(trail.pop());
      current.g.focus({ preventScroll: true });
    } else if (zoomed !== root) {
      show(root);
    } else {
      input.value = "";
    }
    search(input.value);
    write(true);
  }

  document.addEventListener("keydown", function (event) {
    const frame = event.target.frame;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      escape();
    } else if (event.key === "/" && event.target !== input) {
      input.focus();
      input.select();
    } else if (frame && (event.key === "Enter" || event.key === " ")) {
      go(frame);
      tip(zoomed);
    } else if (frame && (event.key.startsWith("Arrow") || event.key === "Home")) {
      const next = neighbour(event.key);
      if (next && next.shown) {
        reach(next);
        next.g.focus();
      }
    } else {
      return;
    }
    event.preventDefault();
  });
  input.addEventListener("input", function () { search(input.value); write(true); });

  // ---- tooltips

  const bubble = document.createElementNS(NS, "foreignObject"), words = make("div", {});
  bubble.setAttribute("class", "tip");
  bubble.setAttribute("visibility", "hidden");
  bubble.append(words);
  svg.append(bubble);

  function tell(frame) {
    const lines = [frame.name, figures(frame.net, frame.error), share(frame.w) + " of all"];
    const both = /\(.*\)$/.exec(frame.lines[1]); // in a difference: what grew and what shrank
    if (both) lines[1] += " " + both[0];
    if (zoomed !== root && frame.depth >= zoomed.depth) lines[2] += ", " + share(frame.w / zoomed.w) + " of what is zoomed";
    return lines.concat(frame.lines.slice(2).filter(Boolean));
  }

  // Beside the mouse or below the frame, within the visible part of the page.
  function tip(frame, event) {
    words.replaceChildren.apply(words, tell(frame).map(function (text) { return make("p", {}, text); }));
    const scale = svg.getScreenCTM(), box = frame.rect.getBoundingClientRect();
    bubble.setAttribute("width", Math.min(640, width));
    bubble.setAttribute("height", 400);
    const size = words.getBoundingClientRect(), wide = size.width / scale.a, high = size.height / scale.a;
    bubble.setAttribute("width", wide + 1);
    bubble.setAttribute("height", high + 1);
    const right = (event ? event.clientX : Math.max(0, box.left)) + 12, under = event ? event.clientY + 18 : box.bottom + 6;
    const above = (event ? event.clientY - 10 : box.top - 6) - high * scale.a;
    const lowest = Math.min(window.innerHeight, svg.getBoundingClientRect().bottom) - high * scale.a;
    const x = (right - scale.e) / scale.a, y = (under > lowest && above > 0 ? above : under) - scale.f;
    bubble.setAttribute("x", Math.max(0, Math.min(x, width + 2 * MARGIN - wide - 4)));
    bubble.setAttribute("y", y / scale.d);
    bubble.setAttribute("visibility", "visible");
  }

  function hideTip() {
    bubble.setAttribute("visibility", "hidden");
  }

  // ---- events

  group.setAttribute("role", "tree");
  group.setAttribute("aria-label", document.querySelector("title").textContent);
  for (const frame of frames) {
    frame.g.setAttribute("tabindex", frame === root ? 0 : -1);
    frame.g.setAttribute("role", "treeitem");
    frame.g.setAttribute("aria-level", frame.depth + 1);
    frame.g.setAttribute("aria-label", frame.lines.filter(Boolean).join(", "));
  }
  function frameOf(event) {
    const g = event.target.closest(".f");
    return g ? g.frame : null;
  }
  group.addEventListener("mousemove", function (event) {
    const frame = frameOf(event);
    if (frame) tip(frame, event);
    else hideTip();
  });
  group.addEventListener("mouseleave", hideTip);
  group.addEventListener("click", function (event) {
    const frame = frameOf(event);
    if (!frame) return;
    reach(frame);
    frame.g.focus({ preventScroll: true });
    go(frame);
  });
  document.addEventListener("focusin", function (event) { // on the document, because a group with a listener could get the focus itself
    const frame = frameOf(event);
    if (frame && frame.g.matches(":focus-visible")) tip(frame);
  });
  document.addEventListener("focusout", hideTip);
  window.addEventListener("hashchange", read);
  window.addEventListener("resize", draw);

  letter = (function () { // the width of a letter in the font that is really used
    const probe = root.text.cloneNode(false);
    probe.textContent = "mmmmmmmmmm";
    root.g.append(probe);
    const wide = probe.getComputedTextLength() / 10;
    probe.remove();
    return wide > 1 ? wide : letter;
  })();
  svg.setAttribute("width", "100%");
  read();
})();
