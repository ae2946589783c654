package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often the certificate's files are looked at for a renewal.
const certificateCheck = 10 * time.Second

// withTLS lets the listener end TLS where a certificate is configured.
func withTLS(l net.Listener, config *Config, log *slog.Logger) (net.Listener, error) {
	if config.TLSCertFile == "" {
		return l, nil
	}
	source := &certificate{certFile: config.TLSCertFile, keyFile: config.TLSKeyFile, now: time.Now, log: log}
	if _, err := source.get(nil); err != nil {
		return nil, fmt.Errorf("KEYTURN_TLS_CERT_FILE, KEYTURN_TLS_KEY_FILE: %w", err)
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: source.get,
		NextProtos:     []string{"http/1.1"},
		// FAPI 2.0 section 5.2.1 allows only these with TLS 1.2; TLS 1.3 is preferred and has its own.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		},
	}), nil
}

// certificate reads its files again when they change. A renewal that can't be read leaves the old
// certificate in use: an expired one is better noticed than a closed door.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate // guarded by mu, as the rest
	checked time.Time
	stamp   [2]time.Time
	failing bool
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.current == nil || now.Sub(c.checked) >= certificateCheck {
		c.checked = now
		err := c.reload()
		if err != nil && c.current == nil {
			return nil, err
		}
		if err != nil && !c.failing {
			c.log.Error("the renewed certificate can't be read; the old one stays in use", "file", c.certFile, "error", err)
		}
		c.failing = err != nil
	}
	return c.current, nil
}

// reload reads the pair if one of its files has another time than when it was last read; the caller holds mu.
func (c *certificate) reload() error {
	var stamp [2]time.Time
	for n, file := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		stamp[n] = info.ModTime()
	}
	if c.current != nil && stamp == c.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current, c.stamp = &pair, stamp
	return nil
}
