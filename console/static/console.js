// Keeps the live part of a page fresh: the server sends it anew, and only what
// differs is touched, so that focus, selection and open details stay.
(function () {
  "use strict";
  var live = document.getElementById("live");
  if (!live || !("WebSocket" in window)) return;
  var say = document.getElementById("say");
  var attempt = 0, socket = null, quiet = 0, retry = 0;
  document.documentElement.classList.add("scripted");

  function same(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
  }

  // morph makes a like b.
  function morph(a, b) {
    var i, name;
    if (a.nodeType !== 1) {
      if (a.nodeValue !== b.nodeValue) a.nodeValue = b.nodeValue;
      return;
    }
    for (i = a.attributes.length - 1; i >= 0; i--) {
      name = a.attributes[i].name;
      if (!b.hasAttribute(name) && !(name === "open" && a.nodeName === "DETAILS")) a.removeAttribute(name);
    }
    for (i = 0; i < b.attributes.length; i++) {
      name = b.attributes[i].name;
      if (a.getAttribute(name) !== b.getAttribute(name)) a.setAttribute(name, b.getAttribute(name));
    }
    children(a, b);
  }

  function children(a, b) {
    var olds = Array.prototype.slice.call(a.childNodes), news = Array.prototype.slice.call(b.childNodes), i;
    for (i = 0; i < news.length; i++) {
      if (i >= olds.length) a.appendChild(news[i]);
      else if (same(olds[i], news[i])) morph(olds[i], news[i]);
      else a.replaceChild(news[i], olds[i]);
    }
    for (; i < olds.length; i++) a.removeChild(olds[i]);
  }

  function lights() {
    var all = {}, list = live.querySelectorAll("[data-provider][data-light]"), i;
    for (i = 0; i < list.length; i++) all[list[i].dataset.provider] = { light: list[i].dataset.light, text: list[i].dataset.say };
    return all;
  }

  function show(html) {
    var fresh = document.createElement("template"), before = lights(), after, id, news = [];
    fresh.innerHTML = html;
    children(live, fresh.content);
    after = lights();
    for (id in after) if (before[id] && before[id].light !== after[id].light) news.push(after[id].text);
    if (say && news.length) say.textContent = news.join(", ");
  }

  function stale(is) { document.documentElement.classList.toggle("stale", is); }

  function connect() {
    clearTimeout(retry);
    socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + live.dataset.live);
    socket.onmessage = function (e) {
      attempt = 0;
      stale(false);
      clearTimeout(quiet);
      quiet = setTimeout(function () { stale(true); }, 15000);
      show(e.data);
    };
    socket.onclose = function (e) {
      stale(true);
      socket = null;
      if (e.code === 4001) { location.reload(); return; }
      attempt++;
      retry = setTimeout(connect, Math.random() * Math.min(30000, 500 * Math.pow(2, attempt)));
    };
  }

  window.addEventListener("pagehide", function () { if (socket) { socket.onclose = null; socket.close(); socket = null; } });
  window.addEventListener("pageshow", function (e) { if (e.persisted) connect(); });
  connect();
})();
