package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func keyAlgorithm(token string) string {
	text, _ := decodeSegment(token, 0)
	return answer{body: text}.text("alg")
}

// TestEveryAlgorithm: what is configured signs from the first token on, and a resource server that knows
// nothing but the issuer verifies it.
func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t, "KEYTURN_ALGORITHM="+algorithm)
			i.serve(t)
			i.addSpiderman(t)
			access, refresh := i.signIn(t)
			if got := keyAlgorithm(access); got != algorithm {
				t.Errorf("signed with %s", got)
			}
			if got := keyAlgorithm(refresh); got != "EdDSA" {
				t.Errorf("the refresh token is signed with %s", got)
			}
			hello := helloServers(t, i.url, 1)[0]
			r, err := tryRequest(http.MethodGet, hello+"/api/hello/", access, nil)
			must(t, err)
			if r.status != http.StatusOK {
				t.Errorf("hello: %d %s", r.status, r.text)
			}
			r, err = tryRequest(http.MethodGet, hello+"/api/hello/", refresh, nil)
			must(t, err)
			if r.status != http.StatusUnauthorized || !strings.Contains(r.text, "Token has wrong type") {
				t.Errorf("hello took a refresh token: %d %s", r.status, r.text)
			}
			if r := post(t, i.url+"/api/token/verify/", "", map[string]any{"token": access}); r.status != http.StatusOK {
				t.Errorf("verify: %d %s", r.status, r.text)
			}
		})
	}
}

// TestChangedAlgorithmWaitsForItsLead is section 3: the new key is published at once on a running
// server, and the old algorithm signs until verifiers had the lead to learn of it.
func TestChangedAlgorithmWaitsForItsLead(t *testing.T) {
	i := newInstance(t)
	i.serve(t)
	i.addSpiderman(t)
	before := len(publishedKIDs(t, i.url))
	i.must(t, "", "resource", "create", "api", "--algorithm", "EdDSA", "--access-lifetime", "1m")
	eventually(t, 2*time.Second+500*time.Millisecond, "the new algorithm's keys are published", func() bool {
		return len(publishedKIDs(t, i.url)) > before
	})
	access, _ := i.signIn(t)
	if got := keyAlgorithm(access); got != "RS256" {
		t.Errorf("signed with %s, which no verifier can know yet", got)
	}
	text, _ := decodeSegment(access, 1)
	if lifetime := numberIn(t, text, "exp") - numberIn(t, text, "iat"); lifetime != 60 {
		t.Errorf("the token lives %d s, want the resource's 60", lifetime)
	}
}
