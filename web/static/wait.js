// Waiting for a phone: asks once a second how it goes, counts down, moves on,
// and offers to send it again once it takes long.
(function (root) {
  "use strict";
  var sinho = root.sinho, main = document.getElementById("wait");
  if (!main) return;
  var say = sinho.words(main), status = document.getElementById("say"), left = document.getElementById("left");
  var end = Date.now() + Number(main.dataset.left), misses = 0, timer = 0, leaving = false;

  function next() {
    clearTimeout(timer);
    // After misses: doubling with full jitter, at most half a minute.
    var wait = misses ? 1000 + Math.random() * Math.min(30000, 1000 * Math.pow(2, misses)) : 1000;
    timer = setTimeout(ask, wait);
  }

  function ask() {
    if (leaving) return;
    var over = typeof AbortController === "function" ? new AbortController() : null;
    var limit = setTimeout(function () { if (over) over.abort(); }, 15000);
    fetch(main.dataset.state, { cache: "no-store", signal: over ? over.signal : undefined, headers: { Accept: "application/json" } })
      .then(function (res) {
        if (res.status >= 500 || res.status === 429) throw new Error("status " + res.status);
        return res.json();
      })
      .then(function (s) {
        if (leaving) return;
        misses = 0;
        if (s.go) { status.textContent = say("wait.going"); leaving = true; location.replace(s.go); return; }
        if (s.problem) { leaving = true; location.reload(); return; }
        status.textContent = s.approved ? say("wait.approved") : "";
        document.getElementById("again").hidden = !s.resend;
        if (s.left_ms) end = Date.now() + s.left_ms;
        if (s.dragging) drag();
        next();
      })
      .catch(function () {
        if (leaving) return;
        if (++misses === 3) status.textContent = say("wait.offline");
        next();
      })
      .then(function () { clearTimeout(limit); });
  }

  function drag() {
    var box = document.getElementById("missing");
    if (box.classList.contains("dragging")) return;
    box.classList.add("dragging");
    document.getElementById("drag").hidden = false;
    status.textContent = document.getElementById("drag").textContent;
  }

  function count() { left.textContent = sinho.duration(say, Math.max(0, end - Date.now())); }
  setInterval(count, 1000);

  // Leaving or sending again is a choice: a late answer must not race it.
  main.querySelectorAll("form").forEach(function (form) {
    form.addEventListener("submit", function () { leaving = true; });
  });
  root.addEventListener("pageshow", function (e) { if (e.persisted) { leaving = false; ask(); } });
  document.addEventListener("visibilitychange", function () { if (!document.hidden && !leaving) { misses = 0; ask(); } });
  next();
})(this);
