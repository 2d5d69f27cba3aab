package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// bilingual is a sentence in Korean and English as the wire has it.
type bilingual struct {
	KO string `json:"ko"`
	EN string `json:"en"`
}

// board is what GET /signal tells, as far as the stage reads it.
type board struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Local     bool      `json:"local"`
	Providers []status  `json:"providers"`
}

type status struct {
	ID       string     `json:"id"`
	Name     bilingual  `json:"name"`
	Light    string     `json:"light"`
	Measured bool       `json:"measured"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until"`
	Reason   struct {
		Code string `json:"code"`
		bilingual
	} `json:"reason"`
	Share float64 `json:"share"`
}

// light is how a colour is shown: never by colour alone.
type light struct{ Shape, KO, EN string }

func lightOf(colour string) light {
	switch colour {
	case "green":
		return light{"●", "원활", "Smooth"}
	case "yellow":
		return light{"▲", "지연", "Slow"}
	case "red":
		return light{"■", "혼잡", "Busy"}
	case "grey":
		return light{"✕", "선택불가", "Closed"}
	}
	return light{"○", "모름", "Unknown"}
}

// maxAnswer of anything the stage reads.
const maxAnswer = 256 << 10

// read fetches a JSON document.
func (s *Stage) read(ctx context.Context, address string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	return s.send(req, v)
}

func (s *Stage) send(req *http.Request, v any) error {
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", req.Method, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: status %d", req.Method, req.URL, resp.StatusCode)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	return nil
}

// look reads everything once, side by side; what cannot be read stays as it was.
func (s *Stage) look(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() {
		var b board
		if err := s.read(ctx, s.cfg.Broker+"/signal", &b); err == nil {
			s.notice(&b)
		}
	})
	all.Go(func() {
		var h honesty
		if err := s.read(ctx, s.cfg.Broker+"/signal/honesty", &h); err == nil {
			s.mu.Lock()
			s.seen.honesty = &h
			s.mu.Unlock()
		}
	})
	all.Go(func() { s.lookAtRoom(ctx) })
	for _, sim := range s.cfg.Sims {
		all.Go(func() {
			var raw json.RawMessage
			if err := s.read(ctx, sim.URL+"/control", &raw); err == nil {
				s.control(sim.ID, raw)
			}
		})
	}
	all.Wait()
}

// control notes a simulator's state; the first one seen is its healthy one.
func (s *Stage) control(id string, raw json.RawMessage) {
	var c struct {
		LatencyMS float64 `json:"latency_ms"`
		ErrorRate float64 `json:"error_rate"`
		Capacity  float64 `json:"capacity_per_s"`
		Hang      bool    `json:"hang"`
		PageHang  bool    `json:"page_hang"`
		Down      bool    `json:"down"`
		Approve   string  `json:"approve"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return
	}
	faults := []string{}
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"server", c.Hang},
		{"page", c.PageHang},
		{"down", c.Down},
		{"slow", c.LatencyMS >= 1000},
		{"errors", c.ErrorRate > 0},
		{"narrow", c.Capacity > 0 && c.Capacity < 50},
		{"refusing", c.Approve == "reject"},
	} {
		if f.on {
			faults = append(faults, f.name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.faults[id] = faults
	if _, known := s.healthy[id]; !known && len(faults) == 0 {
		s.healthy[id] = raw
	}
}

// faultNames as pages show them.
func faultName(fault string) bilingual {
	switch fault {
	case "server":
		return bilingual{"서버 멈춤", "server hangs"}
	case "page":
		return bilingual{"화면 멈춤", "page hangs"}
	case "down":
		return bilingual{"꺼짐", "down"}
	case "slow":
		return bilingual{"느려짐", "slowed"}
	case "errors":
		return bilingual{"오류", "errors"}
	case "narrow":
		return bilingual{"좁아짐", "narrowed"}
	case "refusing":
		return bilingual{"거절", "refusing"}
	}
	return bilingual{fault, fault}
}

// honesty is what GET /signal/honesty tells: of the logins begun on a green
// light, how many kept its promise. The others failed, were slow or vanished
// for the provider's fault.
type honesty struct {
	Overall struct {
		Begun    int64    `json:"begun"`
		Failed   int64    `json:"failed"`
		Slow     int64    `json:"slow"`
		Vanished int64    `json:"vanished"`
		Share    *float64 `json:"honesty"` // 0 to 1, null before anybody came
	} `json:"overall"`
}

// Percent of green lights that kept their promise, rounded down so that one
// lie shows; "" while unknown.
func (h *honesty) Percent() string {
	if h == nil || h.Overall.Share == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", math.Floor(1e4**h.Overall.Share+1e-6)/100)
}

// Lies are the logins a green light misled.
func (h *honesty) Lies() int64 {
	if h == nil {
		return 0
	}
	return h.Overall.Failed + h.Overall.Slow + h.Overall.Vanished
}

// ids in the order of the board, then simulators it does not know yet.
func (s *Stage) ids(b *board) []string {
	var ids []string
	if b != nil {
		for _, p := range b.Providers {
			ids = append(ids, p.ID)
		}
	}
	for _, sim := range s.cfg.Sims {
		if !slices.Contains(ids, sim.ID) {
			ids = append(ids, sim.ID)
		}
	}
	return ids
}
