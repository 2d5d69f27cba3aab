// The chooser, live: lights change in place, the order only when nobody is
// about to press something.
(function (root) {
  "use strict";
  var sinho = root.sinho, main = document.getElementById("chooser");
  var list = document.getElementById("routes");
  if (!main || !list) return;
  var say = sinho.words(main), lang = main.dataset.lang;
  var SHAPE = { green: "●", yellow: "▲", red: "■", grey: "✕" };
  var seed = main.dataset.seed, epoch = Number(main.dataset.epoch), favour = main.dataset.favour, failed = main.dataset.failed;
  var routes = main.dataset.routes.split(" ").filter(Boolean);
  var newest = Number(main.dataset.at) || 0, pending = null, timer = 0;

  function byId(id) { return document.getElementById(id); }
  function cards() { return Array.prototype.slice.call(list.children); }

  // ---- announcements: few, and not in a row
  var quietUntil = 0;
  function announce(text) {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + 10000;
    byId("say").textContent = text;
  }

  // ---- lights
  function known(board) {
    var by = {};
    board.providers.forEach(function (p) { by[p.id] = p; });
    return routes.map(function (id) {
      return by[id] || { id: id, light: "yellow", measured: false, share: 1 / routes.length };
    });
  }

  function show(li, s) {
    var light = SHAPE[s.light] ? s.light : "yellow", shut = light === "grey", was = li.dataset.light;
    li.dataset.light = light;
    li.querySelector(".shape").textContent = SHAPE[light];
    li.querySelector(".word").textContent = say("light." + light);
    li.querySelector(".light .beside").textContent = say("light." + light + ".beside");
    var why = s.reason && (s.reason[lang] || s.reason.ko || s.reason.en);
    li.querySelector(".why").textContent = why || say(s.measured ? "light." + light + ".is" : "light.unmeasured");
    var until = li.querySelector(".until");
    until.hidden = !shut;
    until.textContent = !shut ? "" : s.until ? say("until", { t: clock(s.until) }) : say("until.unknown", { t: clock(s.since) });
    var planned = li.querySelector(".planned"), p = !shut && s.planned;
    planned.hidden = !p;
    planned.textContent = p ? say("planned", { from: clock(p.from), to: clock(p.to) }) : "";
    li.querySelectorAll("fieldset, button[type=submit]").forEach(function (b) { b.disabled = shut; });
    if (shut && was !== "grey") announce(say("choose.closed.now", { p: li.dataset.name }));
  }

  // Korean civil time, whatever the device's zone: UTC+9, no daylight saving. With
  // its day when that is not the one of the board.
  function clock(rfc3339) {
    var iso = seoul(Date.parse(rfc3339)), t = iso.slice(11, 16);
    if (iso.slice(0, 10) === seoul(newest || Date.now()).slice(0, 10)) return t;
    return say("day", { m: Number(iso.slice(5, 7)), d: Number(iso.slice(8, 10)), t: t });
  }
  function seoul(ms) { return new Date(ms + 9 * 3600000).toISOString(); }

  // ---- the server's clock: what it said, and how long ago by a clock that nobody
  // sets. That one may stand while a device sleeps; lights that are ahead of it say so.
  var nav = (performance.getEntriesByType && performance.getEntriesByType("navigation")[0]) || {};
  var since = { ms: Number(main.dataset.now), at: nav.responseStart || performance.now() };
  function now() { return since.ms + performance.now() - since.at; }

  function board(b) {
    var at = Date.parse(b.at) || 0;
    if (at < newest) return;
    newest = at;
    if (at > now() + 1500) since = { ms: at, at: performance.now() };
    var all = known(b), of = {};
    all.forEach(function (s) { of[s.id] = s; });
    cards().forEach(function (li) { show(li, of[li.dataset.id]); });
    byId("shut").hidden = !all.length || all.some(function (s) { return s.light !== "grey"; });
    byId("local").hidden = !b.local;
    var note = byId("notice"), hint = note && of[note.dataset.hint];
    if (hint) note.hidden = hint.light !== "grey";
    pending = sinho.order.arrange(all, seed, epoch, factor, favour, failed);
    var shine = lights();
    if (shine !== lit) { lit = shine; stands = 0; }
    settle();
  }

  function factor(id) {
    var li = list.querySelector('[data-id="' + id + '"]');
    return (li && Number(li.dataset.factor)) || 1;
  }

  // ---- order. It stands for as long as it takes to read it and to tap, unless a light
  // changes: shares alone move it every second, from under a finger that is on its way.
  var stand = 10000, stands = performance.now() + stand, lit = lights();
  function lights() { return cards().map(function (li) { return li.dataset.id + " " + li.dataset.light; }).sort().join(); }

  var down = false, over = false, touched = 0;
  function touch() { touched = Date.now(); }
  list.addEventListener("pointerenter", function (e) { over = e.pointerType === "mouse"; });
  list.addEventListener("pointermove", function (e) { over = e.pointerType === "mouse"; });
  list.addEventListener("pointerleave", function () { over = false; touch(); });
  document.addEventListener("pointerdown", function () { down = true; touch(); }, true);
  ["pointerup", "pointercancel"].forEach(function (n) {
    document.addEventListener(n, function () { down = false; touch(); }, true);
  });
  root.addEventListener("scroll", touch, { passive: true });
  root.addEventListener("blur", function () { down = false; });

  function busy() {
    return down || over || Date.now() - touched < 1500 || list.contains(document.activeElement) ||
      list.querySelector("form[data-sent]") !== null ||
      Array.prototype.some.call(list.querySelectorAll("input:not([type=hidden])"), function (i) { return i.value !== i.defaultValue; });
  }

  function settle() {
    clearTimeout(timer);
    if (!pending) return;
    if (busy()) { timer = setTimeout(settle, 500); return; }
    var rest = stands - performance.now();
    if (rest > 0) { timer = setTimeout(settle, rest); return; }
    var now = cards(), before = list.querySelector(".first");
    if (now.some(function (li, i) { return li.dataset.id !== pending[i]; })) {
      stands = performance.now() + stand;
      pending.forEach(function (id) { list.appendChild(list.querySelector('[data-id="' + id + '"]')); });
    }
    pending = null;
    cards().forEach(function (li, i) { li.classList.toggle("first", i === 0 && li.dataset.light !== "grey"); });
    var first = list.querySelector(".first");
    if (first && first !== before) announce(say("choose.new", { p: first.dataset.name }));
  }

  // ---- the request runs out
  var left = Number(main.dataset.left), began = Date.now();
  function expiry() {
    var rest = left - (Date.now() - began), box = byId("expiry"), restart = byId("restart"), gone = rest <= 0;
    if (rest < 120000) {
      box.hidden = false;
      box.querySelector(".title").textContent = say(gone ? "expired" : "expiring");
      box.querySelector(".next").textContent = gone ? say("expired.next") : say("expiring.next", { t: sinho.duration(say, Math.ceil(rest / 15000) * 15000) });
      if (restart) restart.hidden = !gone;
    }
    if (!gone) setTimeout(expiry, rest > 120000 ? Math.min(rest - 119000, 60000) : Math.min(5000, rest + 50));
  }
  if (left > 0) expiry();
  sinho.turns(now, announce);

  // ---- go
  var status = byId("live");
  sinho.live.start(board, function (stale) {
    status.textContent = say(stale ? "choose.stale" : "choose.live");
    status.className = stale ? "stale" : "on";
  });
})(this);
