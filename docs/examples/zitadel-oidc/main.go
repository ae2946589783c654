// Command zitadel-oidc is a web app that signs people in with Keyturn, by github.com/zitadel/oidc. It
// authenticates with a key of its own (private_key_jwt): there is no secret that two sides have to know.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

type app struct {
	home     string // where people reach this app
	provider rp.RelyingParty
	sessions sessions
}

func main() {
	if os.Getenv("CLIENT_ID") == "" || os.Getenv("KEY_FILE") == "" {
		log.Fatal("set CLIENT_ID, and KEY_FILE to the private key of which the client is registered with the public one")
	}
	issuer := cmp.Or(os.Getenv("ISSUER"), "http://127.0.0.1:8080")
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:3000")
	a := &app{home: "http://" + listen, sessions: sessions{all: map[string]session{}}}
	var err error
	if a.provider, err = newProvider(context.Background(), issuer, a.home); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.index)
	// AuthURLHandler makes state and PKCE challenge and keeps them in encrypted cookies. CodeExchangeHandler
	// checks them, redeems the code and verifies the ID token; UserinfoCallback asks UserInfo.
	mux.Handle("GET /login", rp.AuthURLHandler(rand.Text, a.provider))
	mux.Handle("GET /callback", rp.CodeExchangeHandler(rp.UserinfoCallback(a.signedIn), a.provider))
	mux.HandleFunc("POST /refresh", a.refresh)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("POST /backchannel-logout", a.backchannelLogout)
	log.Printf("listening on %s", a.home)
	log.Fatal(http.ListenAndServe(listen, mux))
}

func newProvider(ctx context.Context, issuer, home string) (rp.RelyingParty, error) {
	key, err := os.ReadFile(os.Getenv("KEY_FILE")) // PKCS #8
	if err != nil {
		return nil, err
	}
	// These keep state and verifier from being read or changed in the browser; share them between instances.
	hashKey, blockKey := []byte(rand.Text()+rand.Text()), []byte(rand.Text() + rand.Text())[:32]
	cookies := httphelper.NewCookieHandler(hashKey, blockKey, httphelper.WithMaxAge(600),
		httphelper.WithUnsecure()) // leave this out where you have https
	return rp.NewRelyingPartyOIDC(ctx, issuer, os.Getenv("CLIENT_ID"), "",
		home+"/callback", // registered to the letter: Keyturn compares redirect URIs byte by byte
		// Without offline_access there is no refresh token. Leave it out where signing in is all you need.
		[]string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
		rp.WithCookieHandler(cookies),
		rp.WithPKCE(cookies),
		// The id of the key (kid), or none where the client has a single one.
		rp.WithJWTProfile(rp.SignerFromKeyAndKeyID(key, os.Getenv("KEY_ID"))),
		// Without this the first request comes with an empty Basic header beside the assertion, is refused
		// (RFC 6749 section 2.3: one way at a time), and is sent again.
		rp.WithAuthStyle(oauth2.AuthStyleInParams),
		rp.WithHTTPClient(&http.Client{Timeout: 10 * time.Second}),
		rp.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, kind, description, _ string) {
			failed(w, http.StatusForbidden, "Keyturn says "+kind+": "+description) // access_denied: Cancel or Deny
		}),
		rp.WithUnauthorizedHandler(func(w http.ResponseWriter, _ *http.Request, description, _ string) {
			log.Print(description)
			failed(w, http.StatusUnauthorized, "Signing in did not work. Please try again.")
		}),
	)
}

func (a *app) index(w http.ResponseWriter, r *http.Request) {
	s, ok := a.sessions.of(r)
	if !ok {
		page(w, http.StatusOK, "signed out", nil)
		return
	}
	page(w, http.StatusOK, "signed in", s)
}

func (a *app) signedIn(w http.ResponseWriter, r *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], _ string, _ rp.RelyingParty, person *oidc.UserInfo) {
	a.sessions.start(w, session{Person: person, Tokens: tokens})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// refresh gets new tokens now; others do when the access token has expired.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	s, ok := a.sessions.of(r)
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	tokens, err := rp.RefreshTokens[*oidc.IDTokenClaims](r.Context(), a.provider, s.Tokens.RefreshToken, "", "")
	if err != nil {
		log.Print(err)
		a.sessions.end(w, r) // the sign-in has ended at Keyturn
		failed(w, http.StatusUnauthorized, "Please sign in again.")
		return
	}
	s.Tokens = tokens
	a.sessions.replace(r, s)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session here, takes the refresh token back, which outlives the sign-in otherwise, and sends
// the browser to Keyturn to end the session there. That must be the browser, which alone has Keyturn's cookie:
// rp.EndSession calls from here, and leaves the person signed in.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	s, ok := a.sessions.end(w, r)
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if err := rp.RevokeToken(r.Context(), a.provider, s.Tokens.RefreshToken, "refresh_token"); err != nil {
		log.Print(err)
	}
	http.Redirect(w, r, a.provider.GetEndSessionEndpoint()+"?"+url.Values{
		"id_token_hint":            {s.Tokens.IDToken}, // with it nobody is asked twice
		"post_logout_redirect_uri": {a.home + "/"},     // registered, to the letter
	}.Encode(), http.StatusSeeOther)
}

// backchannelLogout is called by Keyturn itself when a session has ended there, whoever ended it. A logout token
// is checked as an ID token is; the event tells them apart.
func (a *app) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	token, err := rp.VerifyIDToken[*oidc.IDTokenClaims](r.Context(), r.PostFormValue("logout_token"), a.provider.IDTokenVerifier())
	if err != nil {
		log.Print(err)
		http.Error(w, "no logout token", http.StatusBadRequest)
		return
	}
	events, _ := token.Claims["events"].(map[string]any)
	if _, ok := events["http://schemas.openid.net/event/backchannel-logout"]; !ok {
		http.Error(w, "no logout token", http.StatusBadRequest)
		return
	}
	a.sessions.endAll(token.SessionID)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}
