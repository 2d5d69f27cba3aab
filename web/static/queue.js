// The waiting room's page: place, wait and countdown from the frames, by the
// server's clock alone, and on at the turn.
(function (root) {
  "use strict";
  var sinho = root.sinho, line = sinho && sinho.line, main = document.getElementById("queue");
  if (!main || !line) return;
  var say = sinho.words(main), d = main.dataset, self = d.self, title = document.title;
  var number = Number(d.number), late = Number(d.late), place = d.place === "" ? null : Number(d.place);
  var spread = Number(d.spread), opens = Number(d.opens), verified = d.verified === "true";
  var still = matchMedia("(prefers-reduced-motion: reduce)");
  var frame = null, came = 0, state = d.state, going = false, leaving = false;

  function byId(id) { return document.getElementById(id); }
  function put(id, text) { var e = byId(id); if (e && e.textContent !== text) e.textContent = text; }
  function show(id, on) { var e = byId(id); if (e) e.hidden = !on; }
  // both says in the page's language and, beside it, in the other.
  function both(id, key, values) {
    put(id, say(key, values));
    put(id + "-beside", say(key + ".beside", values));
  }

  // ---- the server's clock: what it said, and how long ago by a clock that
  // nobody sets. The device's own time is not asked.
  var nav = (performance.getEntriesByType && performance.getEntriesByType("navigation")[0]) || {};
  var clock = { ms: Number(d.now), at: nav.responseStart || performance.now() };
  function now() { return clock.ms + performance.now() - clock.at; }
  function setClock(second) {
    var off = now() - second * 1000;
    if (off < -500 || off > 1500) clock = { ms: second * 1000, at: performance.now() };
  }

  // ---- announcements: a new state at once, else at most once a minute
  var said = performance.now(), halved = Infinity;
  function announce(text) { said = performance.now(); put("say", text); }
  function maybe(text) { if (performance.now() - said >= 60000) { announce(text); return true; } }

  // ---- frames
  function take(f) {
    // A later version, another opening, another round: the page anew.
    if (f.v !== 1 || (frame && f.room !== frame.room)) { anew(); return; }
    if (frame && f.t <= frame.t) return;
    if (f.o && (place !== null || Math.floor(opens / 1000) !== f.o)) anew();
    setClock(f.t);
    frame = f;
    came = performance.now();
    if (f.k && f.e) draw(f);
    render();
  }

  // draw works out the place once the seed is out. Without SHA-256 the server is
  // asked, each device at a moment of its own.
  var drawing = false;
  function draw(f) {
    if (f.c) {
      put("verify", "sinho lobby verify --commitment " + f.k + " --seed " + f.e + " --count " + f.c + " --number " + number);
      show("verify", true);
      put("verify-is", say("shuffle.check"));
    }
    if (place !== null || drawing) return;
    drawing = true;
    line.place(f.e, f.c, number).then(function (p) { place = p; render(); }, function () { later(ask, spread); });
  }

  var renewed = false;
  function anew() {
    if (renewed) return;
    renewed = true;
    setTimeout(function () { if (!leaving) leave(self); }, Math.random() * 30000);
  }

  function render() {
    if (!frame) { tick(); return; }
    if (!frame.k && !frame.o && place === null) place = number;
    var v = line.view(frame, place, late, (performance.now() - came) / 1000), is;
    if (turned) is = "called";
    else if (frame.x) is = "closed";
    else if (frame.o) is = "before_opening";
    else if (verified) is = "going";
    else if (!v.drawn) is = "drawing";
    else if (v.called) is = "called";
    else is = late || v.tooLate ? "late" : "waiting";
    if (is !== state) change(is);
    tick();
    if (v.drawn) queue(still.matches ? calm(v) : v, is);
    if (is === "going") goOn();
    else if (is === "called") turn();
    else if (v.tooLate) join();
  }

  // calm shows the end of the second at once, so that numbers change with the frame
  // alone. Whose turn it is goes by v: within the second nobody is called early.
  function calm(v) {
    if (v.called || v.tooLate) return v;
    var end = line.view(frame, place, late, 1);
    if (end.called || end.tooLate) { end.called = end.tooLate = false; end.known = v.known; }
    return end;
  }

  function change(is) {
    state = is;
    both("head", is);
    ["before", "drawing", "closed", "late", "called"].forEach(function (id) {
      show(id, is === (id === "before" ? "before_opening" : id));
    });
    show("early-no", is === "before_opening");
    show("lost", silent);
    if (is !== "before_opening") show("early", false);
    words(null);
    if (is === "closed") notice(Math.random() * 5000);
    title = say(is) + title.slice(title.lastIndexOf(" · "));
    document.title = title;
    halved = Infinity;
    var more = { late: "late.is", closed: "closed.is", drawing: "drawing.is", going: document.querySelector("#going .agree") ? "going.agree" : "going.is" }[is];
    announce(say(is) + (more ? ". " + say(more) : ""));
  }

  // ---- why it is closed, in the operators' words. Frames, which everybody gets each
  // second, have no room for them: each device asks for them once, at a moment of its
  // own, and now and then again, for they may change. The answer is the same for all.
  var asks = 0;
  function notice(ms) {
    clearTimeout(asks);
    asks = setTimeout(function () {
      if (state !== "closed" || leaving) return;
      fetch("/rooms/" + encodeURIComponent(d.room), { cache: "no-cache", credentials: "omit" })
        .then(function (res) { return res.ok ? res.json() : null; })
        .catch(function () { return null; })
        .then(function (a) {
          if (state !== "closed" || leaving) return;
          var known = a && a.frame && a.frame.x; // a node may be a second behind
          if (known) words(a.notice || null);
          notice(known ? 60000 + Math.random() * 60000 : 3000 + Math.random() * 7000);
        });
    }, ms);
  }
  function words(n) {
    var lang = document.documentElement.lang === "en" ? "en" : "ko", text = n ? n[lang] || n.ko || "" : "";
    if (text && byId("notice-is").textContent !== text) announce(text);
    put("notice-is", text);
    put("notice-is-beside", n ? n[lang === "en" ? "ko" : "en"] || "" : "");
    show("notice", text !== "");
  }

  function queue(v, is) {
    var inLate = late > 0, mine = inLate ? late - 1 : v.place;
    show("line", is !== "called" && is !== "going" && (is !== "late" || inLate));
    both("place", "nth", { n: line.commas(mine + 1) });
    both("ahead", "ahead", { n: line.commas(v.ahead) });
    var bar = byId("bar"), far = say("so.far", { n: line.commas(v.at || 0) });
    if (v.at !== undefined) {
      bar.value = Math.floor(100 * Math.min(v.at, mine) / (mine + 1));
      bar.setAttribute("aria-valuetext", far);
      put("called-far", far);
    }
    var wait = line.about(v.p50, v.p90), moved = line.ago(now() / 1000 - v.moved);
    put("wait", say(wait[0], wait[1]));
    put("wait-beside", "(" + say(wait[0] + ".beside", wait[1]) + ")");
    show("wait", v.known);
    show("wait-beside", v.known);
    show("standing", !v.known && !v.closed && is !== "called");
    show("moved", v.moved > 0);
    put("moved", say("moved", { t: say(moved[0], moved[1]) }));
    if (is === "called" || is === "going" || v.ahead > halved / 2 && halved !== Infinity) return;
    if (v.known && maybe(say("say.ahead", { n: line.commas(v.ahead), t: say(wait[0], wait[1]) }))) halved = v.ahead;
  }

  var saidLeft = Infinity;
  function tick() {
    if (state !== "before_opening" || !opens) return;
    var left = opens - now(), c = line.countdown(left), minutes = Math.floor(left / 60000);
    put("countdown", (c.days ? say("days", { n: c.days }) + " " : "") + c.clock);
    if (minutes < saidLeft / 2 || saidLeft === Infinity) {
      var t = minutes < 1 ? say("say.under.minutes") : say("say.minutes", { m: minutes });
      if (maybe(say("say.opens", { t: t }))) saidLeft = minutes;
    }
  }

  // ---- asking the server: for a pass at the turn, a number of the late lane, and
  // now and then a fresh request in the page's address
  var misses = 0, asking = false, timer = 0;
  function later(f, ms) { clearTimeout(timer); timer = setTimeout(f, ms); }
  function renew() { later(ask, 20 * 60000 + Math.random() * 120000); }

  function ask() {
    if (asking || leaving) return;
    asking = true;
    clearTimeout(timer);
    var over = typeof AbortController === "function" ? new AbortController() : null;
    var limit = setTimeout(function () { if (over) over.abort(); }, 15000);
    fetch(self, { cache: "no-store", signal: over ? over.signal : undefined, headers: { Accept: "application/json" } })
      .then(function (res) {
        if (res.status >= 500 || res.status === 429) throw new Error("status " + res.status);
        var after = Number(res.headers.get("Retry-After")) || 5;
        if (!res.ok) { leave(self); return; } // the page says why
        return res.json().then(function (a) { misses = 0; answer(a, after * 1000); });
      })
      .catch(function () { later(ask, 1000 + Math.random() * Math.min(60000, 2000 * Math.pow(2, misses++))); })
      .then(function () { clearTimeout(limit); asking = false; });
  }

  function answer(a, after) {
    fresh(a["continue"]);
    if (a.state === "called") { if (!verified) leave(a["continue"]); else if (d.going !== "true" && !going) leave(self); else renew(); return; }
    var other = a.state !== (state === "drawing" ? "waiting" : state);
    if (d.state === "unavailable" || (a.state === "late" && !late) || (silent && other && !turned)) { leave(self); return; }
    if (place === null && typeof a.place === "number") { place = a.place; render(); }
    if (silent && typeof a.place === "number") told(a);
    var pending = place === null && frame && !frame.o;
    if (turned || silent || pending) later(ask, after + Math.random() * 2000); // turned: a moment too early, by its clock
    else renew();
  }

  // told shows what the server says itself, while no frames come.
  function told(a) {
    var wait = a.wait || { p50: 0, p90: 0 };
    queue({ place: a.place, ahead: a.ahead, known: !!a.wait, p50: wait.p50, p90: wait.p90, moved: Date.parse(a.moved) / 1000 || 0, closed: a.state === "closed" }, state);
  }

  // fresh puts the renewed request wherever this page has it.
  function fresh(to) {
    var r = to && new URL(to, location.href).searchParams.get("r");
    if (!r) return;
    self = "/queue?r=" + encodeURIComponent(r);
    history.replaceState(history.state, "", self);
    document.querySelectorAll("input[name=r]").forEach(function (i) { i.value = r; });
    var other = document.querySelector("a.switch");
    if (other) other.href = self + "&lang=" + other.lang;
  }

  function leave(to) { leaving = true; location.replace(to); }

  // ---- the turn: title, sound, notification; then on, by itself. Whoever is not
  // looking and has asked to be called has a minute to come, for the pass lives
  // from when it is given.
  var turned = 0, minute = 60000;
  function turn() {
    if (turned) return;
    turned = performance.now();
    show("line", false);
    document.title = say("called.title");
    var calls = sinho.calls.call(say("called"), say("called.wait"));
    if (document.hidden && calls) { both("called-is", "called.wait"); waitFor(); }
    else later(ask, calls ? 800 : 0);
  }
  function waitFor() {
    if (performance.now() - turned >= minute) ask();
    else later(waitFor, 1000);
  }

  // join asks for a number of the late lane.
  var joined = false;
  function join() {
    if (joined) return;
    joined = true;
    later(ask, Math.random() * (d.state === "late" ? 20000 : 2000));
  }

  // goOn presses "Continue" once the opening has come, each device at a moment of
  // its own; what a person has to agree to waits for them.
  function goOn() {
    if (going) return;
    going = true;
    show("verified", false);
    show("line", false);
    show("going", true);
    if (document.querySelector("#going .agree")) return;
    put("going-is", say("going.is"));
    setTimeout(press, spread);
  }
  function press() {
    if (navigator.onLine === false) { setTimeout(press, 1000 + Math.random() * 2000); return; }
    var button = byId("login-continue");
    leaving = true;
    if (button) button.click();
  }

  // ---- the connection
  var silent = state === "unavailable", feed = null;
  function lost(stale) {
    if (stale === silent || leaving) return;
    silent = stale;
    if (stale) both2("lost", "offline");
    show("lost", stale);
    announce(say(stale ? "offline" : "online"));
    if (stale) later(ask, Number(d.reload) * 1000 + Math.random() * 10000);
  }
  function both2(id, key) {
    byId(id).querySelector(".title").textContent = say(key);
    byId(id).querySelector(".beside").textContent = say(key + ".beside");
  }

  root.addEventListener("offline", function () { lost(true); });
  root.addEventListener("online", function () {
    if (feed) feed.again(2000);
    if (turned) later(ask, Math.random() * 1000);
  });
  root.addEventListener("pageshow", function (e) { if (e.persisted) { leaving = asking = false; ask(); } });
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) return;
    if (turned) ask();
    else if (feed && performance.now() - came > 3000) feed.again(0);
    render();
  });

  if (d.frame) {
    var first = line.decode(d.frame);
    if (first) take(first);
  }
  if (d.going === "true") goOn();
  if (state === "closed") notice(60000 + Math.random() * 60000);
  if (d.room) {
    feed = sinho.live.start(take, lost, "", { path: "/rooms/" + encodeURIComponent(d.room), read: line.decode, silent: 40000, stays: true });
    renew();
  } else {
    later(ask, (5 + 10 * Math.random()) * 1000);
  }
  sinho.turns(now, announce);
  sinho.calls.offer(say);
  show("calls", state !== "unavailable");
  setInterval(render, 250);
})(this);
