// How the waiting room calls somebody: by sound, notification and vibration, each
// only once a person has switched it on by a button.
(function (root) {
  "use strict";
  var sinho = (root.sinho = root.sinho || {}), on = {}, audio = null, note = null;

  function byId(id) { return document.getElementById(id); }

  // beep is three short tones.
  function beep() {
    [0, 0.2, 0.4].forEach(function (after, i) {
      var tone = audio.createOscillator(), loud = audio.createGain(), at = audio.currentTime + after;
      tone.frequency.value = [660, 880, 1100][i];
      loud.gain.setValueAtTime(0.0001, at);
      loud.gain.exponentialRampToValueAtTime(0.3, at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, at + 0.18);
      tone.connect(loud).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.2);
    });
  }

  function notify(title, body) {
    note = new Notification(title, { body: body, tag: "sinho-queue", lang: document.documentElement.lang });
    note.onclick = function () { root.focus(); note.close(); };
  }

  // offer makes the buttons do what they say. Switching on shows what it is like.
  sinho.calls = { offer: function (say) {
    function button(id, can, start) {
      var b = byId(id);
      if (!b || !can) return;
      b.hidden = false;
      b.addEventListener("click", function () {
        if (on[id]) { set(b, id, false, say("off")); return; }
        start(function (ok) { set(b, id, ok, say(ok ? id + ".on" : "cannot")); });
      });
    }
    function set(b, id, is, text) {
      on[id] = is;
      b.setAttribute("aria-pressed", String(is));
      byId("calls-say").textContent = text;
    }
    var Audio = root.AudioContext || root.webkitAudioContext;
    if (!Audio) byId("sound").hidden = true;
    button("sound", Audio, function (done) {
      audio = audio || new Audio();
      Promise.resolve(audio.resume()).then(beep).then(function () { done(true); }, function () { done(false); });
    });
    button("notify", root.Notification && Notification.permission !== "denied", function (done) {
      Promise.resolve(Notification.requestPermission()).then(function (is) {
        if (is === "granted") notify(say("notify"), say("notify.on")); // some browsers cannot after all
        done(is === "granted");
      }).catch(function () { done(false); });
    });
    button("vibrate", navigator.vibrate, function (done) { done(navigator.vibrate(200)); });
  },

  // call does what has been switched on, and says whether anything was.
  call: function (title, body) {
    var any = false;
    function attempt(id, f) {
      if (!on[id]) return;
      try { f(); any = true; } catch (e) { /* the others call */ }
    }
    attempt("sound", beep);
    attempt("notify", function () { notify(title, body); });
    attempt("vibrate", function () { navigator.vibrate([300, 150, 300, 150, 300]); });
    return any;
  } };
})(this);
