package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// play is the tutorial as a program: each step sends real requests, shows request and answer, and
// judges the answer.
type play struct {
	out    io.Writer
	client *http.Client
	issuer string
	hellos []string
	// admin makes an administrator's token with a scope, as `keyturn admin token` does.
	admin func(scope string) (string, error)

	access, refresh string // the newest pair
	old             string // the access token from before the key turned
	results         []stepResult
	quiet           bool
}

// stepResult is a step as --json tells it.
type stepResult struct {
	Step string `json:"step"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// run plays all steps, stops at the first that comes out wrong, and returns what was wrong with it.
func (p *play) run(ctx context.Context) error {
	steps := []struct {
		title string
		play  func(context.Context) error
	}{
		{"Obtain a token pair with username and password", p.obtain},
		{"Both resource servers verify the access token by themselves", p.helloBoth},
		{"One changed character, and nobody accepts it", p.tamper},
		{"Refresh: a new pair for the refresh token", p.renew},
		{"Turn the signing key, at once", p.turnKey},
		{"A token of the new key, and both resource servers accept old and new", p.oldAndNew},
		{"Revoke: log out with the refresh token", p.revoke},
		{"The revoked refresh token is refused", p.refused},
	}
	for n, step := range steps {
		p.printf("\n%d. %s\n", n+1, step.title)
		err := step.play(ctx)
		result := stepResult{Step: step.title, OK: err == nil}
		if err != nil {
			result.Why = err.Error()
			p.results = append(p.results, result)
			p.printf("   ✗ %s\n", err)
			return fmt.Errorf("step %d, %s: %w", n+1, step.title, err)
		}
		p.results = append(p.results, result)
		p.printf("   ✓\n")
	}
	p.printf("\nAll %d steps came out right.\n", len(steps))
	return nil
}

func (p *play) printf(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(p.out, format, args...)
	}
}

func (p *play) obtain(ctx context.Context) error {
	return p.takePair(ctx, "/api/token/", map[string]string{"username": demoUser, "password": demoPassword})
}

func (p *play) renew(ctx context.Context) error {
	used := p.refresh
	if err := p.takePair(ctx, "/api/token/refresh/", map[string]string{"refresh": used}); err != nil {
		return err
	}
	if p.refresh == used {
		return fmt.Errorf("the refresh token was not replaced")
	}
	return nil
}

func (p *play) takePair(ctx context.Context, path string, fields map[string]string) error {
	answer, err := p.send(ctx, "POST", p.issuer+path, "", fields)
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("want 200, got %d", answer.status)
	}
	if p.access, p.refresh = answer.text("access"), answer.text("refresh"); p.access == "" || p.refresh == "" {
		return fmt.Errorf("the answer holds no access and refresh token")
	}
	p.printf("   the access token is signed by key %s\n", keyID(p.access))
	return nil
}

func (p *play) helloBoth(ctx context.Context) error { return p.everyHello(ctx, p.access) }

// everyHello wants a greeting for the token from each resource server.
func (p *play) everyHello(ctx context.Context, token string) error {
	for _, base := range p.hellos {
		answer, err := p.send(ctx, "GET", base+"/api/hello/", token, nil)
		if err != nil {
			return err
		}
		if answer.status != http.StatusOK || answer.text("msg") != "Hello Peter Parker" {
			return fmt.Errorf("want 200 and the greeting, got %d", answer.status)
		}
	}
	return nil
}

func (p *play) tamper(ctx context.Context) error {
	at := strings.LastIndex(p.access, ".") + 10 // somewhere in the signature
	other := byte('A')
	if p.access[at] == other {
		other = 'B'
	}
	forged := p.access[:at] + string(other) + p.access[at+1:]
	for _, base := range p.hellos {
		answer, err := p.send(ctx, "GET", base+"/api/hello/", forged, nil)
		if err != nil {
			return err
		}
		if answer.status != http.StatusUnauthorized || answer.text("code") != "token_not_valid" {
			return fmt.Errorf("want 401 token_not_valid, got %d", answer.status)
		}
	}
	return nil
}

func (p *play) turnKey(ctx context.Context) error {
	token, err := p.admin("admin:keys")
	if err != nil {
		return err
	}
	answer, err := p.send(ctx, "POST", p.issuer+"/admin/v1/keys/rotate", token, map[string]any{"mode": "immediate", "force": true})
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("want 200, got %d", answer.status)
	}
	return nil
}

func (p *play) oldAndNew(ctx context.Context) error {
	p.old = p.access
	if err := p.renew(ctx); err != nil {
		return err
	}
	if keyID(p.old) == keyID(p.access) {
		return fmt.Errorf("the key did not turn: both tokens are signed by %s", keyID(p.old))
	}
	if err := p.everyHello(ctx, p.old); err != nil {
		return fmt.Errorf("the old token: %w", err)
	}
	if err := p.everyHello(ctx, p.access); err != nil {
		return fmt.Errorf("the new token: %w", err)
	}
	return nil
}

func (p *play) revoke(ctx context.Context) error {
	answer, err := p.send(ctx, "POST", p.issuer+"/api/token/blacklist/", "", map[string]string{"refresh": p.refresh})
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("want 200, got %d", answer.status)
	}
	return nil
}

func (p *play) refused(ctx context.Context) error {
	answer, err := p.send(ctx, "POST", p.issuer+"/api/token/refresh/", "", map[string]string{"refresh": p.refresh})
	if err != nil {
		return err
	}
	if answer.status != http.StatusUnauthorized || answer.text("detail") != "Token is blacklisted" {
		return fmt.Errorf("want 401 Token is blacklisted, got %d", answer.status)
	}
	return nil
}

// answer is a response as the play judges it.
type answer struct {
	status int
	body   []byte
}

// text gives a member of a JSON object, "" where there is none.
func (a answer) text(member string) string {
	var members map[string]any
	if json.Unmarshal(a.body, &members) != nil {
		return ""
	}
	value, _ := members[member].(string)
	return value
}

// send makes one request with a JSON body (none for nil) and shows both sides of it.
func (p *play) send(ctx context.Context, method, url, bearer string, fields any) (answer, error) {
	var body []byte
	if fields != nil {
		var err error
		if body, err = json.Marshal(fields); err != nil {
			return answer{}, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if fields != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	shown := shorten(body)
	if bearer != "" {
		shown = strings.TrimSpace("with " + shorten([]byte(`"`+bearer+`"`)) + " " + shown)
	}
	p.printf("   → %s %s %s\n", method, url, shown)
	response, err := p.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return answer{}, err
	}
	p.printf("   ← %s %s\n", response.Status, strings.TrimSpace(shorten(text)))
	return answer{response.StatusCode, text}, nil
}

// shorten keeps tokens and long lists from filling the screen.
func shorten(body []byte) string {
	text := string(body)
	var short strings.Builder
	for n, part := range strings.Split(text, `"`) {
		if n > 0 {
			short.WriteByte('"')
		}
		if strings.Count(part, ".") == 2 && len(part) > 60 {
			part = part[:18] + "…" + part[len(part)-6:]
		}
		short.WriteString(part)
	}
	if runes := []rune(short.String()); len(runes) > 160 {
		return string(runes[:160]) + "…"
	}
	return short.String()
}

// keyID reads the kid of a token that is only shown, not trusted.
func keyID(token string) string {
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return ""
	}
	return answer{body: text}.text("kid")
}
