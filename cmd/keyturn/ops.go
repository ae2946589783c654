package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"keyturn/audit/sentence"
	"keyturn/keys"
)

const (
	// checkTime bounds one readiness check.
	checkTime = 2 * time.Second
	// skewWarning is the difference between the process's and the database's clock that readiness tells of.
	skewWarning = 2 * time.Second
	// skewTolerance is what verifiers put up with at least, whatever KEYTURN_LEEWAY says.
	skewTolerance = 5 * time.Second
)

// operations serves the operations listener.
func (s *server) operations(m *metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.ready)
	metrics := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		s.scraped.Store(time.Now().UnixNano())
		metrics.ServeHTTP(w, r)
	})
	return mux
}

// check is one line of the readiness report. Status is "ok", "warning" or "failed"; only "failed" turns it red.
type check struct {
	Name   string            `json:"name"`
	Status string            `json:"status"`
	Detail sentence.Sentence `json:"detail,omitzero"`
}

// ready tells whether this instance should get traffic. An answer from here says nothing secret, but it
// is for load balancers and operators, not for the public listener.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTime)
	defer cancel()
	checks := append(s.checks(ctx), s.checkDraining())
	status, word := http.StatusOK, "ready"
	for _, c := range checks {
		if c.Status == "failed" {
			status, word = http.StatusServiceUnavailable, "not ready"
		}
	}
	writeStatus(w, status, struct {
		Status string  `json:"status"`
		Checks []check `json:"checks"`
	}{word, checks})
}

// checks are what readiness and `keyturn doctor` both look at.
func (a *app) checks(ctx context.Context) []check {
	return []check{a.checkDatabase(ctx), a.checkKeys(), a.checkAlarms(), a.checkAudit(ctx), a.checkMail(ctx)}
}

// checkDatabase asks the database for its time, which also shows the skew between the two clocks.
func (a *app) checkDatabase(ctx context.Context) check {
	before := time.Now()
	theirs, err := a.db.Now(ctx)
	if err != nil {
		return check{"database", "failed", sentence.Say("the database does not answer")}
	}
	ours := before.Add(time.Since(before) / 2)
	skew := theirs.Sub(ours).Round(time.Millisecond)
	switch {
	case skew.Abs() > max(a.config.Leeway, skewTolerance):
		return check{"database", "failed", sentence.Say("its clock differs from ours by %s", skew)}
	case skew.Abs() > skewWarning:
		return check{"database", "warning", sentence.Say("its clock differs from ours by %s", skew)}
	}
	return check{"database", "ok", sentence.Verbatim(a.db.Backend())}
}

func (a *app) checkKeys() check {
	read := a.keys.LastRead()
	age := time.Since(read).Round(time.Second)
	switch {
	case read.IsZero():
		return check{"keys", "failed", sentence.Say("not read yet")}
	case age > a.config.MaxStaleness:
		return check{"keys", "failed", sentence.Say("last read %s ago", age)}
	case len(a.keys.Bad()) > 0:
		return check{"keys", "warning", sentence.Say("a row of the key table was altered or is foreign; see the log")}
	}
	now, list := time.Now(), a.keys.Keys()
	plain := make([]keys.Key, len(list))
	for n, k := range list {
		plain[n] = k.Key
	}
	policy := a.keyPolicy()
	for _, algorithm := range policy.Algorithms {
		if _, ok := keys.Signer(plain, policy, keys.Token, algorithm, now); !ok {
			return check{"keys", "failed", sentence.Say("no key signs %s tokens", algorithm)}
		}
	}
	if _, ok := keys.Signer(plain, policy, keys.Refresh, keys.EdDSA, now); !ok {
		return check{"keys", "failed", sentence.Say("no key signs refresh tokens")}
	}
	return check{"keys", "ok", sentence.Say("read %s ago", age)}
}

func (a *app) checkAlarms() check {
	if n := a.alarms.Load(); n > 0 {
		return check{"alarms", "warning", sentence.Say("raised since the start; see the log and the runbook")}
	}
	return check{Name: "alarms", Status: "ok"}
}

func (s *server) checkDraining() check {
	select {
	case <-s.draining:
		return check{"draining", "failed", sentence.Say("stopping")}
	default:
		return check{Name: "draining", Status: "ok"}
	}
}

func writeStatus(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The peer may have gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(v)
}
