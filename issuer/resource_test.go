package issuer

import (
	"errors"
	"strings"
	"testing"
)

// RFC 6749 3.3
func TestResourceScopes(t *testing.T) {
	i := &Issuer{Settings: Settings{Issuer: "https://id.example.com", Audience: "api"}}
	many := make([]string, 101)
	for n := range many {
		many[n] = strings.Repeat("x", n+1)
	}
	for _, test := range []struct {
		scopes []string
		good   bool
	}{
		{nil, true}, {[]string{}, true}, {[]string{"orders:read", "orders:write"}, true}, {many[:100], true},
		{[]string{"https://api.example.com/orders.read", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"}, true},
		{[]string{""}, false}, {[]string{"a b"}, false}, {[]string{`a"`}, false}, {[]string{`a\`}, false}, {[]string{"é"}, false},
		{[]string{"a\x00"}, false}, {[]string{"a\x7f"}, false}, {[]string{"a", "b", "a"}, false}, {many, false}, {many[100:], false},
		{[]string{"openid"}, false}, {[]string{"orders", "offline_access"}, false}, {[]string{"profile"}, false},
	} {
		err := i.checkResource(Resource{Identifier: "orders", Scopes: test.scopes})
		bad, ok := errors.AsType[*InvalidRequest](err)
		if test.good != (err == nil) || ok && bad.Param != "scopes" {
			t.Errorf("%.80q: got %v, want good %v", test.scopes, err, test.good)
		}
	}
}
