// <sinho-lights>: the providers' lights on a site's own page, live. What stands
// inside the element is shown until the first board has come, and for ever where
// this script cannot run. Order and words are the broker's; nothing is sent to it.
//
// An element waits (what the site put inside), shows (a board has come), or shows
// stale (none for a while; the last one stays and the foot says so). It never goes
// back to waiting. All elements of a broker share one connection, which lives as
// long as one of them is on the page; one that is moved leaves and joins in the
// same turn, so the connection is ended a turn later, if still nobody is there. A
// board older than the one shown, from a node that is behind, is dropped.
"use strict";
var SHAPE = { green: "●", yellow: "▲", red: "■", grey: "✕" };
var QUIET = 10000; // ms between two announcements to whoever listens
var script = document.currentScript || document.querySelector('script[src*="/embed/lights.js"]');
var HOME = script && script.src ? new URL(script.src).origin : location.origin;
var sheet;
try {
  sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
} catch (e) { return; } // too old a browser: what the site put inside stays
if (customElements.get("sinho-lights")) return;

// ---- one connection for all elements of a page
var feeds = {};
function feedOf(origin) {
  return (feeds[origin] = feeds[origin] || { origin: origin, watching: new Set(), board: null, stale: false, end: null });
}
function join(feed, one) {
  feed.watching.add(one);
  if (!feed.end) {
    feed.end = scope.sinho.live.start(function (board) {
      var at = Date.parse(board.at) || 0;
      if (feed.board && at < (Date.parse(feed.board.at) || 0)) return;
      feed.board = board;
      feed.watching.forEach(function (w) { w.show(); });
    }, function (stale) {
      if (stale === feed.stale) return;
      feed.stale = stale;
      feed.watching.forEach(function (w) { w.show(); });
    }, feed.origin);
  }
  one.show();
}
function part(feed, one) {
  feed.watching.delete(one);
  setTimeout(function () { // an element that is only moved comes back at once
    if (feed.watching.size || !feed.end) return;
    feed.end();
    feed.end = feed.board = null;
  }, 0);
}

// ---- words
function say(lang, key, t) { return (WORDS[lang][key] || "").replace("{t}", t || ""); }

// Korean civil time, whatever the device's zone: UTC+9, no daylight saving. A day
// that is not today is named.
function clock(rfc3339) {
  var ms = Date.parse(rfc3339) + 9 * 3600000;
  if (isNaN(ms)) return "";
  var s = new Date(ms).toISOString(), now = new Date(Date.now() + 9 * 3600000).toISOString();
  var day = s.slice(0, 10) === now.slice(0, 10) ? "" : s.slice(5, 10).replace("-", "/") + " ";
  return day + s.slice(11, 16);
}

function nameOf(p, lang) { return (p.name && (p.name[lang] || p.name.ko || p.name.en)) || p.id; }

function make(tag, name, attributes) {
  var e = document.createElement(tag);
  if (name) { e.className = name; e.setAttribute("part", name); }
  for (var a in attributes) e.setAttribute(a, attributes[a]);
  return e;
}
function put(e, text) { if (e.textContent !== text) e.textContent = text; }

class SinhoLights extends HTMLElement {
  static get observedAttributes() { return ["lang", "providers", "broker"]; }

  constructor() {
    super();
    var root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.fallback = make("slot");
    this.box = make("div", "box", { role: "group" });
    this.list = make("ul", "list", { role: "list" });
    this.foot = make("p", "foot");
    this.status = make("p", "unseen", { role: "status", "aria-live": "polite" });
    this.box.hidden = true;
    this.box.append(this.list, this.foot);
    root.append(this.fallback, this.box, this.status);
    this.rows = new Map();
    this.told = {}; // lights as they were last told to whoever listens
    this.over = false;
    this.box.addEventListener("pointerenter", () => { this.over = true; });
    this.box.addEventListener("pointerleave", () => { this.over = false; this.show(); });
  }

  connectedCallback() {
    this.feed = feedOf(this.getAttribute("broker") || HOME);
    join(this.feed, this);
  }

  disconnectedCallback() {
    clearTimeout(this.telling);
    this.telling = 0;
    if (this.feed) part(this.feed, this);
    this.feed = null;
  }

