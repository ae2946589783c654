package web

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

var testNow = time.Date(2026, time.March, 14, 13, 5, 0, 0, time.UTC)

func testPages(t *testing.T, theme Theme) *Pages {
	t.Helper()
	pages, err := NewPages(theme, "https://id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// show renders a page as it is asked for in a language.
func show(t *testing.T, pages *Pages, tc testCase, lang string) *httptest.ResponseRecorder {
	t.Helper()
	return answerOf(t, func(c *gin.Context) { tc.write(pages, c, testLook(lang)) })
}

func answerOf(t *testing.T, write func(c *gin.Context)) *httptest.ResponseRecorder {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	answer := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(answer)
	c.Request = httptest.NewRequest("GET", "/", nil)
	write(c)
	c.Writer.WriteHeaderNow()
	return answer
}

func testLook(lang string) Look {
	return Look{AcceptLanguage: lang, RequestID: "q4Zy0vS1m8Kc2dTn7XbLrA", Now: testNow}
}

func ordersClient() *Client {
	return &Client{
		Name: "Orders", Host: "orders.example.com", LogoURI: "https://orders.example.com/logo.png",
		PolicyURI: "https://orders.example.com/privacy", TermsURI: "https://orders.example.com/terms",
		ClientURI: "https://orders.example.com/",
	}
}

// testCase is a page as it is shown in one situation.
type testCase struct {
	name   string
	status int
	write  func(p *Pages, c *gin.Context, look Look)
}

func signInCase(name string, status int, v SignIn) testCase {
	return testCase{name, status, func(p *Pages, c *gin.Context, look Look) {
		v := v
		v.Look, v.Action = look, "/interaction/7Qx"
		p.SignIn(c, status, v)
	}}
}

func secondCase(name string, status int, v SecondFactor) testCase {
	return testCase{name, status, func(p *Pages, c *gin.Context, look Look) {
		v := v
		v.Look, v.Username, v.Action = look, "spiderman", "/interaction/7Qx/second"
		if !v.StepUp {
			v.Back = "/interaction/7Qx"
		}
		p.SecondFactor(c, status, v)
	}}
}

func newPasskeyCase(name string, status int, problem Problem) testCase {
	return testCase{name, status, func(p *Pages, c *gin.Context, look Look) {
		p.NewPasskey(c, status, NewPasskey{
			Look: look, Passkey: Ceremony{passkeyBegin, "/account/ways/passkey"}, Back: "/account", Problem: problem,
			Device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		})
	}}
}

func newAppCase(name string, status int, problem Problem) testCase {
	return testCase{name, status, func(p *Pages, c *gin.Context, look Look) {
		redirects := ""
		if problem.Kind == ProblemCode { // as in an interaction
			redirects = "https://orders.example.com"
		}
		err := p.NewApp(c, status, NewApp{
			Look: look, Redirects: redirects, Action: "/account/ways/app", Back: "/account", Secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", Problem: problem,
			URI: "otpauth://totp/id.example.com:spiderman?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=id.example.com",
		})
		if err != nil {
			panic(err)
		}
	}}
}

func factorCase(name string, status int, of AccountFactor, problem Problem) testCase {
	return testCase{name, status, func(p *Pages, c *gin.Context, look Look) {
		p.Factor(c, status, FactorPage{Look: look, Factor: of, Typed: of.Name, Back: "/account", Problem: problem})
	}}
}

func testWays() AccountWays {
	return AccountWays{
		Password: true, CodesLeft: 7, CodesAt: testNow.AddDate(0, 0, -9),
		AddPasskey: "/account/ways/passkey", AddApp: "/account/ways/app", RecoveryCodes: "/account/ways/recovery-codes",
		Passkeys: []AccountFactor{
			{ID: "p1", Name: "Peter’s phone", Passkey: true, Synced: true, Made: testNow.AddDate(0, -2, 0), Used: testNow.Add(-3 * time.Hour), Edit: "/account/factors/p1"},
			{ID: "p2", Name: "Key in the drawer", Passkey: true, Made: testNow.Add(-2 * time.Minute), Edit: "/account/factors/p2"},
		},
		Apps: []AccountFactor{{ID: "a1", Name: "Authenticator app of 2026-03-05", Made: testNow.AddDate(0, 0, -9), Used: testNow.AddDate(0, 0, -1), Edit: "/account/factors/a1"}},
	}
}

// testCases are every page, in each situation that looks different.
var testCases = append([]testCase{
	signInCase("signin", 200, SignIn{Client: ordersClient(), Cancel: true, Redirects: "https://orders.example.com"}),
	signInCase("signin-account", 200, SignIn{}),
	signInCase("signin-console", 200, SignIn{Console: true}),
	signInCase("signin-ways", 200, SignIn{Client: ordersClient(), Cancel: true, Forgotten: ForgottenPath, SignUp: SignUpPath}),
	signInCase("signin-credentials", 401, SignIn{Client: ordersClient(), Cancel: true, Username: "spiderman", Problem: Problem{Kind: ProblemCredentials}}),
	signInCase("signin-missing", 400, SignIn{Problem: Problem{Kind: ProblemMissing}}),
	signInCase("signin-missing-password", 400, SignIn{Username: "spiderman", Problem: Problem{Kind: ProblemMissing}}),
	signInCase("signin-throttled", 429, SignIn{Client: ordersClient(), Username: "spiderman", Problem: Problem{Kind: ProblemThrottled, Wait: 4 * time.Minute}}),
	signInCase("signin-busy", 503, SignIn{Username: "spiderman", Problem: Problem{Kind: ProblemBusy}}),
	signInCase("signin-again", 200, SignIn{Client: ordersClient(), Cancel: true, Username: "spiderman", Problem: Problem{Kind: ProblemAgain}}),
	signInCase("signin-expired", 422, SignIn{Client: ordersClient(), Cancel: true, Username: "spiderman", Problem: Problem{Kind: ProblemExpired}}),
	signInCase("signin-passkey", 422, SignIn{Passkey: Ceremony{signInBegin, "/account/passkey"}, Problem: Problem{Kind: ProblemPasskey}}),
	signInCase("signin-other", 200, SignIn{Client: ordersClient(), Cancel: true, Problem: Problem{Kind: ProblemOther}}),
	{"consent", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Consent(c, 200, Consent{
			Look: look, Client: *ordersClient(), Action: "/interaction/7Qx", Other: "/interaction/7Qx/other", Username: "spiderman", Session: "f269206cdf0421829d22055c708f0f5f",
			Scopes:   []string{"openid", "profile", "email", "address", "phone", "offline_access", "orders:read"},
			Claims:   []string{"birthdate", "shoe_size"},
			Resource: "https://api.example.com/orders", Redirects: "https://orders.example.com",
		})
	}},
	{"consent-usual", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Consent(c, 200, Consent{
			Look: look, Client: *ordersClient(), Action: "/interaction/7Qx", Other: "/interaction/7Qx/other", Username: "spiderman",
			Scopes: []string{"openid", "profile", "email", "offline_access"}, Redirects: "https://orders.example.com",
		})
	}},
	{"consent-local", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Consent(c, 200, Consent{
			Look: look, Client: Client{Name: "orders-cli", Host: "127.0.0.1:43117", FirstParty: true}, Action: "/interaction/7Qx", Username: "spiderman",
			Scopes: []string{"openid", "email"}, Redirects: "http://127.0.0.1:43117",
		})
	}},
	{"error", 400, func(p *Pages, c *gin.Context, look Look) {
		p.Error(c, 400, Error{Look: look, Key: "invalid_redirect_uri", Detail: "redirect_uri is not one that the client orders has registered. They are compared byte by byte; keyturn client show orders lists them, and the log holds the one that was sent.", Client: ordersClient(), Home: "/account"})
	}},
	{"error-unknown", 500, func(p *Pages, c *gin.Context, look Look) {
		p.Error(c, 500, Error{Look: look, Key: "no such text"})
	}},
	{"confirmsignout", 200, func(p *Pages, c *gin.Context, look Look) {
		p.ConfirmSignOut(c, 200, ConfirmSignOut{
			Look: look, Client: ordersClient(), Action: "/oauth2/logout", Username: "spiderman",
			Hidden: map[string]string{"state": "af0ifjsldkj", "client_id": "orders"},
		})
	}},
	{"signedout", 200, func(p *Pages, c *gin.Context, look Look) {
		p.SignedOut(c, 200, SignedOut{Look: look, Home: "/account"})
	}},
	{"signedout-frames", 200, func(p *Pages, c *gin.Context, look Look) {
		p.SignedOut(c, 200, SignedOut{
			Look: look, ClientName: "Orders", Continue: "https://orders.example.com/bye?state=a&b",
			Frames: []string{"https://orders.example.com/front?iss=a&sid=b", "https://stock.example.com:8443/front", "https://orders.example.com/front2"},
		})
	}},
	{"formpost", 200, func(p *Pages, c *gin.Context, look Look) {
		p.FormPost(c, 200, FormPost{Look: look, Action: "https://orders.example.com/callback", Fields: [][2]string{{"code", "SplxlOBeZQQYbYS6WxSbIA"}, {"state", `a"b<c`}}})
	}},
	{"account", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Account(c, 200, Account{
			Look: look, Username: "spiderman", Name: "Peter Parker", Nickname: "Spidey", Language: "English", Zone: "America/New York",
			Email: "peter@example.com", EmailVerified: true, EditProfile: ProfilePath, ChangeEmail: EmailPath, ChangePassword: PasswordPath,
			Download: DownloadPath, Delete: DeletePath, SignOutAction: "/account/sign-out", Console: ConsolePath, Done: DoneAccessRemoved, DoneApp: "Parcels",
			Sessions: []AccountSession{
				{ID: "a", Device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Address: "192.0.2.7", Started: testNow.Add(-3 * time.Hour), Seen: testNow.Add(-20 * time.Second), Current: true, Action: "/account/sessions/a"},
				{ID: "b", Device: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", Address: "2001:db8:85a3:8d3:1319:8a2e:370:7348", Started: testNow.AddDate(0, -1, -3), Seen: testNow.Add(-50 * time.Hour), Action: "/account/sessions/b"},
			},
			Apps: []AccountApp{
				{ClientID: "orders", Name: "Orders", Host: "orders.example.com", Scopes: []string{"openid", "profile", "email", "orders:read"}, OpenURI: "https://orders.example.com/start", Action: "/account/apps/orders"},
				{ClientID: "stock", Name: "Stock and Deliveries", Host: "stock.example.com", Scopes: []string{"openid", "offline_access"}},
			},
		})
	}},
	{"account-new", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Account(c, 200, Account{
			Look: look, Username: "spiderman", ChangeEmail: EmailPath, SignOutAction: "/account/sign-out", Done: DoneSessionEnded,
			Sessions: []AccountSession{{ID: "a", Device: "curl/8.5.0", Started: testNow, Seen: testNow, Current: true, Action: "/account/sessions/a"}},
		})
	}},
	{"account-empty", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Account(c, 200, Account{Look: look, Username: "spiderman"})
	}},
	{"account-ways", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Account(c, 200, Account{Look: look, Username: "spiderman", Done: DoneAppAdded, Ways: testWays()})
	}},
	secondCase("second", 200, SecondFactor{Client: ordersClient(), Cancel: true, Code: CodeApp, Recovery: "/interaction/7Qx/second?with=recovery", Passkey: Ceremony{secondBegin, "/interaction/7Qx/second"}}),
	secondCase("second-account", 200, SecondFactor{Code: CodeApp}),
	secondCase("second-console", 200, SecondFactor{Code: CodeApp, Console: true}),
	secondCase("second-passkey", 200, SecondFactor{Client: ordersClient(), Cancel: true, StepUp: true, Passkey: Ceremony{stepUpBegin, "/interaction/7Qx/step-up"}}),
	secondCase("second-recovery", 200, SecondFactor{Client: ordersClient(), Cancel: true, Code: CodeRecovery, Usual: "/interaction/7Qx/second"}),
	secondCase("second-code", 422, SecondFactor{Client: ordersClient(), Cancel: true, Code: CodeApp, Recovery: "/interaction/7Qx/second?with=recovery", Problem: Problem{Kind: ProblemCode}}),
	secondCase("second-missing", 422, SecondFactor{Code: CodeApp, Problem: Problem{Kind: ProblemNoCode}}),
	secondCase("second-throttled", 429, SecondFactor{Code: CodeApp, Problem: Problem{Kind: ProblemThrottled, Wait: 30 * time.Second}}),
	secondCase("second-failed", 422, SecondFactor{Code: CodeApp, Passkey: Ceremony{secondBegin, "/account/second"}, Problem: Problem{Kind: ProblemPasskey}}),
	{"enroll", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Enroll(c, 200, Enroll{Look: look, Client: ordersClient(), Action: "/interaction/7Qx/step-up", Passkey: "/interaction/7Qx/ways/passkey", App: "/interaction/7Qx/ways/app"})
	}},
	{"enroll-passkey", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Enroll(c, 200, Enroll{Look: look, Client: ordersClient(), Action: "/interaction/7Qx/step-up", Passkey: "/interaction/7Qx/ways/passkey", OnlyPasskey: true})
	}},
	{"enroll-group", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Enroll(c, 200, Enroll{Look: look, Passkey: "/account/ways/passkey?next=%2Fadmin", OnlyPasskey: true})
	}},
	secondCase("second-group", 200, SecondFactor{StepUp: true, Code: CodeApp, Passkey: Ceremony{stepUpBegin, "/account/step-up?next=%2Fadmin"}}),
	newPasskeyCase("newpasskey", 200, Problem{}),
	newPasskeyCase("newpasskey-name", 422, Problem{Kind: ProblemName}),
	newPasskeyCase("newpasskey-refused", 422, Problem{Kind: ProblemPasskeyRefused}),
	newPasskeyCase("newpasskey-many", 422, Problem{Kind: ProblemTooMany}),
	{"newpasskey-none", 200, func(p *Pages, c *gin.Context, look Look) {
		p.NewPasskey(c, 200, NewPasskey{Look: look, Back: "/account"})
	}},
	newAppCase("newapp", 200, Problem{}),
	newAppCase("newapp-code", 422, Problem{Kind: ProblemCode}),
	newAppCase("newapp-name", 422, Problem{Kind: ProblemName}),
	{"recoverycodes", 200, func(p *Pages, c *gin.Context, look Look) {
		p.RecoveryCodes(c, 200, RecoveryCodes{Look: look, Action: "/account/ways/recovery-codes", Onward: "/account", Left: 7})
	}},
	{"recoverycodes-made", 200, func(p *Pages, c *gin.Context, look Look) {
		codes := []string{"0k3m-9qv7-2dxt-hw5e", "7zrp-4jn8-yc1g-b6sa", "m2fw-8kx0-t5vq-3e9h", "d6yn-1cg4-rz7p-j8sb"}
		p.RecoveryCodes(c, 200, RecoveryCodes{Look: look, Codes: codes, Onward: "/interaction/7Qx", Interaction: true})
	}},
	factorCase("factor-passkey", 200, testWays().Passkeys[0], Problem{}),
	factorCase("factor-app", 422, testWays().Apps[0], Problem{Kind: ProblemName}),
	factorCase("factor-last", 409, testWays().Passkeys[1], Problem{Kind: ProblemLastWay}),
	factorCase("factor-demanded", 409, testWays().Passkeys[1], Problem{Kind: ProblemDemanded}),
	{"finished", 200, func(p *Pages, c *gin.Context, look Look) {
		p.Finished(c, 200, Finished{Look: look, Client: ordersClient(), Home: "/account"})
	}},
}, stepCases()...)

