package accounts

import (
	"strings"
	"testing"
)

// vectorPassword is what all hashes below are of. They were made by the libraries that their comments
// name, at low cost.
const vectorPassword = "übergroße spinne"

var vectors = []struct{ maker, cost, text string }{
	{"Django 5.2", "pbkdf2_sha256$1000", "pbkdf2_sha256$1000$eTyTqK3lWkXlAnopRTSgbL$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8="},
	{"Django 5.2", "argon2$argon2id$v=19$m=256,t=1,p=2", "argon2$argon2id$v=19$m=256,t=1,p=2$VmRqaVlyc1Jzc0hsbEpOT09JMVFaTg$7HFdmvFTibrCYd19N1zS3dwT5jvcj0bFMHkDfqm0llU"},
	{"Django 5.2", "bcrypt_sha256$$2b$04", "bcrypt_sha256$$2b$04$yjRDY49dzqPYlIqtFxGD7.vkkVLjX5rrU9Y0N7Ths6JXUqI3rEtuq"},
	{"Django 5.2", "bcrypt$$2b$04", "bcrypt$$2b$04$pSjv30fec.A3sdoCeIfO1uz9x7DNyClqwQ0IuTzA5UIhV6gJ.g4X6"},
	{"Django 5.2", "scrypt$16$8$5", "scrypt$16$Dx2XDwcvPGqapO4jM5eFmf$8$5$FJB0L7cCBMgwlU+RKndD46YqEEeqmSFC/ZLLfLQYiIP0hiyO1h5l8wPNHP4oRfsFzcvycb0glZC1Mo8E+WsMIQ=="},
	{"Django 5.2, default cost", "argon2$argon2id$v=19$m=102400,t=2,p=8", "argon2$argon2id$v=19$m=102400,t=2,p=8$RTlOTkRxeXBKcGt1QnVlenFxUGo3Vw$BqztyEeHqU9qMhgOcG1dF3bsI1MqLvW9b+tE2AdPNak"},
	{"argon2-cffi", "$argon2id$v=19$m=256,t=1,p=1", "$argon2id$v=19$m=256,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$UZwv+z6BpehqEpPJY99kWa5uubOshzxsNpfGc2qzdYQ"},
	{"argon2-cffi", "$argon2i$v=19$m=256,t=1,p=1", "$argon2i$v=19$m=256,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$E797rQWyfbMR8xUTqJ79QyvOWetHaJrzdGTtFifYbBQ"},
	{"bcrypt (Python)", "$2b$04", "$2b$04$l/tBLM9hYSxz8YiB09SKOekH3ddBHQ.2XT0JStbg1cDwFIAGbeQ1O"},
	{"bcrypt (Python)", "$2a$04", "$2a$04$YTG9DW7TFRZ6RiaJp8Hs/.DL61Ae9APttehtVE9OL0.J05lMiax0i"},
	{"the 2b one under PHP's name of the same algorithm", "$2y$04", "$2y$04$l/tBLM9hYSxz8YiB09SKOekH3ddBHQ.2XT0JStbg1cDwFIAGbeQ1O"},
	{"passlib", "$scrypt$ln=4,r=8,p=2", "$scrypt$ln=4,r=8,p=2$TOk95zxnzNnbey+F8B5DyA$ZFdde4Vi7IfkBFT0XDmBHtYp03q0nM/QkQXIMJqnvtI"},
	{"hashlib", "$scrypt$ln=4,r=8,p=1", "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$5sYWrc3nbvFIxoQ6Pj5x+ZTeokF6nzDWvqreLAO6Pug"},
}

