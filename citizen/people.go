package citizen

// People are the test persons the simulated providers know. The first one is
// preselected everywhere.
func People() []Person {
	return []Person{
		{Name: "홍길동", Birthdate: "19900512", Phone: "01000000000"},
		{Name: "김하늘", Birthdate: "19850821", Phone: "01000000001"},
		{Name: "이바다", Birthdate: "19721130", Phone: "01000000002"},
		{Name: "박나무", Birthdate: "20010228", Phone: "01000000003"},
		{Name: "최가을", Birthdate: "19590909", Phone: "01000000004"},
		{Name: "정새봄", Birthdate: "19960331", Phone: "01000000005"},
		{Name: "강여울", Birthdate: "19881225", Phone: "01000000006"},
		{Name: "윤슬기", Birthdate: "19790707", Phone: "01000000007"},
	}
}
