// Package sentence holds text for people apart from the language it is said in: an English format and what is put into
// it. The domain says a sentence; whoever shows it says it in the reader's language, and everybody else in English. It
// knows neither languages nor where they are chosen: a Catalogue is given to it.
package sentence
