package web

import (
	"encoding/json"
	"strings"
)

// queueWords are the sentences of the waiting room.
func queueWords() words {
	return words{
		// What the page is, by its state.
		"queue.before_opening":    {KO: "곧 열려요", EN: "Opening soon"},
		"queue.drawing":           {KO: "순서를 정하고 있어요", EN: "Drawing the order"},
		"queue.waiting":           {KO: "차례를 기다리고 있어요", EN: "Waiting for your turn"},
		"queue.called":            {KO: "차례입니다", EN: "It is your turn"},
		"queue.late":              {KO: "차례가 지나갔지만 괜찮아요", EN: "Your turn has passed, and that is fine"},
		"queue.closed":            {KO: "잠시 멈춰 두었어요", EN: "Paused for now"},
		"queue.unavailable":       {KO: "자리를 확인하지 못하고 있어요", EN: "We cannot look up your place"},
		"queue.for":               {KO: "{site} 대기실", EN: "Waiting room of {site}"},
		"queue.drawing.is":        {KO: "몇 초면 돼요. 이 화면에 바로 나와요.", EN: "A few seconds. It will show here."},
		"queue.late.is":           {KO: "잃은 것은 없어요. 맨 뒤가 아니라 늦은 분들의 짧은 줄에서 곧 불러 드려요.", EN: "Nothing is lost. You are not at the end, but in the short line for late comers, and will be called soon."},
		"queue.closed.is":         {KO: "운영자가 잠시 멈춰 두었어요. 자리는 그대로이고, 다시 시작하면 이어서 불러 드려요.", EN: "The operators have paused it. Your place is kept, and calling goes on from there."},
		"queue.unavailable.is":    {KO: "번호표를 받았다면 자리는 그대로예요. 이 화면이 곧 다시 확인해요.", EN: "If you have a number, your place is kept. This page will look again shortly."},
		"queue.called.is":         {KO: "들어가는 중이에요…", EN: "Taking you in…"},
		"queue.called.wait":       {KO: "이 화면으로 돌아오면 바로 들어가요.", EN: "Come back to this page and you go right in."},
		"queue.called.title":      {KO: "▶ 차례입니다", EN: "▶ It is your turn"},
		"queue.verified":          {KO: "본인확인을 마쳤어요. 열리면 바로 들어갑니다.", EN: "You are verified. When it opens you go right in."},
		"queue.early":             {KO: "지금 미리 본인확인", EN: "Verify yourself now"},
		"queue.early.why":         {KO: "열리기 전에 마쳐 두면, 열린 뒤에는 기다리지 않고 바로 들어가요.", EN: "Do it before the opening, and you go right in once it opens."},
		"queue.ahead.login":       {KO: "열리기 전에 미리 하는 본인확인이에요. 마치면 대기실로 돌아가요.", EN: "You are verifying yourself ahead of the opening. It leads back to the waiting room."},
		"queue.early.no":          {KO: "일찍 와도 유리하지 않아요", EN: "Coming early gains nothing"},
		"queue.early.no.is":       {KO: "열리기 전에 온 분들의 순서는 열릴 때 한 번에 섞어요. 이 화면만 열어 두면 돼요.", EN: "Everybody who comes before the opening is shuffled once when it opens. Just keep this page."},
		"queue.left":              {KO: "열리기까지", EN: "Opens in"},
		"queue.opens":             {KO: "{t}에 열려요", EN: "Opens {t}"},
		"queue.days":              {KO: "{n}일", EN: "{n} d"},
		"queue.place":             {KO: "내 순서", EN: "Your place"},
		"queue.place.late":        {KO: "늦은 줄에서 내 순서", EN: "Your place in the late line"},
		"queue.nth":               {KO: "{n}번째", EN: "{n}"},
		"queue.ticket":            {KO: "번호표 {n}번", EN: "Ticket no. {n}"},
		"queue.so.far":            {KO: "지금 {n}번째까지 불렀어요", EN: "{n} called so far"},
		"queue.ahead":             {KO: "앞에 기다리는 사람 {n}명", EN: "{n} waiting ahead of you"},
		"queue.soon":              {KO: "1분 안", EN: "under a minute"},
		"queue.min":               {KO: "약 {b}분", EN: "about {b} min"},
		"queue.min.range":         {KO: "약 {a}–{b}분", EN: "about {a}–{b} min"},
		"queue.hours":             {KO: "약 {b}시간", EN: "about {b} h"},
		"queue.hours.range":       {KO: "약 {a}–{b}시간", EN: "about {a}–{b} h"},
		"queue.moved":             {KO: "마지막으로 움직인 때: {t}", EN: "Last moved {t}"},
		"queue.ago.now":           {KO: "방금", EN: "just now"},
		"queue.ago.s":             {KO: "{n}초 전", EN: "{n} s ago"},
		"queue.ago.m":             {KO: "{n}분 전", EN: "{n} min ago"},
		"queue.ago.h":             {KO: "{n}시간 전", EN: "{n} h ago"},
		"queue.standing":          {KO: "잠시 멈췄어요. 움직이면 바로 알려 드려요.", EN: "Standing still. You will see it here once it moves."},
		"queue.offline":           {KO: "연결이 끊겼어요. 자리는 그대로예요.", EN: "Connection lost. Your place is kept."},
		"queue.online":            {KO: "다시 연결되었어요.", EN: "Connected again."},
		"queue.kept":              {KO: "새로 고치거나 창을 닫아도, 연결이 끊겨도 자리는 그대로예요. 이 브라우저로 다시 오면 돼요.", EN: "Reload, close the window or lose the connection: your place is kept. Just come back in this browser."},
		"queue.own":               {KO: "차례가 되면 이 화면이 저절로 넘어가요. 부른 뒤 2분 동안 들어갈 수 있어요.", EN: "When it is your turn this page moves on by itself. You have two minutes from the call."},
		"queue.itself":            {KO: "이 화면은 {n}초마다 스스로 새로 고쳐져요.", EN: "This page refreshes itself every {n} s."},
		"queue.again":             {KO: "지금 새로 보기", EN: "Refresh now"},
		"queue.calls":             {KO: "차례가 되면 알려 드릴까요?", EN: "Shall we call you?"},
		"queue.sound":             {KO: "소리", EN: "Sound"},
		"queue.notify":            {KO: "알림", EN: "Notification"},
		"queue.vibrate":           {KO: "진동", EN: "Vibration"},
		"queue.sound.on":          {KO: "차례가 되면 방금 그 소리가 나요.", EN: "You will hear that sound when it is your turn."},
		"queue.notify.on":         {KO: "차례가 되면 알림을 보내 드려요.", EN: "You will be notified when it is your turn."},
		"queue.cannot":            {KO: "이 브라우저에서는 할 수 없어요.", EN: "This browser cannot do that."},
		"queue.vibrate.on":        {KO: "차례가 되면 휴대폰이 떨려요.", EN: "Your phone will vibrate when it is your turn."},
		"queue.off":               {KO: "껐어요.", EN: "Switched off."},
		"queue.ready":             {KO: "기다리는 동안 준비해 주세요", EN: "Meanwhile, get ready"},
		"queue.ready.app":         {KO: "인증서 앱: 로그인과 비밀번호를 미리 확인해요.", EN: "Your certificate app: check that you can log in to it."},
		"queue.ready.phone":       {KO: "휴대폰: 곁에 두고 충전해 두어요.", EN: "Your phone: at hand and charged."},
		"queue.ready.way":         {KO: "로그인할 방법: 아래에서 가진 것을 골라 두면 차례 때 먼저 보여 드려요.", EN: "Your way in: tick what you have below, and it comes first at your turn."},
		"queue.ways":              {KO: "로그인 방법의 지금 신호", EN: "Ways to log in, as they are now"},
		"queue.ways.then":         {KO: "고르는 것은 차례가 된 다음이에요. 그때의 신호를 다시 보여 드려요.", EN: "You choose at your turn, by the lights of then."},
		"queue.shuffle":           {KO: "순서는 이렇게 정해요", EN: "How the order is drawn"},
		"queue.shuffle.is":        {KO: "열리기 전에 온 번호를 열릴 때 한 번 섞어요. 섞는 씨앗값은 이미 정해져 있고, 아래는 그 약속값(SHA-256)이에요. 열린 뒤 씨앗값이 공개되니 누구나 맞는지 확인할 수 있어요. 나중에 온 분은 온 순서대로 뒤에 서요.", EN: "The numbers given out before the opening are shuffled once. The seed is fixed already; this is its commitment (SHA-256). The seed is published after the opening, so that anybody can check it. Whoever comes later stands behind, in the order of coming."},
		"queue.shuffle.check":     {KO: "이 명령으로 확인할 수 있어요. 명령에서는 번호를 0부터 세요.", EN: "This command checks it. It counts numbers from 0."},
		"queue.shuffle.later":     {KO: "열린 뒤 이 자리에 확인하는 명령(sinho lobby verify)이 나와요.", EN: "After the opening the command that checks it (sinho lobby verify) appears here."},
		"queue.say.ahead":         {KO: "앞에 {n}명, {t}", EN: "{n} ahead, {t}"},
		"queue.say.opens":         {KO: "열리기까지 {t}", EN: "Opens in {t}"},
		"queue.going":             {KO: "열렸어요", EN: "It is open"},
		"queue.going.is":          {KO: "잠시 뒤 저절로 들어갑니다. 바로 눌러도 돼요.", EN: "You go in by yourself in a moment, or press now."},
		"queue.going.press":       {KO: "아래 버튼을 누르면 바로 들어가요.", EN: "Press the button to go in."},
		"queue.going.agree":       {KO: "아래를 확인하고 들어가 주세요.", EN: "Please look below and go in."},
		"queue.say.minutes":       {KO: "{m}분", EN: "{m} min"},
		"queue.say.under.minutes": {KO: "1분이 안 남았어요", EN: "under a minute"},
	}
}

// scriptSays are the keys that the waiting room's script says, without "queue.";
// scriptBeside are those it says in the other language too.
var (
	scriptSays = strings.Fields(`called.title days say.ahead say.opens say.minutes say.under.minutes
		late.is closed.is drawing.is going.is going.agree moved ago.now ago.s ago.m ago.h so.far shuffle.check online
		sound.on notify notify.on vibrate.on cannot off`)
	scriptBeside = strings.Fields(`before_opening drawing waiting called late closed going called.wait
		nth ahead soon min min.range hours hours.range offline`)
)

// queueWords is what the waiting room's script says, as JSON.
func (p page) queueWords() string {
	out := map[string]string{}
	for _, key := range scriptSays {
		out[key], _ = p.T("queue." + key)
	}
	for _, key := range scriptBeside {
		out[key], _ = p.T("queue." + key)
		out[key+".beside"], _ = p.O("queue." + key)
	}
	out["choose.working"], _ = p.T("choose.working")
	b, err := json.Marshal(out)
	if err != nil {
		return "{}"
	}
	return string(b)
}