  attributeChangedCallback(name, before, now) {
    if (!this.feed || before === now) return;
    if (name === "broker") { this.disconnectedCallback(); this.connectedCallback(); return; }
    this.show();
  }

  language() {
    var near = this.closest("[lang]");
    return /^en\b/i.test(near ? near.getAttribute("lang") : "") ? "en" : "ko";
  }

  wanted(board) {
    var only = (this.getAttribute("providers") || "").split(/[\s,]+/).filter(Boolean);
    return board.providers.filter(function (p) { return !only.length || only.indexOf(p.id) >= 0; });
  }

  show() {
    if (!this.feed || !this.feed.board) return;
    var board = this.feed.board, lang = this.language(), all = this.wanted(board);
    if (!all.length) return;
    this.box.lang = lang;
    this.box.setAttribute("aria-label", say(lang, "embed.title"));
    this.place(all);
    all.forEach((p) => { if (this.rows.has(p.id)) this.fill(this.rows.get(p.id), p, lang); });
    put(this.foot, say(lang, this.feed.stale ? "choose.stale" : board.local ? "choose.local" : "embed.from"));
    this.foot.classList.toggle("warns", this.feed.stale || !!board.local);
    this.box.hidden = false;
    this.fallback.hidden = true;
    this.listen(all, lang);
  }

  // place makes rows come, go and stand in the board's order, but not under a
  // pointer.
  place(all) {
    var ids = all.map(function (p) { return p.id; });
    var same = ids.join(" ") === Array.from(this.list.children, function (li) { return li.dataset.id; }).join(" ");
    if (same || (this.over && this.rows.size)) return;
    this.rows.forEach((row, id) => { if (ids.indexOf(id) < 0) { row.remove(); this.rows.delete(id); } });
    ids.forEach((id) => {
      if (!this.rows.has(id)) this.rows.set(id, this.row(id));
      this.list.append(this.rows.get(id));
    });
  }

  row(id) {
    var li = make("li", "row"), light = make("span", "light"), why = make("span", "why");
    li.dataset.id = id;
    light.append(make("span", "shape", { "aria-hidden": "true" }), make("span", "word"));
    why.append(make("span", "reason"), " ", make("span", "until"));
    li.append(make("span", "name"), light, why, make("span", "since"));
    return li;
  }

  fill(li, p, lang) {
    var light = SHAPE[p.light] ? p.light : "yellow", at = function (c) { return li.querySelector("." + c); };
    var reason = p.reason && (p.reason[lang] || p.reason.ko || p.reason.en);
    li.dataset.light = light;
    put(at("name"), nameOf(p, lang));
    put(at("shape"), SHAPE[light]);
    put(at("word"), say(lang, "light." + light));
    put(at("reason"), reason || say(lang, p.measured ? "light." + light + ".is" : "light.unmeasured"));
    put(at("until"), p.until ? say(lang, "until", clock(p.until))
      : p.planned ? say(lang, "planned").replace("{from}", clock(p.planned.from)).replace("{to}", clock(p.planned.to)) : "");
    put(at("since"), p.measured ? say(lang, "embed.since", clock(p.since)) : "");
  }

  // listen tells colours that have changed, all of them in one sentence and not
  // often; the first look tells nothing.
  listen(all, lang) {
    var first = !Object.keys(this.told).length, news = false;
    all.forEach((p) => {
      if (first || !(p.id in this.told)) this.told[p.id] = p.light;
      news = news || this.told[p.id] !== p.light;
    });
    if (!news || this.telling) return;
    this.telling = setTimeout(() => {
      this.telling = 0;
      this.quiet = Date.now() + QUIET;
      var now = this.feed && this.feed.board ? this.wanted(this.feed.board) : [];
      var changed = now.filter((p) => this.told[p.id] !== p.light);
      changed.forEach((p) => { this.told[p.id] = p.light; });
      if (changed.length) put(this.status, changed.map(function (p) { return nameOf(p, lang) + ": " + say(lang, "light." + p.light); }).join(", "));
    }, Math.max(1000, (this.quiet || 0) - Date.now()));
  }
}
customElements.define("sinho-lights", SinhoLights);
