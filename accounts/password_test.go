package accounts

import (
	"errors"
	"testing"
)

// chooser is a user of whom much is known.
func chooser() User {
	return User{
		Username: "spiderman", Email: "peter.parker@dailybugle.example", GivenName: "Peter", FamilyName: "Parker",
		Claims: StandardClaims{Nickname: "Spidey"},
	}
}

// NIST SP 800-63B-4 section 3.1.1.2: a blocklist of common, expected and context-specific passwords.
func TestPasswordRefused(t *testing.T) {
	s := &Service{Name: "Daily Bugle Login"}
	for why, passwords := range map[PasswordFault][]string{
		PasswordTooShort: {"sevench", "ééééééé"},
		PasswordCommon: {
			"password", "PASSWORD", "Ｐａｓｓｗｏｒｄ", "iloveyou", "passwordpassword", "password1234567", "!!iloveyou2024", "1q2w3e4r5t",
		},
		PasswordAboutYou: {
			"spiderman", "SpiderMan1962", "1234spiderman!", "spidermanspiderman", "peter.parker", "peter.parker@dailybugle.example",
			"peterparker", "Peter Parker", "parker99999", "dailybugle", "daily bugle login", "Spidey1234",
		},
		PasswordRepeated: {"aaaaaaaa", "        ", "abababab", "xyxyyxyxyyx", "12341234"},
		PasswordSequence: {
			"abcdefgh", "ABCDEFGHIJKLMNO", "87654321", "qwertyuiop123456", "zyxwvuts", "asdfghjk", "qwertzuiop", "1qaz2wsx3edc", "aaabbbccc111222",
		},
	} {
		for _, password := range passwords {
			err := s.checkPassword(password, MinPassword, chooser())
			refused, ok := errors.AsType[*PasswordRefused](err)
			if !ok || refused.Why != why {
				t.Errorf("%q: %v, want %s", password, err, why)
			}
			in, ok := errors.AsType[*InvalidRequest](err)
			if !ok || in.Param != "password" {
				t.Errorf("%q: %v is no *InvalidRequest of the password", password, err)
			}
		}
	}
}

func TestPasswordTaken(t *testing.T) {
	s := &Service{Name: "Daily Bugle Login"}
	for _, password := range []string{
		"underoos", "correct horse battery staple", "peter likes photos of spiderman", "parker's pictures", "zkwzqkvz",
		"mnbgfdtr", "a1b2c3d4e5f6g7h", "пароль98к", " spaces are kept ", "abcdefgh-ijk lm",
	} {
		if err := s.checkPassword(password, MinPassword, chooser()); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
	if err := (&Service{}).checkPassword("underoos", MinPassword, User{}); err != nil {
		t.Errorf("nothing known of the person: %v", err)
	}
}

func TestPasswordTooShortSaysHowLong(t *testing.T) {
	err := (&Service{}).checkPassword("fourteen chars", MinPasswordAlone, User{})
	refused, ok := errors.AsType[*PasswordRefused](err)
	if !ok || refused.Why != PasswordTooShort || refused.Least != 15 {
		t.Errorf("14 characters: %v", err)
	}
	if err := (&Service{}).checkPassword("fifteen chars !", MinPasswordAlone, User{}); err != nil {
		t.Errorf("15 characters: %v", err)
	}
}

func FuzzWeakness(f *testing.F) {
	for _, seed := range []string{"", "password", "aaaaaaaa", "abc", "\xff", "é1é1é1", "１２３"} {
		f.Add(seed, "spiderman")
	}
	f.Fuzz(func(t *testing.T, password, word string) {
		if weakness(password, []string{word}) == PasswordAboutYou && word == "" {
			t.Errorf("%q is about nobody", password)
		}
		if unit := repeatedUnit(password); len(unit) > 0 && len(password)%len(unit) != 0 {
			t.Errorf("%q is no repetition of %q", password, unit)
		}
	})
}
