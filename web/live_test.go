package web

import "testing"

// liveWorld runs live.js in a world without a network, whose clock jumps from
// timer to timer, and prints what happened: [second, what].
const liveWorld = `
const fs = require("fs"), vm = require("vm");
const plan = JSON.parse(fs.readFileSync(0, "utf8"));
let now = 0, next = 1, open = 0;
const timers = new Map(), log = [], listeners = {};
const note = what => log.push({ at: now / 1000, what });
const board = JSON.stringify({ at: "2026-03-02T03:00:00Z", providers: [] });
class Socket {
  constructor(kind, url) {
    if (plan.base) note(url);
    note(kind); open++; note("open " + open);
    const up = plan[kind] === "up" || (plan[kind] === "breaks" && log.filter(e => e.what === kind).length === 1);
    later(() => {
      if (this.closed) return;
      if (up && this.onmessage) this.onmessage({ data: board });
      else this.end();
    }, 10);
    if (up) {
      const again = () => { if (!this.closed && this.onmessage) { this.onmessage({ data: board }); later(again, 30000); } };
      if (plan[kind] === "up") later(again, 30000);
      else later(() => this.end(), 20000);
    }
  }
  end() { if (this.closed) return; this.closed = true; open--; const f = this.onclose || this.onerror; if (f) f(); }
  close() { if (!this.closed) { this.closed = true; open--; } }
}
const setTimeout = (f, ms) => { timers.set(next, { f, at: now + ms }); return next++; };
const later = (f, ms) => { timers.set(next++, { f, at: now + ms, server: true }); };
const world = {
  WebSocket: class extends Socket { constructor(url) { super("ws", url); } },
  EventSource: class extends Socket { constructor(url) { super("sse", url); } },
  location: { protocol: "https:", host: "x" }, JSON, Math, Array,
  document: { hidden: false, addEventListener: (n, f) => { listeners[n] = f; }, removeEventListener: n => { delete listeners[n]; } },
  addEventListener: (n, f) => { listeners[n] = f; }, removeEventListener: n => { delete listeners[n]; },
  setTimeout, clearTimeout: id => timers.delete(id),
  fetch: url => { if (plan.base) note(url); note("poll"); return Promise.resolve({ ok: plan.poll === "up", status: plan.poll === "up" ? 200 : 503, headers: { get: () => "" }, text: () => Promise.resolve(board) }); },
};
vm.createContext(world);
vm.runInContext(fs.readFileSync(process.argv[1], "utf8"), world);
let stale = false;
const end = world.sinho.live.start(() => {}, s => { if (s !== stale) note(s ? "stale" : "fresh"); stale = s; }, plan.base);
(async () => {
  while (now < plan.seconds * 1000) {
    for (let i = 0; i < 20; i++) await null;
    const due = [...timers].sort((a, b) => a[1].at - b[1].at)[0];
    if (!due) break;
    timers.delete(due[0]);
    now = due[1].at;
    if (plan.hide && now >= plan.hide * 1000 && !world.document.hidden) { world.document.hidden = true; listeners.visibilitychange(); }
    due[1].f();
    if (plan.end && now >= plan.end * 1000) {
      end();
      note("ended with " + open + " open, " + [...timers.values()].filter(t => !t.server).length + " timers, " + Object.keys(listeners).length + " listeners");
      break;
    }
  }
  console.log(JSON.stringify(log));
})();
`

type event struct {
	At   float64 `json:"at"`
	What string  `json:"what"`
}

