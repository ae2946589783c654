package web

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// parker is whose account the pages of self-service are about.
var parker = accounts.User{
	Username: "spiderman", GivenName: "Peter", FamilyName: "Parker", Email: "peter@example.com", EmailVerified: true,
	Claims: accounts.StandardClaims{Nickname: "Spidey", Locale: "en", Zoneinfo: "America/New_York"},
}

func stepCase(name string, status int, v Step) testCase {
	return testCase{"step-" + name, status, func(p *Pages, c *gin.Context, look Look) {
		v := v
		v.Look = look
		if v.Name == StepProfile {
			v.Fields = p.profileFields(parker)
		}
		p.Step(c, status, v)
	}}
}

func wrongly(fields []Field, sent, wrong map[string]string) []Field {
	v := Step{Fields: fields}
	v.Mark(func(name string) string { return sent[name] }, wrong)
	return v.Fields
}

// stepCases are the pages of self-service.
func stepCases() []testCase {
	link := map[string]string{"token": "V3mV0aKlGZ8pXcHgq0a7ZkUuJbq0nB1oTjv2sIhKx4E"}
	day := Facts{Wait: 24 * time.Hour}
	back := []Way{{"back", AccountPath}}
	again := []Way{{"new_link", ForgottenPath}, {"sign_in", AccountPath}}
	return []testCase{
		stepCase("sign-up", 200, Step{Name: StepSignUp, Action: SignUpPath, Fields: emailFields(), Ways: []Way{{"sign_in", AccountPath}}}),
		stepCase("sign-up-wrong", 422, Step{Name: StepSignUp, Action: SignUpPath, Hidden: map[string]string{"interaction": "7Qx"},
			Fields: wrongly(emailFields(), map[string]string{"email": `peter"at"example`}, map[string]string{"email": "invalid"})}),
		stepCase("sign-up-sent", 200, Step{Name: StepSignUpSent, Facts: day, Ways: []Way{{"new_link", SignUpPath}}}),
		stepCase("sign-up-link", 200, Step{Name: StepSignUpLink, Facts: Facts{Email: "peter@example.com"}, Action: "/link/sign_up", Hidden: link, Fields: newPersonFields("peter@example.com", "Peter", "", 15)}),
		stepCase("sign-up-link-wrong", 422, Step{Name: StepSignUpLink, Facts: Facts{Email: "peter@example.com"}, Action: "/link/sign_up", Hidden: link,
			Fields: wrongly(newPersonFields("peter@example.com", "Peter", "", 15), map[string]string{"given_name": strings.Repeat("Peter", 40), "family_name": "Parker"}, map[string]string{"given_name": "invalid", "password": "common"})}),
		stepCase("invitation", 200, Step{Name: StepInvitation, Facts: Facts{Email: "peter@example.com"}, Action: "/link/invitation", Hidden: link, Fields: newPersonFields("peter@example.com", "Peter", "", 15)}),
		stepCase("forgotten", 200, Step{Name: StepForgotten, Action: ForgottenPath, Fields: forgottenFields(), Ways: []Way{{"sign_in", AccountPath}}}),
		stepCase("forgotten-wrong", 422, Step{Name: StepForgotten, Action: ForgottenPath, Fields: wrongly(forgottenFields(), nil, map[string]string{"who": "missing"})}),
		stepCase("forgotten-sent", 200, Step{Name: StepForgottenSent, Facts: Facts{Wait: 30 * time.Minute}, Ways: again}),
		stepCase("reset", 200, Step{Name: StepReset, Action: "/link/password_reset", Hidden: link, Fields: resetFields("spiderman", 15)}),
		stepCase("reset-short", 422, Step{Name: StepReset, Action: "/link/password_reset", Hidden: link, Fields: wrongly(resetFields("spiderman", 15), nil, map[string]string{"new_password": "too_short"})}),
		stepCase("reset-busy", 503, Step{Name: StepReset, Action: "/link/password_reset", Hidden: link, Fields: resetFields("spiderman", 15), Problem: Problem{Kind: ProblemBusy}}),
		stepCase("reset-done", 200, Step{Name: StepResetDone, Ways: []Way{{"sign_in_now", AccountPath}}}),
		stepCase("profile", 200, Step{Name: StepProfile, Action: ProfilePath, Ways: back}),
		stepCase("email", 200, Step{Name: StepEmail, Action: EmailPath, Fields: emailFields(), Ways: back}),
		stepCase("email-sent", 200, Step{Name: StepEmailSent, Facts: day, Ways: back}),
		stepCase("confirm-email", 200, Step{Name: StepConfirmEmail, Facts: Facts{Email: "peter@example.com", Username: "spiderman"}, Action: "/link/email_confirm", Hidden: link}),
		stepCase("email-confirmed", 200, Step{Name: StepEmailConfirmed, Ways: []Way{{"account", AccountPath}}}),
		stepCase("password", 200, Step{Name: StepPassword, Action: PasswordPath, Fields: passwordFields("spiderman", true, 15), Ways: back}),
		stepCase("password-wrong", 422, Step{Name: StepPassword, Action: PasswordPath, Ways: back,
			Fields: wrongly(passwordFields("spiderman", true, 15), nil, map[string]string{"current_password": "wrong", "new_password": "about_you"})}),
		stepCase("password-throttled", 429, Step{Name: StepPassword, Action: PasswordPath, Fields: passwordFields("spiderman", true, 15), Problem: Problem{Kind: ProblemThrottled, Wait: time.Minute}, Ways: back}),
		stepCase("download", 200, Step{Name: StepDownload, Action: DownloadPath, Ways: back}),
		stepCase("delete", 200, Step{Name: StepDelete, Facts: Facts{Username: "spiderman", Sessions: 2, Apps: 1}, Action: DeletePath, Danger: true, Ways: []Way{{"download", DownloadPath}, {"back", AccountPath}}}),
		stepCase("delete-last", 200, Step{Name: StepDeleteLast, Ways: back}),
		stepCase("deleted", 200, Step{Name: StepDeleted}),
		stepCase("sign-up-used", 410, Step{Name: StepSignUpUsed, Ways: []Way{{"sign_in", AccountPath}}}),
		stepCase("sign-up-gone", 410, Step{Name: StepSignUpGone, Ways: []Way{{"new_link", SignUpPath}}}),
		stepCase("invitation-used", 410, Step{Name: StepInvitationUsed, Ways: []Way{{"sign_in", AccountPath}}}),
		stepCase("invitation-gone", 410, Step{Name: StepInvitationGone}),
		stepCase("reset-used", 410, Step{Name: StepResetUsed, Ways: again}),
		stepCase("reset-gone", 410, Step{Name: StepResetGone, Ways: again}),
		stepCase("first-run", 200, Step{Name: StepFirstRun, Action: "/link/first_run", Hidden: link, Fields: administratorFields(15)}),
		stepCase("first-run-wrong", 422, Step{Name: StepFirstRun, Action: "/link/first_run", Hidden: link,
			Fields: wrongly(administratorFields(15), map[string]string{"chosen_username": " ", "email": "peter"}, map[string]string{"chosen_username": "missing", "email": "invalid", "password": "too_short"})}),
		stepCase("first-run-done", 200, protectStep(true)),
		stepCase("first-run-app", 200, protectStep(false)),
		stepCase("first-run-used", 410, Step{Name: StepFirstRunUsed, Ways: []Way{toSignIn}}),
		stepCase("first-run-gone", 410, Step{Name: StepFirstRunGone, Ways: []Way{toSignIn}}),
		stepCase("confirm-used", 410, Step{Name: StepConfirmUsed, Ways: []Way{{"account", AccountPath}}}),
		stepCase("confirm-gone", 410, Step{Name: StepConfirmGone, Ways: []Way{{"new_link", EmailPath}}}),
	}
}

