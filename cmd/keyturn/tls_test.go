package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a pair for loopback with a serial number, and returns its names.
func writeCertificate(t *testing.T, dir string, serial int64, changed time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	for _, file := range []string{certFile, keyFile} {
		must(t, os.Chtimes(file, changed, changed))
	}
	return certFile, keyFile
}

// TestServeEndsTLS reads the settings back on the wire: TLS 1.3, or 1.2 with the four suites that FAPI
// 2.0 section 5.2.1 allows, and nothing older.
func TestServeEndsTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1, time.Now())
	i := newInstance(t, "KEYTURN_TLS_CERT_FILE="+cert, "KEYTURN_TLS_KEY_FILE="+key)
	i.serve(t)
	address := strings.TrimPrefix(i.url, "http://")
	for _, tt := range []struct {
		name   string
		config *tls.Config
		want   uint16
	}{
		{"what the client likes", &tls.Config{}, tls.VersionTLS13},
		{"1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, tls.VersionTLS12},
		{"1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 0},
		{"1.2 with CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, 0},
		{"1.2 with ChaCha20", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, 0},
	} {
		tt.config.InsecureSkipVerify = true
		c, err := tls.Dial("tcp", address, tt.config)
		if (err == nil) != (tt.want != 0) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil {
			continue
		}
		if got := c.ConnectionState().Version; got != tt.want {
			t.Errorf("%s: version %x, want %x", tt.name, got, tt.want)
		}
		c.Close()
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Get("https://" + address + "/.well-known/openid-configuration")
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	if !strings.Contains(string(text), `"issuer":"https://`+address+`"`) {
		t.Errorf("got %s", text)
	}
}

func TestRenewedCertificateIsTaken(t *testing.T) {
	dir, start := t.TempDir(), time.Now()
	cert, key := writeCertificate(t, dir, 1, start)
	now := start
	var log bytes.Buffer
	source := &certificate{certFile: cert, keyFile: key, now: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(&log, nil))}
	serial := func() int64 {
		c, err := source.get(nil)
		must(t, err)
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		must(t, err)
		return leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("serial %d", got)
	}
	writeCertificate(t, dir, 2, start.Add(time.Hour))
	if got := serial(); got != 1 {
		t.Errorf("serial %d before the next look", got)
	}
	now = now.Add(certificateCheck)
	if got := serial(); got != 2 {
		t.Errorf("serial %d after it, want the renewed one", got)
	}
	must(t, os.WriteFile(cert, []byte("half-written"), 0o600))
	now = now.Add(certificateCheck)
	for range 3 {
		if got := serial(); got != 2 {
			t.Errorf("serial %d while the renewal is broken", got)
		}
		now = now.Add(certificateCheck)
	}
	if strings.Count(log.String(), "can't be read") != 1 {
		t.Errorf("want one line on the broken renewal, got:\n%s", log.String())
	}
}
