package main

import (
	"crypto/rand"
	"net/http"
	"sync"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

const sessionCookie = "app_session"

// session is somebody who is signed in. A real app keeps these in its database.
type session struct {
	Person *oidc.UserInfo
	Tokens *oidc.Tokens[*oidc.IDTokenClaims]
}

type sessions struct {
	mu  sync.Mutex
	all map[string]session // by the value of the cookie
}

func (all *sessions) of(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	s, ok := all.all[cookie.Value]
	return s, ok
}

func (all *sessions) start(w http.ResponseWriter, s session) {
	id := rand.Text()
	all.mu.Lock()
	defer all.mu.Unlock()
	all.all[id] = s
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// replace puts new tokens into the session, unless it has ended meanwhile.
func (all *sessions) replace(r *http.Request, s session) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if _, ok := all.all[cookie.Value]; ok {
		all.all[cookie.Value] = s
	}
}

// end ends the browser's session and returns what it was.
func (all *sessions) end(w http.ResponseWriter, r *http.Request) (session, bool) {
	s, ok := all.of(r)
	if !ok {
		return s, false
	}
	cookie, _ := r.Cookie(sessionCookie)
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.all, cookie.Value)
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
	return s, true
}

// endAll ends the sessions that began in one at Keyturn.
func (all *sessions) endAll(sid string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for id, s := range all.all {
		if sid != "" && s.Tokens.IDTokenClaims.SessionID == sid {
			delete(all.all, id)
		}
	}
}
