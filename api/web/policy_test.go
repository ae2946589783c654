package web

import (
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestPagesHaveStrictHeaders is RFC 9700 sections 4.16 and 4.2.4 and requirement 18 of spec/security.md.
func TestPagesHaveStrictHeaders(t *testing.T) {
	const end = "; frame-ancestors 'none'; base-uri 'none'"
	const logo = "default-src 'none'; style-src 'self'; img-src 'self' https://orders.example.com; "
	const plain = "default-src 'none'; style-src 'self'; img-src 'self'; "
	policies := map[string]string{
		"signin":           logo + "script-src 'self'; form-action 'self' https:" + end,
		"signin-account":   plain + "script-src 'self'; form-action 'self'" + end,
		"consent":          logo + "form-action 'self' https:" + end,
		"consent-local":    plain + "form-action 'self' https: http://localhost:* http://127.0.0.1:*" + end,
		"error":            plain + "form-action 'self'" + end,
		"confirmsignout":   logo + "form-action 'self' https:" + end,
		"signedout":        plain + "form-action 'self'" + end,
		"signedout-frames": plain + "script-src 'self'; frame-src https://orders.example.com https://stock.example.com:8443; form-action 'self'" + end,
		"formpost":         plain + "script-src 'self'; form-action 'self' https:" + end,
		"account":          plain + "form-action 'self'" + end,
		"step-sign-up":     plain + "form-action 'self'" + end,
		"step-reset":       plain + "script-src 'self'; form-action 'self'" + end,
		"second":           logo + "script-src 'self'; connect-src 'self'; form-action 'self' https:" + end,
		"second-account":   plain + "form-action 'self'" + end,
		"signin-passkey":   plain + "script-src 'self'; connect-src 'self'; form-action 'self'" + end,
		"newpasskey":       plain + "script-src 'self'; connect-src 'self'; form-action 'self'" + end,
		"newapp-code":      plain + "form-action 'self' https:" + end,
		"enroll":           logo + "form-action 'self' https:" + end,
		"finished":         logo + "form-action 'self'" + end,
	}
	eachPage(t, func(t *testing.T, name string, tc testCase, answer *httptest.ResponseRecorder) {
		h := answer.Header()
		_, lang, _ := strings.Cut(name, ".")
		referrer := "same-origin"
		if tc.name == "formpost" || strings.Contains(answer.Body.String(), `name="token"`) {
			referrer = "strict-origin"
		}
		for header, want := range map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"Content-Language":       lang,
			"Content-Length":         strconv.Itoa(answer.Body.Len()),
			"Cache-Control":          "no-store",
			"Referrer-Policy":        referrer,
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
			"Permissions-Policy":     "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		} {
			if got := h.Get(header); got != want {
				t.Errorf("%s: %q, want %q", header, got, want)
			}
		}
		if want, named := policies[tc.name]; named && h.Get("Content-Security-Policy") != want {
			t.Errorf("Content-Security-Policy:\ngot  %s\nwant %s", h.Get("Content-Security-Policy"), want)
		}
		if unsafe := "unsafe"; strings.Contains(h.Get("Content-Security-Policy"), unsafe) {
			t.Errorf("the policy allows something %s", unsafe)
		}
		// In a window that a client opened, the tie to the client stays; anywhere else it is cut.
		kind, _, _ := strings.Cut(tc.name, "-")
		cut := map[string]bool{"error": true, "account": true, "finished": true, "step": true, "factor": true}[kind]
		if got := h.Get("Cross-Origin-Opener-Policy") == "same-origin"; got != cut {
			t.Errorf("Cross-Origin-Opener-Policy: %q", h.Get("Cross-Origin-Opener-Policy"))
		}
	})
}

func TestThrottledPageSaysWhenToRetry(t *testing.T) {
	pages := testPages(t, Theme{})
	for _, tc := range testCases {
		want := map[string]string{"signin-throttled": "240", "step-password-throttled": "60", "second-throttled": "30"}[tc.name]
		if got := show(t, pages, tc, "en").Header().Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %q, want %q", tc.name, got, want)
		}
	}
}

func TestFormTargets(t *testing.T) {
	for redirect, want := range map[string]string{
		"":                                   "https:",
		"https://orders.example.com/cb":      "https:",
		"http://127.0.0.1:4000/cb":           "https: http://localhost:* http://127.0.0.1:*",
		"http://localhost":                   "https: http://localhost:* http://127.0.0.1:*",
		"http://[::1]:4000":                  "https: http:",
		"http://intranet:8080/cb?x=y":        "https: http://intranet:8080",
		"com.example.app:/cb":                "https: com.example.app:",
		"com.example.app:":                   "https: com.example.app:",
		"javascript:alert(1)":                "https:",
		"JavaScript:alert(1)":                "https:",
		"data:text/html,x":                   "https:",
		"http://a.example;script-src * /":    "https:",
		"http://a.example%20script-src/":     "https:",
		"http://ünicode.example/":            "https:",
		"a b:/cb":                            "https:",
		"com.example.app;script-src *:/path": "https:",
	} {
		if got := strings.Join(formTargets(redirect), " "); got != want {
			t.Errorf("%q: %q, want %q", redirect, got, want)
		}
	}
}

