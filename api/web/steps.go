package web

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/accounts"
)

// Step is a page of self-service that asks or tells one thing: a few words, perhaps a form, perhaps ways on.
type Step struct {
	Look
	// Name chooses the texts: one of those in stepTexts.
	Name StepName
	// Facts fill in the placeholders of the texts; what a person chose stands apart from the sentence.
	Facts Facts
	// Action is where the form goes, empty for a page without one. Hidden and Fields are what it holds.
	Action string
	Hidden map[string]string
	Fields []Field
	// Problem is ProblemThrottled or ProblemBusy; what is wrong with a field stands with the field.
	Problem Problem
	// Danger marks a form that can't be undone.
	Danger bool
	// Ways are where else to go.
	Ways []Way
}

// Facts are what the texts of a page name.
type Facts struct {
	Email, Username string
	// Wait is a lifetime.
	Wait time.Duration
	// Sessions and Apps are numbers of what will end.
	Sessions, Apps int
}

// Way is a link; Key names its text, after "way.".
type Way struct{ Key, Path string }

// Field is a line of a form. Its label is the text "field.NAME".
type Field struct {
	// Name is also the id.
	Name string
	// Type is that of an input, or "select".
	Type  string
	Value string
	// Autocomplete is the purpose (WCAG 2.2, 1.3.5).
	Autocomplete string
	Optional     bool
	ReadOnly     bool
	// Help tells that there is a text "field.NAME.help".
	Help bool
	// Least is how many characters a new password has at least.
	Least int
	// Wrong is why the value was not taken, after "wrong.NAME."; empty where it was.
	Wrong   string
	Options []Option
}

// Option is a choice of a select.
type Option struct{ Value, Text string }

// StepName names a page of self-service.
type StepName string

// The pages of self-service.
const (
	StepSignUp         StepName = "sign_up"
	StepSignUpSent     StepName = "sign_up_sent"
	StepSignUpLink     StepName = "sign_up_link"
	StepInvitation     StepName = "invitation"
	StepForgotten      StepName = "forgotten"
	StepForgottenSent  StepName = "forgotten_sent"
	StepReset          StepName = "reset"
	StepResetDone      StepName = "reset_done"
	StepProfile        StepName = "profile"
	StepEmail          StepName = "email"
	StepEmailSent      StepName = "email_sent"
	StepConfirmEmail   StepName = "confirm_email"
	StepEmailConfirmed StepName = "email_confirmed"
	StepPassword       StepName = "password"
	StepDownload       StepName = "download"
	StepDelete         StepName = "delete"
	StepDeleteLast     StepName = "delete_last"
	StepDeleted        StepName = "deleted"
	StepSignUpUsed     StepName = "sign_up_used"
	StepSignUpGone     StepName = "sign_up_gone"
	StepInvitationUsed StepName = "invitation_used"
	StepInvitationGone StepName = "invitation_gone"
	StepResetUsed      StepName = "reset_used"
	StepResetGone      StepName = "reset_gone"
	StepConfirmUsed    StepName = "confirm_used"
	StepConfirmGone    StepName = "confirm_gone"
	StepFirstRun       StepName = "first_run"
	StepFirstRunDone   StepName = "first_run_done"
	StepFirstRunApp    StepName = "first_run_app"
	StepFirstRunUsed   StepName = "first_run_used"
	StepFirstRunGone   StepName = "first_run_gone"
)

// stepTexts are the texts that each page has beside its title. "submit" is the button of the form, "next" a second
// paragraph; "list" one line each on what will happen.
var stepTexts = map[StepName][]string{
	StepSignUp:         {"text", "submit"},
	StepSignUpSent:     {"text", "next"},
	StepSignUpLink:     {"text", "submit"},
	StepInvitation:     {"text", "submit"},
	StepForgotten:      {"text", "submit"},
	StepForgottenSent:  {"text", "next"},
	StepReset:          {"text", "submit"},
	StepResetDone:      {"text"},
	StepProfile:        {"text", "submit"},
	StepEmail:          {"text", "submit"},
	StepEmailSent:      {"text", "next"},
	StepConfirmEmail:   {"text", "submit"},
	StepEmailConfirmed: {"text"},
	StepPassword:       {"text", "submit"},
	StepDownload:       {"text", "next", "submit"},
	StepDelete:         {"text", "sessions", "apps", "data", "next", "submit"},
	StepDeleteLast:     {"text", "next"},
	StepDeleted:        {"text"},
	StepSignUpUsed:     {"text", "next"},
	StepSignUpGone:     {"text", "next"},
	StepInvitationUsed: {"text", "next"},
	StepInvitationGone: {"text", "next"},
	StepResetUsed:      {"text", "next"},
	StepResetGone:      {"text", "next"},
	StepConfirmUsed:    {"text", "next"},
	StepConfirmGone:    {"text", "next"},
	StepFirstRun:       {"text", "submit"},
	StepFirstRunDone:   {"text", "next"},
	StepFirstRunApp:    {"text", "next"},
	StepFirstRunUsed:   {"text", "next"},
	StepFirstRunGone:   {"text", "next"},
}