func TestVerifiesHashesOfOtherLibraries(t *testing.T) {
	for _, v := range vectors {
		h, err := parseHash(v.text)
		if err != nil {
			t.Errorf("%s, %s: %v", v.maker, v.cost, err)
			continue
		}
		if h.cost != v.cost {
			t.Errorf("%s: cost %q, want %q", v.maker, h.cost, v.cost)
		}
		if !h.matches(vectorPassword) {
			t.Errorf("%s, %s: the right password is refused", v.maker, v.cost)
		}
		for _, wrong := range []string{"", vectorPassword + " ", " " + vectorPassword, strings.ToUpper(vectorPassword), vectorPassword[:len(vectorPassword)-1]} {
			if h.matches(wrong) {
				t.Errorf("%s, %s: %q is accepted", v.maker, v.cost, wrong)
			}
		}
		if !needsRehash(v.text, Argon2{}) {
			t.Errorf("%s, %s: is taken for today's cost", v.maker, v.cost)
		}
	}
}

// Passwords are verified whole but for bcrypt, which reads 72 bytes wherever it was made.
func TestBcryptReads72Bytes(t *testing.T) {
	h, err := parseHash("$2b$04$NsB0Pe62byjUFm8wX1r0SOr5eeKVCEop956Cle7HYmyC/gczViNHS") // of 72 times "a"
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{
		strings.Repeat("a", 72):       true,
		strings.Repeat("a", 72) + "b": true,
		strings.Repeat("a", 71):       false,
		strings.Repeat("a", 71) + "b": false,
	} {
		if got := h.matches(password); got != want {
			t.Errorf("%d bytes: %v, want %v", len(password), got, want)
		}
	}
	if h.reads != 72 {
		t.Errorf("reads %d bytes, want 72", h.reads)
	}
}

func TestNewHashes(t *testing.T) {
	cost := Argon2{Memory: 64, Time: 1, Threads: 1}
	long := strings.Repeat("x", 1024)
	text := cost.hash(long)
	h, err := parseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches(long) || h.matches(long[:1023]) {
		t.Error("a long password is not verified whole")
	}
	if again := cost.hash(long); again == text {
		t.Error("two hashes of one password are the same")
	}
	if needsRehash(text, cost) {
		t.Error("a fresh hash needs a rehash")
	}
	if !needsRehash(text, Argon2{Memory: 64, Time: 2, Threads: 1}) || !needsRehash("rubbish", cost) {
		t.Error("a hash of another cost needs no rehash")
	}
	if got, want := (Argon2{}).orDefault().cost(), "$argon2id$v=19$m=19456,t=2,p=1"; got != want {
		t.Errorf("default cost %s, want %s", got, want)
	}
}

