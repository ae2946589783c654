package api

import (
	"testing"

	"keyturn/issuer"
	"keyturn/issuer/oauth"
)

// TestIssuerThatIsNoOrigin: where our own forms come from is known before the first of them, or nothing serves.
func TestIssuerThatIsNoOrigin(t *testing.T) {
	for url, good := range map[string]bool{"https://id.example.com": true, "https://id.example.com:8443": true, "https://id.example.com/path": false, "": false} {
		s := &Server{Issuer: &issuer.Issuer{Settings: issuer.Settings{Issuer: url}}, Provider: new(oauth.Provider)}
		if guard, err := s.guard(); (err == nil) != good || (guard != nil) != good {
			t.Errorf("%q: %v, %v", url, guard, err)
		}
	}
}
