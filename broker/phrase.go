package broker

import (
	"crypto/sha256"
	"fmt"
)

// phraseOf is the short phrase of a push, shown here and on the phone, so that
// nobody approves somebody else's login: 51,200 phrases, easy to compare and to
// read out loud.
func phraseOf(n id) string {
	sum := sha256.Sum256(append([]byte("sinho phrase "), n[:]...))
	return fmt.Sprintf("%s %s %02d", phraseColours[sum[0]%16], phraseThings[sum[1]%32], int(sum[2])*100/256)
}

var phraseColours = [16]string{
	"푸른", "하얀", "노란", "붉은", "까만", "맑은", "둥근", "작은",
	"높은", "넓은", "고운", "밝은", "따뜻한", "시원한", "조용한", "반가운",
}

var phraseThings = [32]string{
	"고래", "나비", "바다", "구름", "다람쥐", "소나무", "호수", "언덕",
	"기차", "나팔", "사과", "감자", "두루미", "거북", "무지개", "별빛",
	"우산", "연필", "시계", "창문", "바람", "모래", "파도", "강물",
	"토끼", "부엉이", "고양이", "참새", "단풍", "매화", "등대", "돛단배",
}