// wayKeys are the keys that a Way may have.
var wayKeys = []string{"sign_in", "sign_in_now", "new_link", "account", "back", "download", "passkey", "app", "not_now"}

// fieldWrongs are the fields that forms may have, and for each why a value may be refused.
var fieldWrongs = map[string][]string{
	"email":            {"missing", "invalid", "same"},
	"who":              {"missing", "invalid"},
	"username":         {"taken", "invalid"},
	"chosen_username":  {"missing", "invalid", "taken"},
	"given_name":       {"invalid"},
	"family_name":      {"invalid"},
	"nickname":         {"invalid"},
	"locale":           {"invalid"},
	"zoneinfo":         {"invalid"},
	"password":         passwordWrongs,
	"new_password":     passwordWrongs,
	"current_password": {"missing", "wrong"},
}

// fieldHelps are the fields with a text of advice.
var fieldHelps = []string{"password", "new_password"}

// passwordWrongs are that there is none, the faults of accounts, and whatever else.
var passwordWrongs = []string{
	"missing", string(accounts.PasswordTooShort), string(accounts.PasswordTooLong), string(accounts.PasswordCommon),
	string(accounts.PasswordAboutYou), string(accounts.PasswordRepeated), string(accounts.PasswordSequence), "invalid",
}

// Step writes a page of self-service.
func (p *Pages) Step(c *gin.Context, status int, v Step) {
	retryAfter(c, v.Problem)
	policy := pagePolicy{script: v.HasPassword()}
	if v.carriesLink() {
		policy.referrer = originOnly
	}
	p.write(c, status, "step", v.Look, policy, v)
}

// carriesLink tells whether the address of the page holds the secret of a one-time link.
func (v Step) carriesLink() bool { return v.Hidden["token"] != "" }

// HasPassword tells whether there is something to show and hide.
func (v Step) HasPassword() bool {
	return slices.ContainsFunc(v.Fields, func(f Field) bool { return f.Type == "password" })
}

// Wrong are the fields whose values were not taken.
func (v Step) Wrong() []Field {
	var wrong []Field
	for _, f := range v.Fields {
		if f.Wrong != "" {
			wrong = append(wrong, f)
		}
	}
	return wrong
}

// Focus is the field that the person fills in next: the first that is wrong, else none. A page that says
// something first is read first.
func (v Step) Focus() string {
	if wrong := v.Wrong(); len(wrong) > 0 {
		return wrong[0].Name
	}
	return ""
}

// Mark sets the fields of a form to what was sent, and those that are wrong to why. Passwords are not kept.
func (v *Step) Mark(sent func(name string) string, wrong map[string]string) {
	for i := range v.Fields {
		f := &v.Fields[i]
		f.Wrong = wrong[f.Name]
		if f.Type != "password" && !f.ReadOnly {
			f.Value = sent(f.Name)
		}
	}
}

// say is a text of a page, empty where the page has none of that kind.
func (c catalogue) say(v Step, part string) (template.HTML, error) {
	if part != "title" && !slices.Contains(stepTexts[v.Name], part) {
		return "", nil
	}
	wait, err := c.wait(v.Facts.Wait)
	if err != nil {
		return "", err
	}
	sessions, err := c.count("number.sessions", int64(v.Facts.Sessions))
	if err != nil {
		return "", err
	}
	apps, err := c.count("number.apps", int64(v.Facts.Apps))
	if err != nil {
		return "", err
	}
	email, username := strongName(v.Facts.Email), strongName(v.Facts.Username)
	if part == "title" || part == "submit" { // which are plain, and not bold in places
		email, username = bdi(v.Facts.Email), bdi(v.Facts.Username)
	}
	return c.text("step."+string(v.Name)+"."+part,
		"email", email, "username", username, "wait", wait, "sessions", sessions, "apps", apps)
}

// label, help and wrong are the texts of a field.
func (c catalogue) label(f Field) (template.HTML, error) { return c.text("field." + f.Name) }

func (c catalogue) help(f Field) (template.HTML, error) {
	return c.text("field."+f.Name+".help", "least", f.Least)
}

func (c catalogue) wrong(f Field) (template.HTML, error) {
	name := strings.TrimPrefix(f.Name, "new_") // what is asked of a password is the same everywhere
	return c.text("wrong."+name+"."+f.Wrong, "least", f.Least)
}

func (c catalogue) way(w Way) (template.HTML, error) { return c.text("way." + w.Key) }
