package console

import (
	"encoding/json"
	"html/template"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/api/web"
	"keyturn/audit/sentence"
)

func catalogue(t *testing.T, language string) map[string]string {
	t.Helper()
	file, err := textFiles.ReadFile("texts/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(file, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestCataloguesSayTheSame: each text is in every language, with the same placeholders.
func TestCataloguesSayTheSame(t *testing.T) {
	placeholders := func(text string) []string {
		return slices.Sorted(slices.Values(regexp.MustCompile(`\{[a-z]+\}`).FindAllString(text, -1)))
	}
	languages := web.Locales()
	first := catalogue(t, languages[0])
	if len(languages) < 2 || len(first) < 200 {
		t.Fatalf("%v, %d texts", languages, len(first))
	}
	for _, language := range languages {
		texts := catalogue(t, language)
		for key, text := range first {
			if other, has := texts[key]; !has || !slices.Equal(placeholders(text), placeholders(other)) {
				t.Errorf("%q is %q and in %s %q", key, text, language, other)
			}
		}
		for key, text := range texts {
			if _, has := first[key]; !has {
				t.Errorf("only in %s: %q", language, key)
			}
			if text == "" || text != strings.TrimSpace(text) || strings.ContainsAny(text, "<>&") || strings.Contains(text, "  ") {
				t.Errorf("%s: %q is %q", language, key, text)
			}
		}
	}
}

// madeKeys are those that the program puts together: what stands before, and all that may come behind.
func madeKeys() []string {
	var all []string
	add := func(prefix string, rest ...string) {
		for _, r := range rest {
			all = append(all, prefix+r)
		}
	}
	k := &Console{}
	for _, s := range k.sections() {
		add("nav.", s.name)
		add(s.name, ".title")
	}
	for _, key := range problemKeys {
		add("problem."+key, ".title", ".kept", ".next")
	}
	for _, key := range []string{"forged", "server_error"} {
		add("problem."+key, ".title", ".kept", ".next")
	}
	add("check.", checkNames...)
	add("right.", "read", "manage-users", "manage-keys", "manage-all")
	for _, member := range clientMembers() {
		add("field.", member.name)
		add("fact.", member.name)
		if member.help {
			add("field."+member.name, ".help")
		}
		if member.group != "" {
			add("group.", member.group)
		}
		for _, value := range member.values {
			if key := optionKey(member, value); key != "" {
				add(key, "")
			}
		}
	}
	for _, name := range []string{"users", "groups", "clients", "resources"} {
		add(name, ".new")
	}
	for _, name := range []string{"deactivate", "activate", "delete_user", "end_all", "end_session", "set_password", "disable", "enable", "delete_client", "add_secret", "remove_secret", "send_reset", "reset_link", "reset_factors", "remove_member", "remove_role", "delete_group", "retry_letter", "drop_letter"} {
		add("ask."+name, ".title", ".what", ".button")
	}
	for _, kind := range []accounts.LetterKind{
		accounts.LetterSignUp, accounts.LetterSignUpExists, accounts.LetterInvitation, accounts.LetterPasswordReset, accounts.LetterEmailConfirm,
		accounts.LetterEmailChanging, accounts.LetterEmailChanged, accounts.LetterPasswordChanged, accounts.LetterWaysChanged, accounts.LetterAccountDeleted,
	} {
		add("letter.", string(kind))
	}
	add("state.", letterWaiting, letterGivenUp)
	for _, state := range []accounts.InvitationState{accounts.InvitationWaiting, accounts.InvitationGivenUp, accounts.InvitationSent, accounts.InvitationHanded} {
		add("state.", string(state))
		add("ends.invitation.", string(state))
	}
	add("ends.invitation.", "tried")
	add("language.", web.Locales()...)
	add("actor.", "anonymous", "operator", "system")
	add("act.", "add_member", "add_role")
	add("acr.", "default", "2", "phr")
	add("lane.", "all", "RS256", "PS256", "ES256", "EdDSA", "refresh")
	add("mode.", modes...)
	add("rotate.", modes...)
	add("step.", "create", "reschedule", "revoke", "delete")
	for _, key := range noteKeys {
		add(key, "")
	}
	add("overview.", "signins.one", "signins.other", "refusals.one", "refusals.other")
	add("legend.", "published", "signing", "retiring", "revoked")
	add("overview.health.", "ok", "warning", "failed")
	add("plan.", "signs_from", "signs_from.now", "safe_by", "safe_by.now")
	add("next.", "known", "unknown", "early")
	add("setup.", "todo.one", "todo.other", "connect")
	for _, kind := range kinds() {
		add("kind."+kind.name, "", ".text")
	}
	for _, name := range admin.TaskNames() {
		add("task."+string(name), "", ".text")
	}
	add("task.state.", string(admin.Done), string(admin.Todo), string(admin.Decide))
	for name := range admin.Stacks() {
		add("snippet.", name)
	}
	add("rotate.", "lead_not_over", "too_many")
	return all
}

// TestAdminAPISaysTheSame: what the admin API says in English is what the console says in English.
func TestAdminAPISaysTheSame(t *testing.T) {
	texts := catalogue(t, "en")
	for _, name := range admin.TaskNames() {
		if got, want := name.Words(), texts["task."+string(name)+".text"]; got != want || got == "" {
			t.Errorf("the task %s is %q, and in the console %q", name, got, want)
		}
	}
	for name, got := range admin.Stacks() {
		if want := texts["snippet."+name]; got != want || got == "" {
			t.Errorf("the snippet %s is for %q, and in the console %q", name, got, want)
		}
	}
}

// TestWhatHasNoTranslationIsMarked as the English that it is (WCAG 2.2, 3.1.2), and is text in any language.
func TestWhatHasNoTranslationIsMarked(t *testing.T) {
	german := sentence.Catalogue{"is <b>": "ist <b>"}
	for said, want := range map[template.HTML]template.HTML{
		say(german, sentence.Say("is <b>")): "ist &lt;b&gt;", say(german, sentence.Say("is <i>")): `<span lang="en">is &lt;i&gt;</span>`, say(nil, sentence.Say("is <b>")): "is &lt;b&gt;",
	} {
		if said != want {
			t.Errorf("%s, want %s", said, want)
		}
	}
}

// TestEveryNoteHasAText: all that keys notes about a rotation is said in the reader's language.
func TestEveryNoteHasAText(t *testing.T) {
	source, err := os.ReadFile("../../../keys/rotate.go")
	if err != nil {
		t.Fatal(err)
	}
	notes := regexp.MustCompile(`(?m)^\tNote\w+\s+= "(.+)"$`).FindAllStringSubmatch(string(source), -1)
	if len(notes) != len(noteKeys) {
		t.Errorf("keys has %d notes, and %d have a text", len(notes), len(noteKeys))
	}
	for _, note := range notes {
		if noteKeys[note[1]] == "" {
			t.Errorf("no text for %q", note[1])
		}
	}
}

// TestEveryTextIsUsedAndThere reads the templates and the program for the keys that they name, and takes those that
// are put together from the lists that these are made of.
func TestEveryTextIsUsedAndThere(t *testing.T) {
	texts := catalogue(t, "en")
	used := map[string]string{}
	for _, key := range madeKeys() {
		used[key] = "madeKeys"
	}
	for file, patterns := range map[string][]string{
		"templates/*.html": {`\bt "([a-z0-9_.]+)"`},
		"*.go": {
			`\.[tT]ext\("([a-z0-9_.]+)"[,)]`, `"((?:act|column|state|filter|client|email|users|groups|clients|resources|grants|revoked|audit|mail|invitations|form|plan|yes|never|way|part)[a-z0-9_.]*)"`,
			`showForm\("[a-z]+", "([a-z.]+)"`,
		},
	} {
		names, err := filepath.Glob(file)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, pattern := range patterns {
				for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
					if strings.Contains(pattern, "column|") && (!strings.Contains(m[1], ".") && m[1] != "yes" && m[1] != "never" || strings.HasSuffix(m[1], ".")) {
						continue // a section, not a key
					}
					used[m[1]] = name
				}
			}
		}
	}
	source := everything(t)
	for prefix, pattern := range map[string]string{
		"fact.": `fact\{"([a-z_]+)"|\{"([a-z_]+)", (?:\[\]cell|id\()`, "act.": `deed\{(?:Name: )?"([a-z_]+)"|\{"([a-z_]+)", (?:"/(?:grants|keys)/|at)|Name: "([a-z_]+)", Href`,
		"field.": `Name: "([a-z_]+)", Kind`, "done.": `\?done=([a-z_]+)|ended\([^,]+, "([a-z_]+)"`, "part.": `partOf\("([a-z]+)"|part\{Name: "([a-z]+)"|\{Name: "(members)", Table`,
		"group.": `\{"(person|rights)"`, "state.": `return "([a-z]+)"`,
	} {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
			name := strings.Join(m[1:], "")
			if _, has := texts[prefix+name]; !has && prefix == "state." {
				continue // some other word
			}
			used[prefix+name] = "a list in the program"
			if prefix == "part." {
				used["part."+name+".empty"] = "part"
			}
		}
	}
	for _, m := range regexp.MustCompile(`HelpOf: "([a-z_]+)"|Name: "([a-z_]+)", Kind: "[a-z]+"[^}]*Help: true`).FindAllStringSubmatch(source, -1) {
		used["field."+m[1]+m[2]+".help"] = "a field"
	}
	for _, m := range regexp.MustCompile(`filter\{\{?Name: "([a-z]+)"|\{Name: "(user|client|live|action|actor|subject|address|since|until)", Value`).FindAllStringSubmatch(source, -1) {
		used["filter."+m[1]+m[2]] = "a filter"
	}
	for _, state := range []string{"ok", "warning", "failed", "published", "signing", "retiring", "gone", "revoked"} {
		used["state."+state] = "a state of the domain"
	}
	for _, m := range regexp.MustCompile(`\.count\("([a-z.]+)"`).FindAllStringSubmatch(source, -1) {
		used[m[1]+".one"], used[m[1]+".other"] = "count", "count"
	}
	for key, where := range used {
		_, has := texts[key]
		if _, counts := texts[key+".other"]; counts {
			continue
		}
		if month := strings.HasPrefix(key, "month."); !has && !month {
			t.Errorf("%s: there is no text %q", where, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if used[key] == "" {
			t.Errorf("nothing uses %q", key)
		}
	}
}

// everything is the program's own text.
func everything(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
