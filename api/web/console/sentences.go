package console

import (
	"fmt"
	"html/template"

	"keyturn/audit/sentence"
)

// readSentences reads the translations of what the domain says: texts/sentences.TAG.json. The first language is the one
// that it says it in, and has none.
func readSentences(language string, first bool) (sentence.Catalogue, error) {
	if first {
		return nil, nil
	}
	file, err := textFiles.ReadFile("texts/sentences." + language + ".json")
	if err != nil {
		return nil, err
	}
	c, err := sentence.ReadCatalogue(file)
	if err != nil {
		return nil, fmt.Errorf("sentences in %s: %w", language, err)
	}
	return c, nil
}

// sayings are the functions by which templates say what the domain says, "say" for sentences, "sayText" for texts that
// are kept as they are. What has no translation is marked as English.
func sayings(c sentence.Catalogue) template.FuncMap {
	return template.FuncMap{
		"say":     func(s sentence.Sentence) template.HTML { return say(c, s) },
		"sayText": func(text string) template.HTML { return say(c, sentence.Fixed(text)) },
	}
}

// say is a sentence in the language of the catalogue.
func say(c sentence.Catalogue, s sentence.Sentence) template.HTML {
	text, known := s.In(c)
	if !known {
		return `<span lang="en">` + escape(text) + `</span>`
	}
	return escape(text)
}

// say is a sentence in the reader's language.
func (c *call) say(s sentence.Sentence) template.HTML {
	return say(c.k.Pages.sentences[c.k.Pages.web.LanguageOf(c.gin)], s)
}

// verbatim is what is the same in all languages, whole.
func verbatim(text string) template.HTML { return `<code>` + escape(text) + `</code>` }
