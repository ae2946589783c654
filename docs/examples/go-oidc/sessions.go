package main

import (
	"net/http"
	"strings"
	"sync"

	"golang.org/x/oauth2"
)

const (
	sessionCookie = "app_session"
	loginCookie   = "app_login"
)

// session is somebody who is signed in. A real app keeps these in its database.
type session struct {
	Person struct {
		Subject  string `json:"sub"`
		Name     string `json:"name"`
		Username string `json:"preferred_username"`
		Email    string `json:"email"`
	}
	Token   *oauth2.Token
	IDToken string
	// SID is the session at Keyturn, which a logout token names.
	SID string
}

type sessions struct {
	mu  sync.Mutex
	all map[string]*session // by the value of the cookie
}

func newSessions() *sessions { return &sessions{all: map[string]*session{}} }

func (all *sessions) of(r *http.Request) *session {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.all[cookie.Value]
}

func (all *sessions) start(w http.ResponseWriter, s *session) {
	id := oauth2.GenerateVerifier() // 256 random bits, as good for this
	all.mu.Lock()
	defer all.mu.Unlock()
	all.all[id] = s
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.SetCookie(w, &http.Cookie{Name: loginCookie, Path: "/callback", MaxAge: -1})
}

// replace puts new tokens into the session, unless it has ended meanwhile.
func (all *sessions) replace(r *http.Request, s *session) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.all[cookie.Value] != nil {
		all.all[cookie.Value] = s
	}
}

// end ends the browser's session and returns what it was.
func (all *sessions) end(w http.ResponseWriter, r *http.Request) *session {
	s := all.of(r)
	if s == nil {
		return nil
	}
	cookie, _ := r.Cookie(sessionCookie)
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.all, cookie.Value)
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
	return s
}

// endAll ends the sessions that began in one at Keyturn.
func (all *sessions) endAll(sid string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for id, s := range all.all {
		if sid != "" && s.SID == sid {
			delete(all.all, id)
		}
	}
}

// readLogin reads what login has left in its cookie.
func readLogin(r *http.Request) (state, nonce, verifier string) {
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return "", "", ""
	}
	state, rest, _ := strings.Cut(cookie.Value, ".")
	nonce, verifier, _ = strings.Cut(rest, ".")
	return state, nonce, verifier
}
