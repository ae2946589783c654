package tokenpair

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadFields: whatever is sent becomes text without NUL, or a 4xx of this dialect; never anything else.
func FuzzReadFields(f *testing.F) {
	for _, seed := range [][2]string{
		{"application/json", `{"username": "a", "password": "b"}`},
		{"application/json", `{"username": "\ud83d\ude00", "password": 1e400}`},
		{"application/json", `{"username": "\ud83d", "password": "\\ud83d"}`},
		{"application/json", strings.Repeat("[", 5000)},
		{"application/json", `{"username": "a", "username": "b"}`},
		{"application/x-www-form-urlencoded", "username=a&password=%26+%00"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\na\r\n--b--\r\n"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"username\"; filename=\"x\"\r\n\r\na\r\n--b--\r\n"},
		{"text/plain; a=\"", "x"},
		{"", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Content-Type"] = []string{contentType}
		fields, err := readFields(r, []string{"username", "password"}, []string{"otp"})
		if err != nil {
			failure, ok := errors.AsType[*Failure](err)
			if !ok || failure.Status < 400 || failure.Status > 499 {
				t.Fatalf("got %v", err)
			}
			return
		}
		for name, value := range fields {
			if strings.ContainsRune(value, 0) || !utf8.ValidString(value) || value == "" {
				t.Fatalf("%s is %q", name, value)
			}
		}
	})
}

// TestLoneSurrogate is RFC 8259 section 8.2: what has no meaning is refused, what has one is kept.
func TestLoneSurrogate(t *testing.T) {
	for text, want := range map[string]string{
		`"a"`: "", `"\ud83d\ude00"`: "", `"\\ud83d"`: "", `"\u0041"`: "", `"\\\\"`: "",
		`"\ud83d"`: "d83d", `"\ude00"`: "de00", `"\ud83d\u0041"`: "d83d", `"\ud83d\ud83d"`: "d83d", `"\\\ud83d"`: "d83d",
		`"\ud83d\ude00\uDC00"`: "DC00",
	} {
		code, found := loneSurrogate([]byte(text))
		if code != want || found != (want != "") {
			t.Errorf("%s: got %q %v, want %q", text, code, found, want)
		}
	}
}