func TestOnlySafeLinksAreShown(t *testing.T) {
	for uri, want := range map[string]bool{
		"https://orders.example.com/privacy":       true,
		"http://127.0.0.1:4000/privacy":            true,
		"http://localhost/privacy":                 true,
		"http://[::1]/privacy":                     true,
		"http://orders.example.com/privacy":        false,
		"http://localhost.example.com/privacy":     false,
		"https://user:password@orders.example.co":  false,
		"https:///privacy":                         false,
		"//orders.example.com":                     false,
		"/privacy":                                 false,
		"":                                         false,
		"javascript:alert(1)":                      false,
		"https://orders.example.com/\"x":           false,
		"data:text/html,<script>alert(1)</script>": false,
		"ftp://orders.example.com/":                false,
		" https://orders.example.com/":             false,
	} {
		if got := webLink(uri) != ""; got != want {
			t.Errorf("%q: %v, want %v", uri, got, want)
		}
	}
	for uri, want := range map[string]bool{
		"https://orders.example.com/bye": true,
		"http://127.0.0.1:4000/bye":      true,
		"com.example.app:/bye":           true,
		"javascript:alert(1)":            false,
		"JAVASCRIPT:alert(1)":            false,
		"\tjavascript:alert(1)":          false,
		"data:text/html,x":               false,
		"/bye":                           false,
	} {
		if got := onwardLink(uri) != ""; got != want {
			t.Errorf("onward %q: %v, want %v", uri, got, want)
		}
	}
}

// TestHostileClientWritesNoMarkup is OWASP ASVS 5.0 section 1.2.1: whatever a client registered or a browser sent is text.
func TestHostileClientWritesNoMarkup(t *testing.T) {
	const evil = `<script>alert("1")</script>'"{client}`
	client := &Client{
		Name: evil, Host: evil, LogoURI: `https://evil.example/"><script>`, PolicyURI: "javascript:alert(1)",
		TermsURI: `https://evil.example/"onmouseover="alert(1)`, ClientURI: "data:text/html,<script>alert(1)</script>",
	}
	pages := testPages(t, Theme{Name: evil})
	look := Look{Languages: []string{evil}, AcceptLanguage: evil, RequestID: evil, Now: testNow}
	for name, write := range map[string]func(c *gin.Context){
		"signin": func(c *gin.Context) {
			pages.SignIn(c, 200, SignIn{Look: look, Client: client, Action: "/x", Cancel: true, Username: evil, Redirects: evil})
		},
		"signin-again": func(c *gin.Context) {
			pages.SignIn(c, 200, SignIn{Look: look, Client: client, Action: "/x", Problem: Problem{Kind: ProblemAgain}})
		},
		"consent": func(c *gin.Context) {
			pages.Consent(c, 200, Consent{Look: look, Client: *client, Action: "/x", Username: evil, Scopes: []string{evil}, Claims: []string{evil}, Resource: evil})
		},
		"error": func(c *gin.Context) {
			pages.Error(c, 400, Error{Look: look, Key: evil, Detail: evil, Client: client})
		},
		"confirmsignout": func(c *gin.Context) {
			pages.ConfirmSignOut(c, 200, ConfirmSignOut{Look: look, Client: client, Action: "/x", Username: evil, Hidden: map[string]string{evil: evil}})
		},
		"signedout": func(c *gin.Context) {
			pages.SignedOut(c, 200, SignedOut{Look: look, ClientName: evil, Continue: `javascript:alert(1)`, Frames: []string{`https://evil.example/"><script>`, "javascript:alert(1)", "https://e.example;x/"}})
		},
		"signedout-continue": func(c *gin.Context) {
			pages.SignedOut(c, 200, SignedOut{Look: look, Continue: `https://evil.example/"><script>alert(1)</script>;url=javascript:alert(1)`, Frames: []string{"https://evil.example/"}})
		},
		"formpost": func(c *gin.Context) {
			pages.FormPost(c, 200, FormPost{Look: look, Action: `https://evil.example/"><script>`, Fields: [][2]string{{evil, evil}}})
		},
		"account": func(c *gin.Context) {
			pages.Account(c, 200, Account{
				Look: look, Username: evil, Name: evil, Nickname: evil, Email: evil, Language: evil, Zone: evil, Done: evil, SignOutAction: "/x",
				Sessions: []AccountSession{{ID: evil, Device: evil, Address: evil, Action: "/x"}, {Device: "Mozilla/5.0 " + evil}},
				Apps:     []AccountApp{{ClientID: evil, Name: evil, Host: evil, Scopes: []string{evil}, OpenURI: "javascript:alert(1)", Action: "/x"}},
			})
		},
		"step": func(c *gin.Context) {
			wrong := map[string]string{"given_name": "invalid"}
			pages.Step(c, 422, Step{
				Look: look, Name: StepDelete, Facts: Facts{Email: evil, Username: evil}, Action: "/x", Hidden: map[string]string{"token": evil},
				Fields: wrongly(newPersonFields(evil, evil, evil, 15), map[string]string{"given_name": evil, "family_name": evil}, wrong),
			})
		},
		"finished": func(c *gin.Context) { pages.Finished(c, 200, Finished{Look: look, Client: client}) },
	} {
		answer := answerOf(t, write)
		page := answer.Body.String()
		all := readMarkup(t, page)
		checkNothingInline(t, all)
		for _, e := range named(all, "script") {
			if !slices.Contains([]string{"formpost", "signin", "signin-again", "step"}, name) || !strings.HasPrefix(e.attr["src"], "/assets/") {
				t.Errorf("%s: a script %v", name, e.attr)
			}
		}
		for _, e := range all {
			for _, link := range []string{"href", "src", "action"} {
				if value := e.attr[link]; value != "" && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") && !strings.HasPrefix(value, "https://") {
					t.Errorf("%s: <%s %s=%q>", name, e.name, link, value)
				}
			}
			if e.has("http-equiv") {
				t.Errorf("%s: a refresh to %q", name, e.attr["content"])
			}
		}
		for header, values := range answer.Header() {
			if strings.ContainsAny(strings.Join(values, ""), "\"<>\r\n") {
				t.Errorf("%s: %s: %q", name, header, values)
			}
		}
	}
}