func TestBoardsReachThePageHoweverTheNetworkIs(t *testing.T) {
	world := func(t *testing.T, plan map[string]any) []event {
		t.Helper()
		var log []event
		node(t, liveWorld, "live.js", plan, &log)
		for _, e := range log {
			if e.What == "open 2" {
				t.Error("got two connections at once, want one")
			}
		}
		return log
	}
	times := func(log []event, what string) (at []float64) {
		for _, e := range log {
			if e.What == what {
				at = append(at, e.At)
			}
		}
		return at
	}
	t.Run("one socket is enough while it lives", func(t *testing.T) {
		log := world(t, map[string]any{"ws": "up", "sse": "up", "poll": "up", "seconds": 600})
		if len(times(log, "ws")) != 1 || len(times(log, "sse"))+len(times(log, "poll"))+len(times(log, "stale")) != 0 {
			t.Errorf("got %v, want one socket", log)
		}
	})
	t.Run("a lost crowd spreads over two minutes and polls slowly meanwhile", func(t *testing.T) {
		var early, late int
		for range 12 {
			log := world(t, map[string]any{"ws": "breaks", "sse": "up", "poll": "up", "seconds": 145})
			ws := times(log, "ws")
			if len(ws) < 2 || ws[1] < 20 || ws[1] > 141 {
				t.Fatalf("got sockets at %v, want the second within 120 s of the loss at 20 s", ws)
			}
			if ws[1] < 80 {
				early++
			} else {
				late++
			}
			polls := times(log, "poll")
			if ws[1] > 33 && len(polls) == 0 {
				t.Errorf("got no poll while away until %v s", ws[1])
			}
			if len(polls) > 0 && (polls[0] < 22 || polls[0] > 33) {
				t.Errorf("got the first poll at %v s, want 2 to 12 s after the loss", polls[0])
			}
			for i := 1; i < len(polls); i++ {
				if gap := polls[i] - polls[i-1]; gap < 5 {
					t.Errorf("got polls %v s apart, want at least 5", gap)
				}
			}
		}
		if early == 0 || late == 0 {
			t.Errorf("got %d early and %d late of 12, want them spread", early, late)
		}
	})
	t.Run("events stand in for a socket that cannot be had", func(t *testing.T) {
		log := world(t, map[string]any{"ws": "down", "sse": "up", "poll": "up", "seconds": 600})
		if sse := times(log, "sse"); len(sse) != 1 || sse[0] > 2 || len(times(log, "stale")) != 0 {
			t.Errorf("got %v, want one stream within 2 s", log)
		}
	})
	t.Run("polling stands in for both, and the socket is tried anew", func(t *testing.T) {
		log := world(t, map[string]any{"ws": "down", "sse": "down", "poll": "up", "seconds": 600})
		polls, ws := times(log, "poll"), times(log, "ws")
		if len(polls) < 40 || polls[0] > 4 || len(times(log, "stale")) != 0 {
			t.Errorf("got %d polls, the first at %v s, stale at %v", len(polls), polls, times(log, "stale"))
		}
		if len(ws) < 3 || len(ws) > 11 {
			t.Errorf("got %d sockets in 10 minutes, want one every 1 to 3", len(ws))
		}
	})
	t.Run("a page says so when nothing comes, and asks less often", func(t *testing.T) {
		log := world(t, map[string]any{"ws": "down", "sse": "down", "poll": "down", "seconds": 900})
		if stale := times(log, "stale"); len(stale) != 1 || stale[0] != 75 {
			t.Errorf("got stale at %v, want at 75 s", stale)
		}
		if n := len(times(log, "poll")); n > 60 {
			t.Errorf("got %d polls of a busy server in 15 minutes, want fewer", n)
		}
	})
	t.Run("another origin is asked in all three ways", func(t *testing.T) {
		log := world(t, map[string]any{"ws": "down", "sse": "down", "poll": "up", "seconds": 10, "base": "https://id.example.kr"})
		for _, want := range []string{"wss://id.example.kr/signal/ws", "https://id.example.kr/signal/sse", "https://id.example.kr/signal"} {
			if len(times(log, want)) == 0 {
				t.Errorf("got %v, want %s asked", log, want)
			}
		}
	})
	t.Run("an end leaves nothing behind, whatever was under way", func(t *testing.T) {
		for _, plan := range []map[string]any{
			{"ws": "up", "sse": "up", "poll": "up", "end": 40},
			{"ws": "breaks", "sse": "up", "poll": "up", "end": 21},
			{"ws": "down", "sse": "down", "poll": "up", "end": 30},
			{"ws": "up", "sse": "up", "poll": "up", "end": 65, "hide": 60},
		} {
			plan["seconds"] = 200
			log := world(t, plan)
			if len(times(log, "ended with 0 open, 0 timers, 0 listeners")) != 1 {
				t.Errorf("%v: got %v", plan, log)
			}
		}
	})
	t.Run("a page nobody looks at gives its connection back", func(t *testing.T) {
		log := world(t, map[string]any{"ws": "up", "sse": "up", "poll": "up", "seconds": 600, "hide": 60})
		if len(log) > 3 || len(times(log, "poll")) != 0 {
			t.Errorf("got %v, want nothing after it was hidden", log)
		}
	})
}
