package sim

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Person is one of the made-up people every simulator knows. All values are
// fictional; nobody has these telephone numbers.
type Person struct {
	Name      string // 홍길동
	Family    string // 홍
	Given     string // 길동
	Nickname  string
	Birthdate string // YYYY-MM-DD
	Gender    string // male or female
	Phone     string // digits, 01000000000
	Email     string
	Carrier   string // SKT, KT or LGU, with _MVNO
	CI        string // 88 base64 characters, the same at every simulator
	Every     bool   // has every standard claim, and verified ones

	// What is particular about somebody.
	Lunar     string // lunar birthday, MMDD, which Kakao gives instead
	Foreigner bool
	Under14   bool // Kakao serves nobody so young
	NoCI      bool // has no CI at Kakao and Toss yet
	Shy       bool // shares nothing at Naver, Kakao and the oidc simulator
}

// People lists the test people in a fixed order; the first one is preselected
// on every page and has every claim there is at the oidc simulator. A person's
// number is the place in this list, from 0. Those of Particular come after them.
func People() []Person {
	people := []Person{
		{Name: "홍길동", Nickname: "길동", Birthdate: "1990-05-12", Gender: "male", Phone: "01000000000", Email: "hong@example.com", Carrier: "SKT", Every: true},
		{Name: "김하늘", Nickname: "하늘", Birthdate: "1985-08-21", Gender: "female", Phone: "01000000001", Email: "haneul@example.com", Carrier: "KT"},
		{Name: "이바다", Nickname: "바다", Birthdate: "1972-11-30", Gender: "male", Phone: "01000000002", Email: "bada@example.com", Carrier: "LGU"},
		{Name: "박나무", Nickname: "나무", Birthdate: "2001-02-28", Gender: "female", Phone: "01000000003", Email: "namu@example.com", Carrier: "SKT_MVNO"},
		{Name: "최가을", Nickname: "가을", Birthdate: "1959-09-09", Gender: "male", Phone: "01000000004", Email: "gaeul@example.com", Carrier: "KT_MVNO"},
		{Name: "정새봄", Nickname: "새봄", Birthdate: "1996-03-31", Gender: "female", Phone: "01000000005", Email: "saebom@example.com", Carrier: "LGU_MVNO"},
		{Name: "강여울", Nickname: "여울", Birthdate: "1988-12-25", Gender: "female", Phone: "01000000006", Email: "yeoul@example.com", Carrier: "SKT"},
		{Name: "윤슬기", Nickname: "슬기", Birthdate: "1979-07-07", Gender: "male", Phone: "01000000007", Email: "seulgi@example.com", Carrier: "KT"},
	}
	for k := range people {
		people[k].complete(k)
	}
	return people
}

// MaxCrowd is how many people a crowd may have.
const MaxCrowd = 100_000

// populace is who there is: those with a name of their own, then a crowd.
type populace struct {
	all   []Person
	crowd int // how many of them, at the end
}

func (s *Sim) populace() *populace { return s.people.Load() }

// SetCrowd makes the crowd one of n people, 0 to MaxCrowd, born on days of the month
// in turn (1 to 28; none: all of them). Whoever is on their way at that moment may
// come back as somebody else.
func (s *Sim) SetCrowd(n int, days []int) error {
	if n < 0 || n > MaxCrowd {
		return fmt.Errorf("crowd of %d, want 0 to %d", n, MaxCrowd)
	}
	for _, day := range days {
		if day < 1 || day > 28 {
			return fmt.Errorf("a crowd born on a day %d, want 1 to 28", day)
		}
	}
	s.people.Store(&populace{withCrowd(Everybody(), n, days), n})
	return nil
}

// Crowd is everybody of the crowd.
func (s *Sim) Crowd() []Person {
	who := s.populace()
	return slices.Clone(who.all[len(who.all)-who.crowd:])
}

// withCrowd adds n people to those with a name of their own.
func withCrowd(people []Person, n int, days []int) []Person {
	families := []string{"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임"}
	carriers := []string{"SKT", "KT", "LGU", "SKT_MVNO", "KT_MVNO", "LGU_MVNO"}
	for range n {
		k := len(people)
		day := 1 + k%28
		if len(days) > 0 {
			day = days[k%len(days)]
		}
		p := Person{
			Name: families[k%len(families)] + "시민", Nickname: "시민" + strconv.Itoa(k), Birthdate: fmt.Sprintf("%d-%02d-%02d", 1950+k%50, 1+k%12, day),
			Gender: []string{"female", "male"}[k%2], Phone: fmt.Sprintf("010%08d", k), Email: fmt.Sprintf("citizen%d@example.com", k), Carrier: carriers[k%len(carriers)],
		}
		p.complete(k)
		people = append(people, p)
	}
	return people
}