// A hash names its own cost; one that would take minutes or gigabytes is refused before it is computed.
func TestCheckHashBoundsCost(t *testing.T) {
	const argon = "$c2FsdHNhbHRzYWx0c2FsdA$UZwv+z6BpehqEpPJY99kWa5uubOshzxsNpfGc2qzdYQ"
	const key64 = "FJB0L7cCBMgwlU+RKndD46YqEEeqmSFC/ZLLfLQYiIP0hiyO1h5l8wPNHP4oRfsFzcvycb0glZC1Mo8E+WsMIQ=="
	const bcrypt = "$l/tBLM9hYSxz8YiB09SKOekH3ddBHQ.2XT0JStbg1cDwFIAGbeQ1O"
	for _, bad := range []struct{ text, says string }{
		{"$argon2id$v=19$m=262145,t=1,p=1" + argon, "memory"},
		{"$argon2id$v=19$m=4294967295,t=1,p=1" + argon, "memory"},
		{"$argon2id$v=19$m=4294967296,t=1,p=1" + argon, "parameter m"},
		{"$argon2id$v=19$m=262144,t=5,p=1" + argon, "passes"},
		{"$argon2id$v=19$m=64,t=0,p=1" + argon, "passes"},
		{"$argon2id$v=19$m=64,t=1,p=0" + argon, "parallelism"},
		{"$argon2id$v=19$m=64,t=1,p=9" + argon, "memory"},
		{"$argon2id$v=19$m=4096,t=1,p=257" + argon, "parallelism"},
		{"$argon2id$v=19$m=064,t=1,p=1" + argon, "parameter m"},
		{"$argon2id$v=19$t=1,m=64,p=1" + argon, "parameter"},
		{"$argon2id$v=16$m=64,t=1,p=1" + argon, "version"},
		{"$argon2id$m=64,t=1,p=1" + argon, "form"},
		{"$argon2d$v=19$m=64,t=1,p=1" + argon, "form"},
		{"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$UZwv", "key"},
		{"$argon2id$v=19$m=64,t=1,p=1$c2Fs$UZwv+z6BpehqEpPJY99kWa5uubOshzxsNpfGc2qzdYQ", "salt"},
		{"pbkdf2_sha256$5000001$salt$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8=", "iterations"},
		{"pbkdf2_sha256$0$salt$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8=", "iterations"},
		{"pbkdf2_sha256$1000$$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8=", "salt"},
		{"pbkdf2_sha256$1000$s\x00lt$+GPUlKFGYmC8C8J/KtlYvNHjm+lLJHNtyXQp7wec8I8=", "form"},
		{"pbkdf2_sha256$1000$salt$AAAA", "key"},
		{"scrypt$16385$salt$8$1$" + key64, "power of two"},
		{"scrypt$1$salt$8$1$" + key64, "power of two"},
		{"scrypt$1048576$salt$8$1$" + key64, "more than"},
		{"scrypt$262144$salt$8$5$" + key64, "too costly"},
		{"scrypt$16$salt$0$1$" + key64, "more than"},
		{"scrypt$16$salt$8$17$" + key64, "parallelism"},
		{"$scrypt$ln=63,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$5sYWrc3nbvFIxoQ6Pj5x+ZTeokF6nzDWvqreLAO6Pug", "ln"},
		{"$2b$16" + bcrypt, "bcrypt cost"},
		{"$2b$31" + bcrypt, "bcrypt cost"},
		{"$2b$03" + bcrypt, "bcrypt cost"},
		{"$2x$04" + bcrypt, "form"},
		{"$2b$04" + bcrypt + "x", "form"},
		{"bcrypt_sha256$2b$04" + bcrypt, "form"},
		{"md5$salt$d41d8cd98f00b204e9800998ecf8427e", "form"},
		{"underoos", "form"},
		{"", "form"},
		{"$", "form"},
		{"$2b$04$" + strings.Repeat("a", 600), "form"},
	} {
		err := CheckHash(bad.text)
		if err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%q: error %v, want one about %q", bad.text, err, bad.says)
		}
		if err != nil && len(bad.text) > 20 && strings.Contains(err.Error(), bad.text[len(bad.text)-20:]) {
			t.Errorf("%q: the error repeats the hash: %v", bad.text, err)
		}
	}
}

func TestArgon2Check(t *testing.T) {
	for _, good := range []Argon2{{}, {Memory: 65536, Time: 3, Threads: 4}} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []Argon2{{Memory: 19456}, {Time: 2}, {Memory: 1 << 20, Time: 1, Threads: 1}, {Memory: 8, Time: 1, Threads: 2}} {
		if bad.Check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.text)
	}
	f.Add("$argon2id$v=19$m=1,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err != nil {
			return
		}
		if h.cost == "" || h.matches == nil {
			t.Errorf("%q: accepted without cost or check", text)
		}
		if len(h.cost) >= len(text) {
			t.Errorf("%q: cost %q holds salt or key", text, h.cost)
		}
	})
}

// BenchmarkArgon2 is the price of one sign-in at the default cost.
func BenchmarkArgon2(b *testing.B) {
	h, err := parseHash(Argon2{}.orDefault().dummy())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.matches("underoos")
	}
}

// needsRehash tells whether the hash is of another scheme or cost than new ones of cost a.
func needsRehash(text string, a Argon2) bool {
	h, err := parseHash(text)
	return err != nil || h.cost != a.orDefault().cost()
}
