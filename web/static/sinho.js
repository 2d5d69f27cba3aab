// What every page shares: buttons that are pressed once, and a way back.
(function (root) {
  "use strict";
  var sinho = (root.sinho = root.sinho || {});

  // words of the page, with {placeholders} filled.
  sinho.words = function (main) {
    var all = JSON.parse(main.dataset.words || "{}");
    return function (key, values) {
      return (all[key] || "").replace(/\{(\w+)\}/g, function (whole, name) {
        return values && name in values ? values[name] : whole;
      });
    };
  };

  sinho.duration = function (say, ms) {
    var s = Math.ceil(ms / 1000);
    return s >= 60 ? say("minutes", { m: Math.floor(s / 60), s: s % 60 }) : say("seconds", { n: s });
  };

  // turns has the line of whose turn it is change when that does, by the server's
  // clock (now, in milliseconds): what it will say came with the page.
  sinho.turns = function (now, announce) {
    var box = document.getElementById("rota");
    if (!box || !box.dataset.later) return;
    var later = JSON.parse(box.dataset.later);
    function look() {
      var next = null;
      while (later.length && later[0].at <= now()) next = later.shift();
      if (next) {
        box.querySelector(".title").textContent = next.is;
        box.querySelector(".beside").textContent = next.beside;
        box.hidden = !next.is;
        if (next.is) announce(next.is);
      }
      if (later.length) setTimeout(look, Math.max(250, Math.min(5000, later[0].at - now())));
    }
    look();
  };

  // A second press while the first is on its way does nothing. Whoever comes
  // back, by the back button, another tab or another app, finds every button alive.
  var HOLD = 10000;
  document.addEventListener("submit", function (e) {
    var form = e.target, button = form.querySelector("button[type=submit]");
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "1";
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    var main = document.querySelector("main[data-words]");
    if (main) button.setAttribute("data-busy", sinho.words(main)("choose.working"));
    setTimeout(release, HOLD);
  });

  function release() {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
      var button = form.querySelector("button[aria-busy]");
      if (!button) return;
      button.removeAttribute("aria-busy");
      button.removeAttribute("data-busy");
    });
  }
  root.addEventListener("pageshow", release);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) release(); });

  var back = document.querySelector("button#back[type=button]"); // a form's own leads to the site
  if (back && history.length > 1) {
    back.hidden = false;
    back.addEventListener("click", function () { history.back(); });
  }
})(this);