// eachPage renders each case in each language.
func eachPage(t *testing.T, do func(t *testing.T, name string, tc testCase, answer *httptest.ResponseRecorder)) {
	t.Helper()
	pages := testPages(t, Theme{})
	for _, tc := range testCases {
		for _, tag := range Locales() {
			name := tc.name + "." + tag
			t.Run(name, func(t *testing.T) {
				do(t, name, tc, show(t, pages, tc, tag))
			})
		}
	}
}

// hashesOf hides the hashes in the paths of assets: they change with each byte of these, which is not what golden
// files are about.
func hashesOf(a pageAssets) *strings.Replacer {
	return strings.NewReplacer(a.style, "/assets/keyturn.css", a.icon, "/assets/icon.svg", a.submit, "/assets/submit.js", a.onward, "/assets/onward.js", a.show, "/assets/show.js", a.passkey, "/assets/passkey.js")
}

func TestPagesAreAsTheGoldenFiles(t *testing.T) {
	hide := hashesOf(testPages(t, Theme{}).assets)
	eachPage(t, func(t *testing.T, name string, tc testCase, answer *httptest.ResponseRecorder) {
		if answer.Code != tc.status {
			t.Errorf("status %d, want %d", answer.Code, tc.status)
		}
		file := filepath.Join("testdata", name+".html")
		got := hide.Replace(answer.Body.String())
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("differs from %s; look at the page, then run with -update:\n%s", file, got)
		}
	})
}
