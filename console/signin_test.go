package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestNobodySeesAnythingBeforeSigningIn(t *testing.T) {
	b := newRoom(t, jimin()).browser()
	for _, path := range []string{"/", "/providers/kakao", "/sites", "/audit", "/audit?of=sign-ins"} {
		got := b.get(path)
		got.says(t, http.StatusOK, "운영자 로그인", `name="password"`)
		if strings.Contains(got.body, "카카오") {
			t.Errorf("%s shows lights to nobody", path)
		}
	}
	if got := b.get("/ws?page=board"); got.status != http.StatusUnauthorized {
		t.Errorf("ws: got %d, want 401", got.status)
	}
	b.post("/providers/kakao/word", "id", "x", "do", "grey", "reason_ko", "a", "reason_en", "b", "for", "30").
		says(t, http.StatusOK, "운영자 로그인")
	if w := b.desk.Word("kakao"); w.ID != "" {
		t.Errorf("got %+v by nobody", w)
	}
	b.get("/nowhere").says(t, http.StatusNotFound, "없는 주소입니다")
}

func TestSigningInOutAndTheTrail(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser()
	b.post("/sign-in", "name", "jimin", "password", "wrong").says(t, http.StatusUnauthorized, "맞지 않습니다", "wrong", `value="jimin"`)
	b.post("/sign-in", "name", "nobody", "password", secret).says(t, http.StatusUnauthorized, "맞지 않습니다")
	b.post("/sign-in", "name", "", "password", "").says(t, http.StatusUnauthorized)
	back := b.post("/sign-in", "name", "jimin", "password", secret, "next", "/providers/kakao?span=1h")
	if back.at != "/providers/kakao?span=1h" {
		t.Errorf("got %s, want the page that was asked for", back.at)
	}
	b.get("/").says(t, http.StatusOK, "네이버", "카카오", "용량", "jimin")
	b.get("/audit?of=sign-ins").says(t, http.StatusOK, "로그인 (비밀번호)", "로그인 거절 (비밀번호) 2번", "알 수 없는 이름")

	copied := r.browser()
	copied.http.Jar.SetCookies(mustParse(r.server.URL), b.http.Jar.Cookies(mustParse(r.server.URL)))
	copied.get("/").says(t, http.StatusOK, "카카오")
	b.post("/sign-out").says(t, http.StatusOK, "로그아웃했습니다")
	copied.get("/").says(t, http.StatusOK, "로그인 시간이 끝났습니다")
	b.enter()
	r.now.Store(int64(61 * time.Minute))
	b.get("/audit").says(t, http.StatusOK, "로그인 시간이 끝났습니다", `value="/audit"`)
	b.post("/providers/kakao/word").says(t, http.StatusOK, "반영되지 않았습니다")
}

func mustParse(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u
}

func TestWhereASignInMayLead(t *testing.T) {
	for next, want := range map[string]string{
		"/": "/", "/audit": "/audit", "/audit?of=sign-ins&page=3": "/audit?of=sign-ins&page=3", "/providers/kakao": "/providers/kakao",
		"": "/", "//evil.example": "/", "https://evil.example": "/", "/\\evil": "/", "/sign-out": "/", "/providers/../x": "/", "javascript:1": "/",
	} {
		if got := ours(next); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
}

func TestAOneTimePasswordIsGoodOnce(t *testing.T) {
	r := newRoom(t, Ways{Once: NewOnce("demo")})
	password := r.cfg.Ways.Once.Password()
	b := r.browser()
	b.post("/sign-in", "password", "nope").says(t, http.StatusUnauthorized, "터미널")
	b.post("/sign-in", "password", " "+password+" ").says(t, http.StatusOK, "카카오", "demo")
	other := r.browser()
	other.get("/").says(t, http.StatusOK, "이미 쓰였습니다", "disabled")
	other.post("/sign-in", "password", password).says(t, http.StatusUnauthorized, "이미 쓰였습니다")
	other.post("/sign-in", "password", "").says(t, http.StatusUnauthorized)
	b.get("/").says(t, http.StatusOK, "카카오")
	b.get("/audit?of=sign-ins").says(t, http.StatusOK, "일회용 비밀번호")
}

func TestAttackGuessingPasswordsOfTheConsole(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser()
	var last answer
	for range ownBurst + 1 {
		last = b.post("/sign-in", "name", "jimin", "password", "guess")
	}
	last.says(t, http.StatusTooManyRequests, "시도가 너무 많았습니다")
	if last.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	r.now.Store(int64(2 * time.Minute))
	b.enter()
}

func TestTheLimiterKeepsAddressesApartAndAllTogether(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := newLimiter(func() time.Time { return now })
	for range ownBurst {
		if l.take("192.0.2.1:1000") != 0 {
			t.Fatal("refused within the burst")
		}
	}
	if wait := l.take("192.0.2.1:2000"); wait <= 0 || wait > ownEvery {
		t.Errorf("got a wait of %v, want up to %v for the same address", wait, ownEvery)
	}
	if l.take("[2001:db8::1]:1") != 0 {
		t.Error("another address is refused")
	}
	refused := 0
	for i := range 2 * allBurst {
		if l.take(fmt.Sprintf("198.51.100.%d:1", i)) > 0 {
			refused++
		}
	}
	if refused < allBurst {
		t.Errorf("got %d refused, want all beyond %d", refused, allBurst)
	}
	now = now.Add(ownEvery * ownBurst)
	if l.take("192.0.2.1:1000") != 0 {
		t.Error("still refused after the wait")
	}
}

func TestASessionOfSomebodyWhoLeftIsOver(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	r.cfg.Ways = Ways{Operators: []Operator{{Name: "minsu", Hash: hashed}}}
	b.get("/").says(t, http.StatusOK, "로그인 시간이 끝났습니다")
}

func TestAConsoleThatLetsNobodyInIsNotMade(t *testing.T) {
	r := newRoom(t, jimin())
	cfg := r.cfg
	cfg.Ways = Ways{}
	if _, err := New(cfg); err == nil {
		t.Error("got a console nobody can sign in at")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("got a console of nothing")
	}
}
