package web_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"keyturn/api/apitest"
)

// TestErrorPagesTellDevelopersWhatIsWrong, and the log tells operators who it was about. Only registered clients are
// named: any other id, and any other URI, is whatever a stranger wrote into a link.
func TestErrorPagesTellDevelopersWhatIsWrong(t *testing.T) {
	var log bytes.Buffer
	s := apitest.New(t, func(c *apitest.Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	apitest.Register(t, s, "orders", apitest.WebApp())
	b := apitest.NewBrowser(t, s)
	authorize := func(client string, more ...string) string {
		return "/oauth2/authorize?" + apitest.Request(client, more...).Encode()
	}
	long := "https://evil.example/\"\n<b>" + strings.Repeat("ü", 400)
	for name, tc := range map[string]struct{ path, detail, client, attribute, uri string }{
		"a redirect URI that is not registered": {authorize("orders", "redirect_uri", long), "keyturn client show orders lists them", "orders", "redirect_uri", long},
		"a client that nobody knows":            {authorize("evil.example"), "client_id is not one that is registered here", "", "", ""},
		"a place to go on to after sign-out": {
			"/oauth2/logout?" + url.Values{"client_id": {"orders"}, "post_logout_redirect_uri": {"https://evil.example/bye"}}.Encode(),
			"together with an id_token_hint", "orders", "post_logout_redirect_uri", "https://evil.example/bye",
		},
		"a sign-in of another browser": {"/interaction/AAAA?client_id=orders", "The cookie that was set at /oauth2/authorize did not come back", "", "", ""},
	} {
		log.Reset()
		p := b.Get(tc.path)
		if p.Status != 400 || !strings.Contains(p.Body, tc.detail) || strings.Contains(p.Body, "evil.example") || strings.Contains(p.Body, "{client}") {
			t.Errorf("%s: %d %s", name, p.Status, p.Body)
		}
		line := map[string]any{}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%s: not one line of JSON: %v %s", name, err, log.String())
		}
		if got, _ := line["client"].(string); got != tc.client {
			t.Errorf("%s: the log names the client %q, want %q", name, got, tc.client)
		}
		if got, _ := line[tc.attribute].(string); tc.uri != "" && (got == "" || len(got) > 200 || !strings.HasPrefix(tc.uri, strings.TrimSuffix(got, "?"))) {
			t.Errorf("%s: the log holds %q", name, got)
		}
	}
}
