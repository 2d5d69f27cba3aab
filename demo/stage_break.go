package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// errUnknownFault: the button asks for something that is not there.
var errUnknownFault = errors.New("unknown provider or fault")

// breakings are the faults of the buttons as a simulator takes them.
func breaking(what string) (control string, told bilingual, ok bool) {
	switch what {
	case "server":
		return `{"hang":true}`, bilingual{"서버가 답하지 않게 했습니다", "server hangs"}, true
	case "page":
		return `{"page_hang":true}`, bilingual{"로그인 화면이 열리지 않게 했습니다", "login page hangs"}, true
	case "slow":
		return `{"latency_ms":3000}`, bilingual{"응답을 3초로 늦췄습니다", "slowed to 3 s"}, true
	case "down":
		return `{"down":true}`, bilingual{"완전히 껐습니다", "switched off"}, true
	}
	return "", bilingual{}, false
}

// cure is what Recover sends where no healthy state was ever seen.
const cure = `{"latency_ms":100,"error_rate":0,"hang":false,"page_hang":false,"down":false,"fault":"","approve":"auto"}`

// breakIt breaks a provider, Kakao unless another is named.
func (s *Stage) breakIt(r *http.Request) error {
	id, what := r.FormValue("provider"), r.FormValue("what")
	if id == "" {
		id = "kakao"
	}
	control, told, ok := breaking(what)
	i := slices.IndexFunc(s.cfg.Sims, func(sim Sim) bool { return sim.ID == id })
	if !ok || i < 0 {
		return fmt.Errorf("%w: %q, %q", errUnknownFault, clip(id, 32), clip(what, 32))
	}
	sim := s.cfg.Sims[i]
	s.remember(r.Context(), sim)
	if err := s.put(r.Context(), sim, []byte(control)); err != nil {
		return err
	}
	s.pressTwins(id, what)
	s.say(Event{Kind: "act", Provider: id, KO: "고장: " + sim.KO + " " + told.KO, EN: "Broken: " + sim.EN + " " + told.EN})
	return nil
}

// remember looks at a simulator that has not been looked at before it breaks.
func (s *Stage) remember(ctx context.Context, sim Sim) {
	s.mu.Lock()
	_, known := s.healthy[sim.ID]
	s.mu.Unlock()
	if known {
		return
	}
	var raw json.RawMessage
	if err := s.read(ctx, sim.URL+"/control", &raw); err == nil {
		s.control(sim.ID, raw)
	}
}

// recoverAll sets every simulator back to how it began and ends a storm.
func (s *Stage) recoverAll(r *http.Request) error {
	if crowd := s.crowd(); crowd != nil {
		crowd.Calm()
	}
	s.pressTwins("", "recover")
	var errs []error
	for _, sim := range s.cfg.Sims {
		s.mu.Lock()
		control, known := s.healthy[sim.ID]
		s.mu.Unlock()
		if !known {
			control = json.RawMessage(cure)
		}
		errs = append(errs, s.put(r.Context(), sim, control))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.say(Event{Kind: "act", KO: "복구: 모든 인증 제공자를 처음 상태로 되돌렸습니다", EN: "Recovered: every provider is back to how it began"})
	return nil
}

// put changes a simulator and takes its answer as the new state.
func (s *Stage) put(ctx context.Context, sim Sim, control []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, sim.URL+"/control", bytes.NewReader(control))
	if err != nil {
		return fmt.Errorf("control %s: %w", sim.ID, err)
	}
	req.Header.Set("Content-Type", "application/json")
	var now json.RawMessage
	if err := s.send(req, &now); err != nil {
		return fmt.Errorf("control %s: %w", sim.ID, err)
	}
	s.control(sim.ID, now)
	return nil
}
