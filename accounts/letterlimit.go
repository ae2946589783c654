package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"keyturn/audit"
)

// How many letters may be asked for in an hour: to one address (or account name), and from one place. Else
// anybody could fill somebody's mailbox, and have the mail of this provider taken for spam.
const (
	lettersPerRecipient = 5
	lettersPerPlace     = 20
)

// LetterLimit bounds the letters that one bucket counts in an hour.
type LetterLimit struct {
	// Bucket holds no address of a person: what stands for one is a hash.
	Bucket string
	Most   int64
}

// refusalLetters is the reason under which letters over the limit are counted, refusalNoLetter that of those
// that nobody was to get.
const (
	refusalLetters  = "too_many_letters"
	refusalNoLetter = "no_letter"
)

// takeLetters counts a letter to each recipient, an address or a name, that somebody asks for; over a limit it
// counts a refusal instead and returns false. It is asked before anything is looked up, so that the limit is
// the same for addresses without an account.
func (s *SelfService) takeLetters(ctx context.Context, actor audit.Actor, recipients ...string) (bool, error) {
	place := PlaceOf(actor.Address)
	limits := []LetterLimit{{Bucket: "letters from " + place, Most: lettersPerPlace}}
	for _, to := range recipients {
		limits = append(limits, LetterLimit{Bucket: recipientBucket(to), Most: lettersPerRecipient})
	}
	taken, err := s.Store.TakeLetters(ctx, limits)
	if err != nil {
		return false, fmt.Errorf("count letters: %w", err)
	}
	if !taken {
		return false, s.People.countRefusal(ctx, unknownAccount, place, refusalLetters)
	}
	return true, nil
}

func recipientBucket(to string) string {
	sum := sha256.Sum256([]byte(Fold(to)))
	return "letters to " + hex.EncodeToString(sum[:16])
}

// SameAddress tells whether two e-mail addresses are the same but for the letter case of ASCII. Characters
// that only look alike, or that other languages take for the same, make another mailbox.
func SameAddress(a, b string) bool { return lowerASCII(a) == lowerASCII(b) }

func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
