// The waiting room's arithmetic: the same as package lobby (Go), so that a device
// works out its own place and wait from the frame that everybody gets. No page is
// touched here.
(function (root) {
  "use strict";

  // decode reads a frame: the payload of a compact JWS, or what a poll gives. Nobody
  // but our own origin can have sent it, so the signature is for those who keep it.
  function decode(text) {
    try {
      if (text.charAt(0) === "{") text = JSON.parse(text).jws;
      var part = text.split(".")[1] || "";
      var raw = atob(part.replace(/-/g, "+").replace(/_/g, "/"));
      var bytes = new Uint8Array(raw.length);
      for (var i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
      var frame = JSON.parse(new TextDecoder().decode(bytes));
      return frame && typeof frame.t === "number" ? frame : null;
    } catch (e) { return null; }
  }

  // ---- the shuffle (docs/lobby.md)
  function mix(h) {
    h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
    h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
    return (h ^ h >>> 16) >>> 0;
  }

  // place promises where a number comes: rejected where the browser hashes
  // nothing, as it does on pages without TLS. A frame without a count shuffled nobody.
  function place(seed, count, number) {
    if (!count || number >= count) return Promise.resolve(number);
    if (!root.crypto || !root.crypto.subtle) return Promise.reject(new Error("no SHA-256 here"));
    var a = Math.ceil(Math.sqrt(count)), b = Math.ceil(count / a);
    var text = new Uint8Array(22 + 32 + 8), view = new DataView(text.buffer);
    text.set(new TextEncoder().encode("sinho lobby shuffle 1\0"));
    text.set(seed.match(/../g).map(function (x) { return parseInt(x, 16); }), 22);
    view.setUint32(54, Math.floor(count / 4294967296));
    view.setUint32(58, count >>> 0);
    return root.crypto.subtle.digest("SHA-256", text).then(function (hash) {
      var sum = new DataView(hash);
      do {
        var row = Math.floor(number / b), column = number % b;
        for (var i = 0; i < 8; i += 2) {
          row = (row + mix(column ^ sum.getUint32(4 * i))) % a;
          column = (column + mix(row ^ sum.getUint32(4 * i + 4))) % b;
        }
        number = row * b + column;
      } while (number >= count);
      return number;
    });
  }

  // ---- what a device shows (lobby.Frame.View)
  var LATE_SHARE = 0.2;

  // view is what a frame means so many seconds after it came: for a place, and a
  // number in the late lane and 1 (0: not in it).
  function view(f, place, late, since) {
    if (f.o || (f.k && !f.e) || place === null) return { drawn: false };
    var rate = f.r || 0, slow = f.l || 0, at = called(f, since);
    var v = { drawn: true, place: place, ahead: 0, closed: !!f.x, called: false, tooLate: false, known: false, p50: 0, p90: 0, moved: f.m || 0, at: at };
    if (place >= at) {
      v.ahead = Math.floor((place - at) * f.p / 1000);
    } else if (f.x) {
      return v;
    } else if (place >= (f.f || 0)) {
      v.called = true;
      return v;
    } else if (!late) {
      v.tooLate = true;
      return v;
    } else if (late - 1 < (f.ls || 0)) {
      v.called = true;
      return v;
    } else {
      v.at = f.ls || 0;
      v.ahead = late - 1 - v.at;
      rate = Math.floor(rate * LATE_SHARE);
      slow = Math.floor(slow * LATE_SHARE);
    }
    if (rate > 0 && slow > 0 && !f.x) {
      v.known = true;
      v.p50 = 1000 * v.ahead / rate;
      v.p90 = 1000 * v.ahead / slow;
    }
    return v;
  }

  // called is how far the main lane is called: evenly within the second.
  function called(f, since) {
    var step = Math.min(f.d || 0, f.s);
    return f.s - step + Math.floor(step * Math.max(0, Math.min(1, since)));
  }

  // ---- how it is said; the server says the same
  function commas(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }

  // about is a key of the words with its values.
  function about(p50, p90) {
    var hours = p90 >= 7200, unit = hours ? 3600 : 60, key = hours ? "hours" : "min";
    var a = Math.max(1, Math.round(p50 / unit)), b = Math.ceil(p90 / unit);
    if (p90 < 60) return ["soon", {}];
    return a >= b ? [key, { b: b }] : [key + ".range", { a: a, b: b }];
  }

  function ago(seconds) {
    var s = Math.floor(seconds);
    if (s < 10) return ["ago.now", {}];
    if (s < 60) return ["ago.s", { n: s }];
    return s < 7200 ? ["ago.m", { n: Math.floor(s / 60) }] : ["ago.h", { n: Math.floor(s / 3600) }];
  }

  // countdown is 3:04 or 1:02:03, and how many days before it.
  function countdown(ms) {
    var s = Math.max(0, Math.ceil(ms / 1000)), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
    function two(n) { return (n < 10 ? "0" : "") + n; }
    return { days: Math.floor(s / 86400), clock: s >= 3600 ? h + ":" + two(m) + ":" + two(s % 60) : m + ":" + two(s % 60) };
  }

  var api = { decode: decode, place: place, view: view, called: called, commas: commas, about: about, ago: ago, countdown: countdown };
  if (typeof module !== "undefined" && module.exports) module.exports = api;
  else (root.sinho = root.sinho || {}).line = api;
})(typeof globalThis === "undefined" ? this : globalThis);
