package mail

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Mailer hands a message over to be delivered. It returns nil only after somebody else has taken the
// responsibility for it (RFC 5321 section 4.2.5), and an *Undelivered otherwise; of one that was cut off at the
// end the receiver may have the message all the same.
type Mailer interface {
	Send(ctx context.Context, m Message) error
}

// Trouble says what kept a message from being handed over.
type Trouble string

// The troubles.
const (
	// Unreachable: no connection, or it broke. It says nothing about the letter.
	Unreachable Trouble = "unreachable"
	// Insecure: the server offers no TLS, or its certificate is not good.
	Insecure Trouble = "insecure"
	// LoginRefused: the server does not take our username and password, or none of the ways to show them.
	LoginRefused Trouble = "login refused"
	// SenderRefused, RecipientRefused and MessageRefused: the server says no to one of them.
	SenderRefused    Trouble = "sender refused"
	RecipientRefused Trouble = "recipient refused"
	MessageRefused   Trouble = "message refused"
	// BadAddress: it can't be an address, or the server does not take any with such characters (RFC 6531).
	BadAddress Trouble = "bad address"
	// Unwritable: there are no texts for the letter. One that a newer release queued waits for such an instance.
	Unwritable Trouble = "unwritable"
)

// Undelivered is why a message was not handed over.
type Undelivered struct {
	Trouble Trouble
	// Code is the server's reply (RFC 5321 section 4.2), with its enhanced code (RFC 3463) where there is one.
	Code string
	// Permanent tells that the server will not think otherwise of this message.
	Permanent bool
	// Cause may hold what the server said, and with that the link of the letter: it is not for logs.
	Cause error
}

// Error leaves out what the server said.
func (e *Undelivered) Error() string {
	if e.Code == "" {
		return string(e.Trouble)
	}
	return fmt.Sprintf("%s: %s", e.Trouble, e.Code)
}

// Unwrap is the cause.
func (e *Undelivered) Unwrap() error { return e.Cause }

// aboutAll tells that every letter would meet the same, so that others need not be tried.
func (e *Undelivered) aboutAll() bool {
	return e.Trouble == Unreachable || e.Trouble == Insecure || e.Trouble == LoginRefused || e.Trouble == SenderRefused
}

// Console writes letters as text, for a laptop. What it writes holds the secrets of links.
type Console struct{ Out io.Writer }

// Send implements Mailer.
func (c Console) Send(_ context.Context, m Message) error {
	edge := strings.Repeat("─", 72)
	_, err := fmt.Fprintf(c.Out, "\n%s\nTo: %s\nSubject: %s\n\n%s%s\n", edge, line(m.To), m.Subject, m.Text, edge)
	if err != nil {
		return &Undelivered{Trouble: Unreachable, Cause: err}
	}
	return nil
}
