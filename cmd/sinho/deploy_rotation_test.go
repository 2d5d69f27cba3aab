package main

import (
	"strings"
	"testing"
)

func TestTheTimerRotatesKeysByACommandThatExists(t *testing.T) {
	u := systemdUnit(t, deployed(t, "systemd/sinho-rotate-keys.service"))
	line := strings.Fields(u["Service.ExecStart"][0])
	if line[0] != "/usr/local/bin/sinho" {
		t.Errorf("got %q", line)
	}
	isCommand(t, line[1:]...)
	if dir := line[len(line)-1]; u["Service.ReadWritePaths"][0] != dir {
		t.Errorf("got %s to write to, want %s", u["Service.ReadWritePaths"], dir)
	}
	if got := systemdUnit(t, deployed(t, "systemd/sinho-rotate-keys.timer"))["Timer.OnCalendar"]; len(got) != 1 || got[0] != "monthly" {
		t.Errorf("got OnCalendar %q", got)
	}
	if out := systemdAnalyze(t, "systemd/sinho-rotate-keys.service", "verify", "--man=no"); strings.Contains(out, "sinho-rotate-keys.service:") {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
}
