package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sinho/citizen"
	"sinho/store/redistest"
)

// redis is a real server that wants a password.
func redis(t *testing.T) (address string, stop func()) {
	t.Helper()
	sv := redistest.Start(t, "--requirepass", "hush")
	return sv.Addr, sv.Kill
}

func TestServeOnASharedStore(t *testing.T) {
	address, stop := redis(t)
	w := newWorld(t, "http")
	text := w.text("redis: {password: \"${SECRET_redis}\", prefix: \"a:\"}\n", "./data/sinho.db", "redis://"+address)
	w.write(text)
	if err := w.runOnce(); !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("got %v, want a wrong password named", err)
	}
	w.write(strings.Replace(text, `"${SECRET_redis}"`, "hush, password_env: X", 1))
	if err := w.runOnce(); !strings.Contains(err.Error(), "redis.password_env") {
		t.Errorf("got %v, want the password said once", err)
	}
	text = strings.Replace(text, `password: "${SECRET_redis}"`, "password_file: redis.txt", 1)
	writeFile(t, filepath.Join(w.dir, "redis.txt"), "hush\n")
	w.write(text)
	r := w.serve()
	if status, doc := w.getJSON("/readyz"); status != http.StatusOK || doc["durability"] != "best-effort" {
		t.Errorf("got %d %v, want ready and best-effort, as there are no replicas", status, doc)
	}
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Errorf("got %s (%v), want it in; log:\n%s", out.Why, out.Err, r.log)
	}
	r.reload(strings.Replace(text, `prefix: "a:"`, `prefix: "b:"`, 1), `"setting":"redis"`)

	stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for status := http.StatusOK; status != http.StatusServiceUnavailable; <-tick.C {
		status, _ = w.getJSON("/readyz")
	}
	if status, _ := w.getJSON("/healthz"); status != http.StatusOK {
		t.Errorf("got %d from /healthz without the store, want 200", status)
	}
}
