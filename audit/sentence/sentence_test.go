package sentence_test

import (
	"encoding/json"
	"testing"
	"time"

	"keyturn/audit/sentence"
)

var german = sentence.Catalogue{
	"is longer than %d bytes":        "ist länger als %d Bytes",
	"line %d %s":                     "Zeile %d: %s",
	"of %s and %s":                   "von %[2]s und %[1]s",
	"holds %%2e":                     "enthält %%2e",
	"must be from %d to 100%% of %s": "muss zwischen %d und 100 %% von %s liegen",
}

func TestSentenceInALanguage(t *testing.T) {
	long := sentence.Say("is longer than %d bytes", 254)
	for _, test := range []struct {
		say             sentence.Sentence
		english, german string
		known           bool
	}{
		{sentence.Sentence{}, "", "", true},
		{long, "is longer than 254 bytes", "ist länger als 254 Bytes", true},
		{sentence.Say("line %d %s", 3, long), "line 3 is longer than 254 bytes", "Zeile 3: ist länger als 254 Bytes", true},
		{sentence.Say("of %s and %s", "one", "two"), "of one and two", "von two und one", true},
		{sentence.Say("holds %%2e"), "holds %2e", "enthält %2e", true},
		{sentence.Fixed("holds %2e"), "holds %2e", "enthält %2e", true},
		{sentence.Verbatim("100%d"), "100%d", "100%d", true},
		{sentence.Verbatim(""), "", "", true},
		{sentence.Say("line %d %s", 3, sentence.Verbatim("100%")), "line 3 100%", "Zeile 3: 100%", true},
		{sentence.Say("is new"), "is new", "is new", false},
		// Half a sentence in another language is none in either.
		{sentence.Say("line %d %s", 3, sentence.Say("is new")), "line 3 is new", "line 3 is new", false},
		{sentence.Say("is no better than %s", long), "is no better than is longer than 254 bytes", "is no better than is longer than 254 bytes", false},
	} {
		if got := test.say.String(); got != test.english {
			t.Errorf("in English %q, want %q", got, test.english)
		}
		if got, known := test.say.In(nil); got != test.english || !known {
			t.Errorf("without a catalogue %q, %v, want %q", got, known, test.english)
		}
		if got, known := test.say.In(german); got != test.german || known != test.known {
			t.Errorf("in German %q, %v, want %q, %v", got, known, test.german, test.known)
		}
	}
}

// TestSentenceIsATextForPrograms: whoever reads JSON gets English, and nothing of how it is put together.
func TestSentenceIsATextForPrograms(t *testing.T) {
	type row struct {
		Always sentence.Sentence `json:"always"`
		Maybe  sentence.Sentence `json:"maybe,omitzero"`
	}
	for _, test := range []struct {
		row  row
		want string
	}{
		{row{}, `{"always":""}`},
		{row{sentence.Verbatim(""), sentence.Verbatim("")}, `{"always":""}`},
		{row{sentence.Say("line %d", 3), sentence.Verbatim("x")}, `{"always":"line 3","maybe":"x"}`},
	} {
		text, err := json.Marshal(test.row)
		if err != nil || string(text) != test.want {
			t.Errorf("%s, %v, want %s", text, err, test.want)
		}
		var back row
		if err := json.Unmarshal(text, &back); err != nil || back.Always.String() != test.row.Always.String() || back.Maybe.IsZero() != test.row.Maybe.IsZero() {
			t.Errorf("read back %+v, %v, want %+v", back, err, test.row)
		}
	}
}

func TestCatalogueRefusesOtherArguments(t *testing.T) {
	for file, good := range map[string]bool{
		`{}`: true, `{"a %d": "b %d"}`: true, `{"a %d %s": "b %[2]s %[1]d"}`: true, `{"a": "b"}`: true, `{"%% %s": "%s %%"}`: true,
		`{"a %d": "b %s"}`: false, `{"a %d": "b"}`: false, `{"a": "b %d"}`: false, `{"a %d %s": "b %s %d"}`: false, `{"a %d": "b %[2]d"}`: false,
		`{"a %s": "b %s %[1]s"}`: false, `{"a": ""}`: false, `{"a": "100 % b"}`: false, `{"a": "b %"}`: false, `{"a %d": "b %[x]d"}`: false,
		`{"a %d": "b %[1"}`: false, `{"a %d": "b %[0]d"}`: false, `[]`: false, `{`: false, `{"a": 1}`: false,
	} {
		if c, err := sentence.ReadCatalogue([]byte(file)); (err == nil) != good {
			t.Errorf("%s: %v, %v, want good %v", file, c, err, good)
		}
	}
}

// TestDurations: nobody reads Go's 720h0m0s, in any language.
func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 63 * time.Second: "1 min 3 s", 5 * time.Minute: "5 min", 90 * time.Minute: "1 h 30 min", 720 * time.Hour: "720 h",
		time.Hour + time.Second: "1 h 0 min 1 s", 250 * time.Millisecond: "250 ms", 1500 * time.Millisecond: "1.5 s", -2 * time.Second: "-2 s",
	} {
		if said := sentence.Say("at most %s", d).String(); said != "at most "+want {
			t.Errorf("%s is said as %q", d, said)
		}
	}
}