// TestEveryStepIsShown: no page of self-service goes untested.
func TestEveryStepIsShown(t *testing.T) {
	var shown []string
	pages := testPages(t, Theme{})
	for _, tc := range stepCases() {
		shown = append(shown, readTitle(t, show(t, pages, tc, "en")))
	}
	for name := range stepTexts {
		title := string(pages.catalogues[0].ByKey["step."+string(name)+".title"])
		if !slices.Contains(shown, title+" – Keyturn") {
			t.Errorf("no case shows %s (%q)", name, title)
		}
	}
}

func readTitle(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	return named(readMarkup(t, answer.Body.String()), "title")[0].text
}

// TestWrongFieldsSayWhatToMend: beside the field and at the top with a link, the first has the focus, what was typed is
// kept, and passwords are not.
func TestWrongFieldsSayWhatToMend(t *testing.T) {
	pages := testPages(t, Theme{})
	for _, tc := range stepCases() {
		if tc.status != 422 {
			continue
		}
		body := show(t, pages, tc, "en").Body.String()
		if strings.Count(body, `role="alert"`) != 1 || strings.Count(body, " autofocus") != 1 {
			t.Errorf("%s: no alert, or no one focus:\n%s", tc.name, body)
		}
		for _, e := range readMarkup(t, body) {
			if e.attr["aria-invalid"] != "true" {
				continue
			}
			if id := e.attr["id"]; !strings.Contains(body, `<a href="#`+id+`">`) || !strings.Contains(e.attr["aria-describedby"], id+"-problem") {
				t.Errorf("%s: %s is not told of at the top and beside the field", tc.name, id)
			}
		}
		for _, e := range readMarkup(t, body) {
			if e.attr["type"] == "password" && e.has("value") {
				t.Errorf("%s: the password is sent back", tc.name)
			}
		}
	}
	if body := show(t, pages, stepCases()[1], "en").Body.String(); !strings.Contains(body, `value="peter&#34;at&#34;example"`) {
		t.Errorf("what was typed is lost:\n%s", body)
	}
}

// TestPasswordsAreForgotten even where a form would send one back.
func TestPasswordsAreForgotten(t *testing.T) {
	fields := wrongly(passwordFields("spiderman", true, 15), map[string]string{"current_password": "underoos", "new_password": "underoos", "username": "venom"}, nil)
	for _, f := range fields {
		if f.Value == "underoos" || f.Value == "venom" {
			t.Errorf("%s keeps %q", f.Name, f.Value)
		}
	}
}