// Particular lists people who are not like the others, to be picked on a page or
// typed into a form. They come after People.
func Particular() []Person {
	people := []Person{
		{Name: "서달빛", Nickname: "달빛", Birthdate: "1968-02-11", Gender: "female", Phone: "01000000008", Email: "dalbit@example.com", Carrier: "KT", Lunar: "0113"},
		{Name: "SMITH JOHN", Family: "SMITH", Given: "JOHN", Nickname: "John", Birthdate: "1983-04-30", Gender: "male", Phone: "01000000009", Email: "john@example.com", Carrier: "LGU_MVNO", Foreigner: true},
		{Name: "한아람", Nickname: "아람", Birthdate: "2019-05-05", Gender: "female", Phone: "01000000010", Email: "aram@example.com", Carrier: "SKT", Under14: true},
		{Name: "오이슬", Nickname: "이슬", Birthdate: "2011-10-03", Gender: "male", Phone: "01000000011", Email: "iseul@example.com", Carrier: "KT"},
		{Name: "유하나", Nickname: "하나", Birthdate: "1994-01-17", Gender: "female", Phone: "01000000012", Email: "hana@example.com", Carrier: "LGU", NoCI: true},
		{Name: "민조용", Nickname: "조용", Birthdate: "1976-06-24", Gender: "male", Phone: "01000000013", Email: "joyong@example.com", Carrier: "SKT_MVNO", Shy: true},
	}
	for k := range people {
		people[k].complete(len(People()) + k)
	}
	return people
}

// Everybody is People and Particular: a person's number is the place in it.
func Everybody() []Person { return append(People(), Particular()...) }

// Particulars of a person in a few words, "" of most.
func (p Person) Particulars() string {
	switch {
	case p.Lunar != "":
		return "lunar birthday at Kakao"
	case p.Foreigner:
		return "a foreigner"
	case p.Under14:
		return "under 14: turned away by Kakao"
	case p.NoCI:
		return "no CI at Kakao and Toss"
	case p.Shy:
		return "shares nothing at Naver, Kakao and the generic provider"
	case p.age(time.Now()) < 19:
		return "a minor"
	}
	return ""
}

// complete derives what follows from a person's number.
func (p *Person) complete(k int) {
	if p.Family == "" {
		family := []rune(p.Name)[0]
		p.Family, p.Given = string(family), strings.TrimPrefix(p.Name, string(family))
	}
	p.CI = derive("sinho-sim-ci-" + strconv.Itoa(k))
}

// derive gives the 88 base64 characters that stand for label everywhere.
func derive(label string) string {
	sum := sha512.Sum512([]byte(label))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (p Person) year() string  { return p.Birthdate[:4] }
func (p Person) month() string { return p.Birthdate[5:7] }
func (p Person) day() string   { return p.Birthdate[8:] }

// digits is the birthdate as YYYYMMDD.
func (p Person) digits() string { return strings.ReplaceAll(p.Birthdate, "-", "") }

// national is the telephone number as people write it: 010-0000-0000.
func (p Person) national() string { return p.Phone[:3] + "-" + p.Phone[3:7] + "-" + p.Phone[7:] }

// e164 is the telephone number as +821000000000.
func (p Person) e164() string { return "+82" + p.Phone[1:] }

// age in completed years on the day of now; 0 before the birth.
func (p Person) age(now time.Time) int {
	born, err := time.ParseInLocation(time.DateOnly, p.Birthdate, seoul())
	if err != nil {
		return 0
	}
	now = now.In(seoul())
	years := now.Year() - born.Year()
	if now.Month() < born.Month() || (now.Month() == born.Month() && now.Day() < born.Day()) {
		years--
	}
	return max(years, 0)
}

// seoul is Korean time, which knows no summer time.
func seoul() *time.Location { return time.FixedZone("KST", 9*60*60) }

// find gives the number of the person who is exactly name, birthdate
// (YYYYMMDD) and phone (digits); ok is false for a stranger.
func find(people []Person, name, birthdate, phone string) (k int, ok bool) {
	for k, p := range people {
		if p.Name == name && p.digits() == birthdate && p.Phone == phone {
			return k, true
		}
	}
	return 0, false
}
