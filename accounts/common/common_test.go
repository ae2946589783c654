package common

import (
	"fmt"
	"testing"
)

func TestHas(t *testing.T) {
	for _, common := range []string{"password", "1q2w3e4r", "iloveyou", "football", "11111111"} {
		if !Has(common) {
			t.Errorf("%q is not in the list", common)
		}
	}
	for _, own := range []string{"", "underoos", "correct horse battery staple", "Password"} {
		if Has(own) {
			t.Errorf("%q is in the list", own)
		}
	}
}

// The list itself is in order and whole, and few that are not in it are taken to be.
func TestHasRarelyErrs(t *testing.T) {
	for n := range 1000 {
		if word := fmt.Sprintf("none of the common ones %d", n); Has(word) {
			t.Errorf("%q is in the list", word)
		}
	}
}

func TestEncode(t *testing.T) {
	words := make([]string, 500)
	for n := range words {
		words[n] = fmt.Sprint("word", n)
	}
	made := Encode(append(words, words[7], words[499]))
	for _, word := range words {
		if !contains(made, word) {
			t.Errorf("%q got lost", word)
		}
	}
	if contains(made, "word500") || contains(nil, "word0") || contains(Encode(nil), "word0") {
		t.Error("a word is there that was not encoded")
	}
	if len(Encode([]string{"a", "a"})) != len(Encode([]string{"a"})) {
		t.Error("a word that comes twice is encoded twice")
	}
}
