// Command go-oidc is a web app that signs people in with Keyturn, by github.com/coreos/go-oidc and
// golang.org/x/oauth2. It is a confidential client: it has a secret, and tokens never reach the browser.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

type app struct {
	home     string // where people reach this app
	oauth    oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	// more is what discovery says beside what go-oidc reads itself.
	more struct {
		EndSession string `json:"end_session_endpoint"`
		Revocation string `json:"revocation_endpoint"`
	}
	sessions *sessions
}

func main() {
	if os.Getenv("CLIENT_ID") == "" || os.Getenv("CLIENT_SECRET") == "" {
		log.Fatal("set CLIENT_ID and CLIENT_SECRET; keyturn client create prints both")
	}
	issuer := cmp.Or(os.Getenv("ISSUER"), "http://127.0.0.1:8080")
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:3000")
	a, err := newApp(context.Background(), issuer, "http://"+listen)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("POST /refresh", a.refresh)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("POST /backchannel-logout", a.backchannelLogout)
	log.Printf("listening on %s", a.home)
	log.Fatal(http.ListenAndServe(listen, mux))
}

func newApp(ctx context.Context, issuer, home string) (*app, error) {
	// One call reads every endpoint and the place of the keys from ISSUER/.well-known/openid-configuration.
	// The keys are fetched when they are first needed, and again when a token names one that is not known:
	// Keyturn turns its keys, and nothing has to be restarted or configured for that.
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	a := &app{home: home, provider: provider, sessions: newSessions()}
	if err := provider.Claims(&a.more); err != nil {
		return nil, err
	}
	a.oauth = oauth2.Config{
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		// Registered to the letter: Keyturn compares redirect URIs byte by byte.
		RedirectURL: home + "/callback",
		// Without offline_access there is no refresh token. Leave it out where signing in is all you need.
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}
	// Say how the client authenticates. Left to find out by itself, x/oauth2 sends a request that was refused
	// a second time in another form, and a code or refresh token that comes twice counts as stolen.
	a.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	a.verifier = provider.Verifier(&oidc.Config{ClientID: a.oauth.ClientID})
	return a, nil
}

func (a *app) index(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.of(r)
	if s == nil {
		page(w, http.StatusOK, "signed out", nil)
		return
	}
	page(w, http.StatusOK, "signed in", s)
}

// login sends the browser to Keyturn. What has to be the same when it comes back waits in a cookie of its own:
// state (was it this browser that began?), nonce (is the ID token for this sign-in?), and the PKCE verifier.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	state, nonce, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	http.SetCookie(w, &http.Cookie{
		Name: loginCookie, Value: state + "." + nonce + "." + verifier, Path: "/callback",
		MaxAge: 600, HttpOnly: true, SameSite: http.SameSiteLaxMode, // and Secure: true where you have https
	})
	http.Redirect(w, r, a.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusFound)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	state, nonce, verifier := readLogin(r)
	q := r.URL.Query()
	switch {
	case state == "" || q.Get("state") != state:
		failed(w, http.StatusBadRequest, "This sign-in was not begun here, or too long ago.")
		return
	case q.Get("error") != "": // access_denied: the person chose Cancel or Deny
		failed(w, http.StatusForbidden, fmt.Sprintf("Keyturn says %s: %s", q.Get("error"), q.Get("error_description")))
		return
	}
	s, err := a.signIn(r.Context(), q.Get("code"), nonce, verifier)
	if err != nil {
		log.Print(err)
		if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refusal.ErrorCode == "invalid_client" {
			failed(w, http.StatusBadGateway, "Keyturn refuses CLIENT_ID and CLIENT_SECRET of this app (invalid_client).")
			return
		}
		failed(w, http.StatusBadGateway, "Signing in did not work. Please try again.")
		return
	}
	a.sessions.start(w, s)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) signIn(ctx context.Context, code, nonce, verifier string) (*session, error) {
	token, err := a.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, err
	}
	s := new(session)
	id, err := a.take(ctx, s, token)
	if err != nil {
		return nil, err
	}
	if id.Nonce != nonce {
		return nil, fmt.Errorf("the ID token is for another sign-in")
	}
	// The ID token says who it is (sub, which never changes); what people are called is at UserInfo.
	info, err := a.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, err
	}
	if info.Subject != id.Subject {
		return nil, fmt.Errorf("UserInfo is about somebody else")
	}
	return s, info.Claims(&s.Person)
}

// take checks the ID token of a token response, and keeps both in the session.
func (a *app) take(ctx context.Context, s *session, token *oauth2.Token) (*oidc.IDToken, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("no ID token came")
	}
	id, err := a.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims struct {
		SessionID string `json:"sid"`
	}
	if err := id.Claims(&claims); err != nil {
		return nil, err
	}
	s.Token, s.IDToken, s.SID = token, raw, claims.SessionID
	return id, nil
}

// refresh gets new tokens now. A client for an API does the same whenever the access token has expired, by
// a.oauth.Client(ctx, token).
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.of(r)
	if s == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	token, err := a.oauth.TokenSource(r.Context(), &oauth2.Token{RefreshToken: s.Token.RefreshToken}).Token()
	if err != nil {
		log.Print(err)
		a.sessions.end(w, r) // the sign-in has ended at Keyturn
		failed(w, http.StatusUnauthorized, "Please sign in again.")
		return
	}
	next := *s
	if _, err := a.take(r.Context(), &next, token); err != nil {
		log.Print(err)
		failed(w, http.StatusBadGateway, "Refreshing did not work.")
		return
	}
	a.sessions.replace(r, &next)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session here, takes the refresh token back, which outlives the sign-in otherwise, and sends
// the browser to Keyturn to end the session there. With the ID token as a hint nobody is asked twice.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.end(w, r)
	if s == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if err := a.revoke(r.Context(), s.Token.RefreshToken); err != nil {
		log.Print(err)
	}
	http.Redirect(w, r, a.more.EndSession+"?"+url.Values{
		"id_token_hint":            {s.IDToken},
		"post_logout_redirect_uri": {a.home + "/"}, // registered, to the letter
	}.Encode(), http.StatusSeeOther)
}

// revoke is RFC 7009, which x/oauth2 lacks.
func (a *app) revoke(ctx context.Context, token string) error {
	client := http.Client{Timeout: 10 * time.Second}
	form := url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.more.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(a.oauth.ClientID), url.QueryEscape(a.oauth.ClientSecret))
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("revocation: %s", answer.Status)
	}
	return nil
}

// backchannelLogout is called by Keyturn itself when a session has ended there, whoever ended it.
func (a *app) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	token, err := a.verifier.VerifyLogout(r.Context(), r.PostFormValue("logout_token"))
	if err != nil {
		log.Print(err)
		http.Error(w, "no logout token", http.StatusBadRequest)
		return
	}
	a.sessions.endAll(token.SessionID)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}
