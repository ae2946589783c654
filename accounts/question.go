package accounts

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"keyturn/keys"
)

// A question that is asked of anybody, each time that a sign-in page opens, is stored nowhere: whoever opens pages must
// not have rows written. It is random bytes, its end and a tag over both and the browser, by which it is known again;
// only that a passkey has answered it is noted, so that nobody answers it again.
const (
	questionPurpose = "a question to any passkey"
	// questionRandom is in bytes; WebAuthn Level 3 section 13.4.3 wants 16 at least.
	questionRandom = 16
	questionLength = questionRandom + 8 + sha256.Size
)

// newQuestion makes one for the browser.
func (f *Factors) newQuestion(browser keys.Secret) ([]byte, error) {
	if browser.Reveal() == "" {
		return nil, ErrCeremonyGone
	}
	question := make([]byte, questionRandom, questionLength)
	rand.Read(question) // never fails: crypto/rand ends the program instead
	question = binary.BigEndian.AppendUint64(question, uint64(f.People.now().Add(ceremonyLifetime).UnixMicro()))
	tag, err := f.Sealer.Vouch(questionPurpose, asked(question, browser))
	return append(question, tag...), err
}

// asked is what is vouched for of a question, the tag apart.
func asked(question []byte, browser keys.Secret) []byte {
	hash := browser.Hash()
	return append(bytes.Clone(hash[:]), question...)
}

// isQuestion tells whether the challenge that an answer names, in base64url, is a question to this browser that may still
// be answered; ErrCeremonyGone.
func (f *Factors) isQuestion(challenge string, browser keys.Secret) error {
	text, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(text) != questionLength || browser.Reveal() == "" {
		return ErrCeremonyGone
	}
	question, tag := text[:questionRandom+8], text[questionRandom+8:]
	if !f.Sealer.Vouched(questionPurpose, asked(question, browser), tag) {
		return ErrCeremonyGone
	}
	if end := time.UnixMicro(int64(binary.BigEndian.Uint64(question[questionRandom:]))); !f.People.now().Before(end) {
		return ErrCeremonyGone
	}
	return nil
}

// noteAnswer has a question answered once; ErrCeremonyGone for one that was. It is remembered for longer than a question
// lives, whatever the clocks of the instances and of the database say.
func (f *Factors) noteAnswer(ctx context.Context, challenge string, browser keys.Secret) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	first, err := f.Store.NoteAnswer(ctx, keys.SecretOf(challenge).Hash(), browser.Hash(), answerMemory)
	if err == nil && !first {
		err = ErrCeremonyGone
	}
	return err
}

// answerMemory is how long it is known that a question was answered.
const answerMemory = 12 * ceremonyLifetime
