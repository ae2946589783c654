// Package spoken holds text for people by language: which languages there are, which of them somebody reads, and the
// texts that a package has in each of them, by key. It knows neither pages nor letters. What the domain says is another
// thing, which has no key but its English: package sentence.
package spoken
