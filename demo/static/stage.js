// The stage, live: lights by WebSocket, counters once a second, people as dots.
// Every dot is a counted login; nothing here invents one.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const lanes = new Map();
  for (const el of document.querySelectorAll(".lane")) {
    lanes.set(el.dataset.id, { el, dots: [], last: null, due: [], canvas: el.querySelector("canvas") });
  }
  const words = {
    green: ["●", "원활", "Smooth"], yellow: ["▲", "지연", "Slow"],
    red: ["■", "혼잡", "Busy"], grey: ["✕", "선택불가", "Closed"],
  };
  const put = (el, text) => { if (el && el.textContent !== text) el.textContent = text; };
  const field = (el, name) => el.querySelector(`[data-f="${name}"]`);
  const sum = (name, text) => put(field(document, name), text);
  const percent = (x) => (100 * x).toFixed(0);
  const width = (rect, x) => rect && rect.setAttribute("width", (100 * Math.min(Math.max(x, 0), 1)).toFixed(1));

  // Lights ------------------------------------------------------------------
  function lit(id, light, reason, share) {
    const lane = lanes.get(id);
    if (!lane) return;
    const [shape, ko, en] = words[light] || ["○", "모름", "unknown"];
    if (lane.el.dataset.light !== light) {
      lane.el.dataset.light = light;
      const p = field(lane.el, "light");
      put(p.querySelector(".shape"), shape);
      put(p.querySelector(".word"), ko);
      put(p.querySelector("small"), en);
      lane.hue = null;
    }
    put(field(lane.el, "why"), (reason && reason.ko) || "");
    put(field(lane.el, "whyen"), (reason && reason.en) || "");
    put(field(lane.el, "share"), percent(share));
    width(field(lane.el, "sharebar"), share);
  }
  let live = 0; // when the socket last spoke
  function listen(wait) {
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/signal/ws");
    socket.onopen = () => { wait = 1000; };
    socket.onmessage = (m) => {
      let board;
      try { board = JSON.parse(m.data); } catch { return; }
      if (!board || !Array.isArray(board.providers)) return;
      live = performance.now();
      for (const p of board.providers) lit(p.id, p.light, p.reason, p.share);
    };
    socket.onclose = () => setTimeout(() => listen(Math.min(wait * 2, 15000)), wait * (0.5 + Math.random()));
  }
  listen(1000);

  // Counters ----------------------------------------------------------------
  const pulse = document.getElementById("pulse");
  let missed = 0, newest = "";
  async function poll() {
    try {
      const answer = await fetch("/stage/state", { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      draw(await answer.json());
      missed = 0;
      pulse.className = "pulse on";
      put(pulse, "실시간 Live");
    } catch {
      if (++missed > 2) {
        pulse.className = "pulse off";
        put(pulse, "연결이 끊겼습니다. 다시 잇는 중… Reconnecting…");
      }
    }
    setTimeout(poll, document.hidden ? 5000 : 1000);
  }
  function draw(s) {
    const unknown = document.getElementById("unknown");
    if (unknown && s.known) unknown.hidden = true;
    const c = s.crowd;
    if (c) {
      sum("rate", c.rate.toFixed(0));
      sum("in", String(c.in));
      sum("waiting", String(c.under_way + c.queued));
      sum("gave_up", String(c.gave_up));
      sum("gave_share", c.in + c.gave_up ? ((100 * c.gave_up) / (c.in + c.gave_up)).toFixed(1) : "0");
      sum("retried_in", String(c.retried_in));
      sum("p50", (c.p50_ms / 1000).toFixed(1));
      sum("p95", (c.p95_ms / 1000).toFixed(1));
      sum("weather", c.storm ? "폭주 중 storm" : "평소 calm");
      document.getElementById("sum-rate").classList.toggle("storm", c.storm);
    }
    sum("honesty", s.honesty || "–");
    sum("lies", String(s.lies));
    const fresh = performance.now() - live > 4000; // the socket is silent: the counters carry the lights, too
    for (const l of s.lanes) {
      const lane = lanes.get(l.id);
      if (!lane) continue;
      if (fresh && s.known) lit(l.id, l.light, l.reason, l.share);
      put(field(lane.el, "choice"), percent(l.choice));
      width(field(lane.el, "choicebar"), l.choice);
      put(field(lane.el, "starts"), l.flow.starts_per_s.toFixed(1));
      put(field(lane.el, "ins"), l.flow.in_per_s.toFixed(1));
      const fault = field(lane.el, "fault");
      fault.hidden = !l.faults || l.faults.length === 0;
      put(fault, (l.faults || []).map((f) => f.ko).join(", "));
      people(lane, l.flow);
    }
    const kakao = s.lanes.find((l) => l.id === "kakao");
    const on = new Set(((kakao && kakao.faults) || []).map((f) => f.en));
    for (const b of document.querySelectorAll(".break button")) {
      const name = { server: "server hangs", page: "page hangs", slow: "slowed", down: "down" }[b.value];
      b.setAttribute("aria-pressed", String(on.has(name)));
    }
    log(s.events);
    room(s.scene);
    document.dispatchEvent(new CustomEvent("stage", { detail: s })); // stage.twins.js
  }
  // The waiting room of a scene -----------------------------------------------
  const hall = document.getElementById("room");
  function room(s) {
    if (!hall) return;
    if (s && hall.hidden) { location.reload(); return; } // its people are on the page
    if (!s) { hall.hidden = true; return; }
    const at = (name) => hall.querySelector(`[data-r="${name}"]`);
    const two = (n) => String(n).padStart(2, "0");
    put(at("waiting"), String(s.waiting));
    put(at("given"), String(s.given));
    put(at("per_s"), s.called_per_s.toFixed(1));
    put(at("digit"), String(s.digit));
    const minutes = Math.floor((s.wait_s + 30) / 60);
    put(at("about"), s.wait_s < 0 ? "–" : s.wait_s < 60 ? "1분 안" : `약 ${minutes}분`);
    put(at("about-en"), s.wait_s < 0 ? "not known" : s.wait_s < 60 ? "within a minute" : `about ${minutes} min`);
    put(at("clock"), s.left_s ? `${Math.floor(s.left_s / 60)}:${two(s.left_s % 60)} 뒤에 열립니다 until it opens` : `${s.opens}에 열렸습니다 open`);
  }
  function log(events) {
    const key = events.length ? events[0].at + events[0].ko : "";
    if (key === newest) return;
    newest = key;
    const list = document.getElementById("events");
    const items = events.slice(0, 40).map((e) => {
      const li = document.createElement("li");
      li.dataset.kind = e.kind;
      if (e.light) li.dataset.light = e.light;
      const time = document.createElement("time");
      time.dateTime = e.at;
      time.textContent = e.time;
      const text = document.createElement("span");
      text.textContent = e.ko + " ";
      const en = document.createElement("small");
      en.lang = "en";
      en.textContent = e.en;
      text.append(en);
      li.append(time, text);
      return li;
    });
    if (items.length) list.replaceChildren(...items);
  }
  poll();

  // People ------------------------------------------------------------------
  // A dot comes in from the left when a login starts, stands before the door
  // while it is under way, and leaves through it or drops out when it fails.
  const most = 90;
  function people(lane, flow) {
    const last = lane.last;
    lane.last = flow;
    if (!last || document.hidden) {
      lane.dots = [];
      for (let i = 0; i < Math.min(flow.under_way, most); i++) lane.dots.push(dot(1));
      return;
    }
    const now = performance.now();
    const spread = (n, what) => {
      for (let i = 0; i < Math.min(n, most); i++) lane.due.push({ at: now + 950 * Math.random(), what });
    };
    spread(flow.started - last.started, "start");
    spread(flow.in - last.in, "in");
    spread(flow.failed - last.failed, "failed");
  }
  function dot(arrived) {
    return { x: arrived ? 0.3 + 0.25 * Math.random() : 0, y: 0.16 + 0.68 * Math.random(), goal: 0.3 + 0.27 * Math.random(), state: "wait", fade: 1 };
  }
  let before = performance.now();
  function frame(now) {
    const dt = Math.min((now - before) / 1000, 0.1);
    before = now;
    for (const lane of lanes.values()) step(lane, now, dt);
    if (!document.hidden) requestAnimationFrame(frame);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { before = performance.now(); requestAnimationFrame(frame); }
  });
  function step(lane, now, dt) {
    lane.due = lane.due.filter((d) => {
      if (d.at > now) return true;
      if (d.what === "start") {
        if (lane.dots.length < most) lane.dots.push(dot(0));
      } else {
        const leaving = lane.dots.find((o) => o.state === "wait");
        if (leaving) leaving.state = d.what;
      }
      return false;
    });
    const pace = still.matches ? 50 : 1;
    for (const o of lane.dots) {
      if (o.state === "wait") o.x += (o.goal - o.x) * Math.min(1, 2.2 * dt * pace);
      else if (o.state === "in") o.x += 0.75 * dt * pace;
      else { o.y += 0.9 * dt * pace; o.fade -= 1.1 * dt * pace; }
    }
    lane.dots = lane.dots.filter((o) => o.x < 1.02 && o.fade > 0);
    paint(lane);
  }
  function paint(lane) {
    const { canvas } = lane, ratio = devicePixelRatio || 1;
    const w = canvas.clientWidth, h = canvas.clientHeight;
    if (!w) return;
    if (canvas.width !== Math.round(w * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
    if (!lane.hue) {
      const style = getComputedStyle(lane.el);
      lane.hue = { door: style.getPropertyValue("--hue"), person: style.getPropertyValue("--person"), in: style.getPropertyValue("--in"), no: style.getPropertyValue("--no"), line: style.getPropertyValue("--line") };
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, w, h);
    // The door: open, narrow, nearly shut, shut.
    const x = 0.64 * w, gap = { green: 0.84, yellow: 0.46, red: 0.22, grey: 0 }[lane.el.dataset.light];
    const leaf = (1 - (gap === undefined ? 0.5 : gap)) / 2;
    g.strokeStyle = lane.hue.door;
    g.lineWidth = 5;
    g.lineCap = "round";
    g.beginPath();
    g.moveTo(x, 3); g.lineTo(x, 3 + leaf * (h - 6));
    g.moveTo(x, h - 3); g.lineTo(x, h - 3 - leaf * (h - 6));
    g.stroke();
    for (const o of lane.dots) {
      g.globalAlpha = Math.max(o.fade, 0);
      g.beginPath();
      g.arc(o.x * w, o.y * h, 3.6, 0, 7);
      if (o.state === "failed") { g.strokeStyle = lane.hue.no; g.lineWidth = 2; g.stroke(); }
      else { g.fillStyle = o.state === "in" && o.x > 0.64 ? lane.hue.in : lane.hue.person; g.fill(); }
    }
    g.globalAlpha = 1;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const l of lanes.values()) l.hue = null; });
  requestAnimationFrame(frame);

  // Buttons -----------------------------------------------------------------
  const oops = document.getElementById("oops");
  document.addEventListener("submit", async (e) => {
    e.preventDefault();
    oops.hidden = true;
    const button = e.submitter;
    try {
      const answer = await fetch(e.target.action, {
        method: "POST", body: new URLSearchParams(new FormData(e.target, button)), headers: { Accept: "application/json" },
      });
      if (!answer.ok) throw new Error(await answer.text());
    } catch (err) {
      oops.textContent = String(err.message || err).slice(0, 300);
      oops.hidden = false;
    }
  });
})();
