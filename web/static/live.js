// Brings boards to the page, or the frames of a waiting room: a WebSocket, else
// server-sent events, else polling.
// Whatever happens, a crowd of these never comes back at the same moment.
(function (root) {
  "use strict";

  var CAP = 120000; // ms over which a crowd that lost its connection spreads
  var AWAY = 60000; // ms hidden before the connection is given back

  // Full jitter, doubling from a second, capped.
  function backoff(attempt, random) {
    return random() * Math.min(CAP, 1000 * Math.pow(2, Math.min(attempt, 20)));
  }

  // What is told when nothing else is asked for: path, how a text is read (null: it
  // is none), ms without a word before a connection counts as dead, and whether it
  // stays while nobody is looking; gone, if any, is told when there is nothing (404).
  var BOARDS = {
    path: "/signal", silent: 75000, stays: false,
    read: function (text) {
      try {
        var board = JSON.parse(text);
        return board && Array.isArray(board.providers) ? board : null;
      } catch (e) { return null; }
    },
  };

  // start calls onBoard with each board and onStale(true|false) when the boards
  // stop and come again. base is the broker's origin, when that is not the
  // page's own; of is what to tell of, instead of boards. It gives a function that
  // ends it all; its again(ms) connects anew within so many milliseconds.
  function start(onBoard, onStale, base, of) {
    of = of || BOARDS;
    var from = base || location.protocol + "//" + location.host;
    var ways = [], way = 0, attempt = 0, slow = 1, ended = false;
    var close = null; // ends the connection under way
    var spoken = false; // it has brought a board
    var away = false; // given back because nobody is looking
    var retry = 0, silence = 0, bridge = 0, leaving = 0; // timers
    if (typeof WebSocket !== "undefined") ways.push(socket);
    if (typeof EventSource !== "undefined") ways.push(events);

    function heard(text) {
      var board = of.read(text);
      if (!board) return;
      alive();
      onBoard(board);
    }

    function alive() {
      listen();
      onStale(false);
    }

    function listen() {
      clearTimeout(silence);
      silence = setTimeout(function () { onStale(true); lost(); }, of.silent);
    }

    function connect() {
      stop();
      if (ways.length) ways[way]();
      else poll();
    }

    function stop() {
      clearTimeout(retry);
      clearTimeout(bridge);
      if (close) close();
      close = null;
      spoken = false;
    }

    // One that had spoken comes back the same way, spread over the whole window,
    // and polls slowly meanwhile. One that never opened tries the next way; after
    // the last it polls, and begins anew much later.
    function lost() {
      var had = spoken, wait = Math.random() * CAP, poller = 2000 + Math.random() * 10000;
      stop();
      if (away || ended) return;
      if (had) attempt = 0;
      else if (++way < ways.length) { wait = backoff(attempt++, Math.random); poller = 0; }
      else { way = 0; wait += CAP / 2; poller = Math.random() * 1000; }
      retry = setTimeout(connect, wait);
      if (poller) bridge = setTimeout(poll, poller);
    }

    function socket() {
      var s;
      try {
        s = new WebSocket(from.replace(/^http/, "ws") + of.path + "/ws");
      } catch (e) { lost(); return; }
      close = function () { s.onclose = s.onmessage = null; s.close(); };
      s.onmessage = function (e) { spoken = true; heard(e.data); };
      s.onclose = lost;
    }

    function events() {
      var s = new EventSource(from + of.path + "/sse");
      close = function () { s.onerror = s.onmessage = null; s.close(); };
      s.onmessage = function (e) { spoken = true; heard(e.data); };
      s.onerror = lost;
    }

    // poll asks once and comes again until a connection speaks; a server that is
    // busy is asked half as often. The browser itself sends the ETag it has, and
    // gives us what it kept when nothing is new: a header of ours would cost other
    // origins a preflight.
    function poll() {
      fetch(from + of.path, { cache: "no-cache", credentials: "omit" }).then(function (res) {
        if (res.status === 404 && of.gone) of.gone();
        slow = res.status === 503 || res.status === 429 ? Math.min(slow * 2, 16) : 1;
        return res.ok ? res.text() : "";
      }).then(function (text) { if (text) heard(text); }, function () {}).then(function () {
        clearTimeout(bridge);
        if (!spoken && !away && !ended) bridge = setTimeout(poll, slow * (5000 + Math.random() * 5000));
      });
    }

    function seen() {
      clearTimeout(leaving);
      if (of.stays) return;
      if (document.hidden) {
        leaving = setTimeout(function () { away = true; clearTimeout(silence); stop(); }, AWAY);
      } else if (away) {
        away = false;
        retry = setTimeout(connect, Math.random() * 1000);
      }
    }
    // A page that the browser had kept heard nothing for as long, which is nobody's
    // fault: its timer must not fire now and take the new connection for dead.
    function shown(e) {
      if (!e.persisted) return;
      away = false;
      listen();
      connect();
    }
    document.addEventListener("visibilitychange", seen);
    addEventListener("pagehide", stop);
    addEventListener("pageshow", shown);

    silence = setTimeout(function () { onStale(true); }, of.silent);
    connect();
    function end() {
      ended = true;
      stop();
      clearTimeout(silence);
      clearTimeout(leaving);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("pagehide", stop);
      removeEventListener("pageshow", shown);
    }
    end.again = function (within) {
      stop();
      way = attempt = 0;
      if (!ended) retry = setTimeout(connect, Math.random() * within);
    };
    return end;
  }

  var api = { backoff: backoff, start: start };
  if (typeof module !== "undefined" && module.exports) module.exports = api;
  else (root.sinho = root.sinho || {}).live = api;
})(this);
