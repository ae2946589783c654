package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Errors. Every error of this package is one of them, for errors.Is. None of them repeats anything of an
// answer's body or headers.
var (
	// ErrRefused says that the URL, or an address that its host resolves to, must not be reached. Nothing
	// was sent.
	ErrRefused = errors.New("fetch: not allowed")
	// ErrUnreachable says that there was no answer: no such name, no connection, a bad certificate, a
	// broken or too slow exchange. It also wraps the end of the caller's context.
	ErrUnreachable = errors.New("fetch: no answer")
	// ErrStatus says that the answer's status is not the wanted one; a redirect is such an answer.
	ErrStatus = errors.New("fetch: unexpected status")
	// ErrTooLarge says that the answer's body is longer than the limit.
	ErrTooLarge = errors.New("fetch: the answer is too large")
)

func refused(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }

// unreachable says why there was no answer. Texts of net/http quote what the other side sent, so only
// those that describe the way to it go on.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(err, ErrRefused) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, context.Cause(ctx))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%w: resolve: %s", ErrUnreachable, dns.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("%w: connect: %w", ErrUnreachable, op.Err)
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: %w", ErrUnreachable, certificate)
	}
	return fmt.Errorf("%w: the exchange broke off", ErrUnreachable)
}
