package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// passCall is one call of the client's to PASS.
func passCall(s *Sim, method, path, body string) (int, map[string]any) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth(testClient, testSecret)
	res := ask(s, r)
	var answer map[string]any
	_ = json.Unmarshal([]byte(res.body), &answer)
	return res.status, answer
}

func passBody(phone string, expireS int) string {
	return fmt.Sprintf(`{"receiverName":"홍길동","receiverBirthday":"19900512","receiverHP":%q,`+
		`"reqTitle":"본인 확인","reqMessage":"푸른 바다","expireIn":%d,"token":"nonce-1"}`, phone, expireS)
}

// passPush sends a push to the first person's phone.
func passPush(t *testing.T, s *Sim, expireS int) (ref string) {
	t.Helper()
	status, answer := passCall(s, http.MethodPost, "/pass/requests", passBody("01000000000", expireS))
	ref, _ = answer["receiptID"].(string)
	if status != http.StatusOK || len(ref) != 32 {
		t.Fatalf("request: got %d %v, want a receipt of 32", status, answer)
	}
	return ref
}

func passStateOf(t *testing.T, s *Sim, ref string) int {
	t.Helper()
	status, answer := passCall(s, http.MethodGet, "/pass/requests/"+ref, "")
	state, ok := answer["state"].(float64)
	if status != http.StatusOK || !ok {
		t.Fatalf("status: got %d %v, want a state", status, answer)
	}
	return int(state)
}

func TestAPushIsAnsweredByItsModeAndByTime(t *testing.T) {
	const waiting, completed, gone, refused = 0, 1, 2, 3
	type look struct {
		after time.Duration // since the look before
		put   string        // done before looking
		want  int
	}
	for name, tt := range map[string]struct {
		put     string
		expireS int
		looks   []look
	}{
		"auto approves after two seconds":          {`{}`, 300, []look{{0, "", waiting}, {1999 * time.Millisecond, "", waiting}, {time.Millisecond, "", completed}}},
		"an approved one does not expire":          {`{}`, 300, []look{{20 * time.Minute, "", completed}}},
		"reject says no after two seconds":         {`{"approve":"reject"}`, 300, []look{{time.Second, "", waiting}, {time.Second, "", refused}}},
		"manual waits until it expires":            {`{"approve":"manual"}`, 300, []look{{299 * time.Second, "", waiting}, {time.Second, "", gone}}},
		"one that expires early is not approved":   {`{}`, 1, []look{{5 * time.Second, "", gone}}},
		"a hung phone never approves":              {`{"page_hang":true}`, 60, []look{{59 * time.Second, "", waiting}, {time.Second, "", gone}}},
		"a phone that works again approves":        {`{"page_hang":true}`, 60, []look{{30 * time.Second, "", waiting}, {0, `{"page_hang":false}`, completed}}},
		"what was approved stays so under reject":  {`{}`, 60, []look{{3 * time.Second, `{"approve":"reject"}`, completed}, {time.Second, "", completed}}},
		"what waited is decided by the new mode":   {`{"approve":"manual"}`, 60, []look{{9 * time.Second, "", waiting}, {0, `{"approve":"reject"}`, refused}}},
		"a change of speed decides nothing":        {`{}`, 60, []look{{time.Second, `{"latency_ms":0}`, waiting}, {time.Second, "", completed}}},
		"a phone hung after approval stays so":     {`{}`, 60, []look{{3 * time.Second, `{"page_hang":true}`, completed}}},
		"down does not stop the person's own hand": {`{"down":true}`, 60, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := build(t, config("pass"))
				if tt.looks == nil {
					ref := passPush(t, s, tt.expireS)
					control(t, s, tt.put)
					time.Sleep(3 * time.Second)
					control(t, s, `{"down":false}`)
					if got := passStateOf(t, s, ref); got != completed {
						t.Errorf("got state %d, want %d", got, completed)
					}
					return
				}
				control(t, s, tt.put)
				ref := passPush(t, s, tt.expireS)
				for i, l := range tt.looks {
					time.Sleep(l.after)
					if l.put != "" {
						control(t, s, l.put)
					}
					if got := passStateOf(t, s, ref); got != l.want {
						t.Errorf("look %d: got state %d, want %d", i, got, l.want)
					}
				}
			})
		})
	}
}

func TestPASSVerifiesOnceAndOnTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, config("pass"))
		ref := passPush(t, s, 300)
		refused := func(when string) {
			t.Helper()
			status, answer := passCall(s, http.MethodPost, "/pass/requests/"+ref+"/verify", "")
			if status != http.StatusBadRequest || answer["code"] != float64(passUnverifiable) {
				t.Errorf("%s: got %d %v, want 400 with code %d", when, status, answer, passUnverifiable)
			}
		}
		refused("not completed")
		time.Sleep(2 * time.Second)
		status, answer := passCall(s, http.MethodPost, "/pass/requests/"+ref+"/verify", "")
		if status != http.StatusOK {
			t.Fatalf("verify: got %d %v, want 200", status, answer)
		}
		for k, want := range map[string]any{
			"receiptID": ref, "state": 1.0, "receiverName": "홍길동", "receiverYear": "1990", "receiverDay": "0512",
			"receiverGender": "1", "receiverForeign": "N", "receiverTelcoType": "SKT", "ci": People()[0].CI, "token": "nonce-1",
		} {
			if answer[k] != want {
				t.Errorf("%s: got %v, want %v", k, answer[k], want)
			}
		}
		refused("verified already")

		// Time in the bubble begins at 09:00 in Korea.
		midnight := time.Date(2000, 1, 2, 0, 0, 0, 0, seoul())
		time.Sleep(time.Until(midnight.Add(-10 * time.Second)))
		ref = passPush(t, s, 300)
		time.Sleep(5 * time.Second)
		if got := passStateOf(t, s, ref); got != 1 {
			t.Fatalf("got state %d, want 1", got)
		}
		time.Sleep(5 * time.Second)
		refused("on the next day")
	})
}

func TestPASSRefusesInItsOwnWords(t *testing.T) {
	s := build(t, config("pass"))
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		code               float64
	}{
		"a stranger":              {"POST", "/pass/requests", passBody("01099999999", 300), 400, passStranger},
		"no expiry":               {"POST", "/pass/requests", passBody("01000000000", 0), 400, passBadRequest},
		"an expiry of a day":      {"POST", "/pass/requests", passBody("01000000000", 86400), 400, passBadRequest},
		"no JSON":                 {"POST", "/pass/requests", "receiverName=x", 400, passBadRequest},
		"an unknown receipt":      {"GET", "/pass/requests/none", "", 404, passNotFound},
		"verify of an unknown":    {"POST", "/pass/requests/none/verify", "", 404, passNotFound},
		"a receipt like a folder": {"GET", "/pass/requests/..%2f", "", 404, passNotFound},
	} {
		if status, answer := passCall(s, tt.method, tt.path, tt.body); status != tt.status || answer["code"] != tt.code {
			t.Errorf("%s: got %d %v, want %d with %v", name, status, answer, tt.status, tt.code)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/pass/requests/x", nil)
	r.SetBasicAuth(testClient, "wrong")
	if res := ask(s, r); res.status != http.StatusUnauthorized {
		t.Errorf("got %d for a wrong secret, want 401", res.status)
	}
}

func TestOfManyVerifiesOneWins(t *testing.T) {
	s := build(t, config("pass"))
	control(t, s, `{"approve":"manual"}`)
	ref := passPush(t, s, 300)
	if !s.pushes.press(ref, true) {
		t.Fatal("got no approval")
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 16 {
		wg.Go(func() {
			if status, _ := passCall(s, http.MethodPost, "/pass/requests/"+ref+"/verify", ""); status == http.StatusOK {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("got %d verified, want 1", won)
	}
}

func TestThePhoneShowsThePhraseAndAnswersByItsButtons(t *testing.T) {
	for _, tt := range []struct {
		button string
		want   int
	}{{"approve", 1}, {"reject", 3}} {
		t.Run(tt.button, func(t *testing.T) {
			s := build(t, config("pass"))
			control(t, s, `{"approve":"manual"}`)
			if res := get(s, "/phone"); !strings.Contains(res.body, `id="empty"`) || !strings.Contains(res.body, "refresh") {
				t.Errorf("got %s, want an empty phone", res.body)
			}
			ref := passPush(t, s, 300)
			page := get(s, "/phone")
			for _, want := range []string{"푸른 바다", "홍길동", "신호", `id="approve-` + ref, `id="reject-` + ref} {
				if !strings.Contains(page.body, want) {
					t.Errorf("got a phone without %q", want)
				}
			}
			if strings.Contains(page.body, "http-equiv") {
				t.Error("got a page that reloads itself under a reader")
			}
			if res := postForm(s, "/phone/"+ref, url.Values{}); res.status != http.StatusBadRequest {
				t.Errorf("got %d for no button, want 400", res.status)
			}
			if res := postForm(s, "/phone/"+ref, url.Values{tt.button: {"yes"}}); res.header.Get("Location") != "/phone" {
				t.Errorf("got %d to %q, want back to the phone", res.status, res.header.Get("Location"))
			}
			if got := passStateOf(t, s, ref); got != tt.want {
				t.Errorf("got state %d, want %d", got, tt.want)
			}
			if res := postForm(s, "/phone/"+ref, url.Values{"approve": {"yes"}}); res.header.Get("Location") != "/phone?late" {
				t.Errorf("got %q for a second press, want to be told it is late", res.header.Get("Location"))
			}
			if got := passStateOf(t, s, ref); got != tt.want {
				t.Errorf("got state %d after the second press, want %d", got, tt.want)
			}
		})
	}
}
