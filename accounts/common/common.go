// Package common knows the passwords that are tried first. It owns the list and its form; what a password is
// folded to, and what follows from standing in the list, is for package accounts to say.
//
// The list is common.bin, made by the program in generate from lists of passwords that leaked elsewhere: the
// first five bytes of the SHA-256 of each, as numbers in ascending order, each written as the difference from
// the one before (encoding/binary's varint). One in fifty million passwords that are not in the list is taken for
// one that is.
package common

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"slices"
)

//go:embed common.bin
var list []byte

// ShortestWord is how many characters the words of the list have at least: shorter ones are no passwords anyway.
const ShortestWord = 8

// Has tells whether a folded password is in the list. It walks through all of it, in the time of a few hundredths
// of a millisecond.
func Has(folded string) bool { return contains(list, folded) }

func contains(list []byte, folded string) bool {
	wanted, at := number(folded), uint64(0)
	for len(list) > 0 && at < wanted {
		step, n := binary.Uvarint(list)
		if n <= 0 {
			panic("common: the list is broken")
		}
		at, list = at+step, list[n:]
	}
	return at == wanted
}

// Encode makes the list of these folded words.
func Encode(words []string) []byte {
	numbers := make([]uint64, len(words))
	for i, word := range words {
		numbers[i] = number(word)
	}
	slices.Sort(numbers)
	var out []byte
	last := uint64(0)
	for _, n := range slices.Compact(numbers) {
		out = binary.AppendUvarint(out, n-last)
		last = n
	}
	return out
}

func number(word string) uint64 {
	sum := sha256.Sum256([]byte(word))
	return binary.BigEndian.Uint64(sum[:8]) >> 24
}
