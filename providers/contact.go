package providers

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// What Contact.Validate can find wrong.
var (
	ErrContactName      = errors.New("contact: the name must be 2 to 40 characters on one line")
	ErrContactBirthdate = errors.New("contact: the birthdate must be a real past day as YYYYMMDD")
	ErrContactPhone     = errors.New("contact: the phone must be a Korean mobile number of 10 or 11 digits")
)

// Validate says everything that is wrong with c, joined, as ErrContactName,
// ErrContactBirthdate and ErrContactPhone; the values themselves are never in
// the error. Days are judged in Korea.
func (c Contact) Validate() error {
	var wrong []error
	if n := utf8.RuneCountInString(c.Name); n < 2 || asName(c.Name, 40) != c.Name {
		wrong = append(wrong, ErrContactName)
	}
	day, err := time.ParseInLocation("20060102", c.Birthdate, seoul())
	if err != nil || day.Year() < 1900 || day.After(time.Now()) {
		wrong = append(wrong, ErrContactBirthdate)
	}
	if !isMobile(c.Phone) {
		wrong = append(wrong, ErrContactPhone)
	}
	return errors.Join(wrong...)
}

// isMobile knows 01[016789] and 10 or 11 digits in all.
func isMobile(phone string) bool {
	return (len(phone) == 10 || len(phone) == 11) && strings.Trim(phone, "0123456789") == "" &&
		strings.HasPrefix(phone, "01") && strings.IndexByte("016789", phone[2]) >= 0
}
