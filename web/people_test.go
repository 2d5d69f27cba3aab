package web

import (
	"strings"
	"testing"

	"sinho/broker"
)

func TestACrowdedBrowserLeadsBackToTheSite(t *testing.T) {
	h := newWeb(t, &fake{login: someLogin()}, nil)
	for range 2 { // rendered, then kept
		body := get(h, "/login?r=sealed-r_1&notice="+broker.NoticePeople).Body.String()
		wellFormed(t, body)
		for _, want := range []string{"이 기기에서 본인 확인을 한 사람이 너무 많습니다", `action="/login/decline"><input type="hidden" name="r" value="sealed-r_1">`, "한빛 예약으로 돌아가기", "Back to "} {
			if !strings.Contains(body, want) {
				t.Errorf("the chooser lacks %q", want)
			}
		}
	}
	if body := get(h, "/login?r=sealed-r_1&notice="+broker.NoticeAgain).Body.String(); strings.Contains(body, `id="back"`) {
		t.Error("got a way back beside another notice, want none")
	}
}
