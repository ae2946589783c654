package web

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestEachErrorPageIsAsItsGoldenFile, in both languages: what a person reads when something is wrong is part of
// the contract. Which error leads to which page stands in api/testdata/failures.txt.
func TestEachErrorPageIsAsItsGoldenFile(t *testing.T) {
	pages := testPages(t, Theme{})
	for _, key := range errorKeys {
		for _, language := range []string{"en", "de"} {
			t.Run(key+"."+language, func(t *testing.T) {
				answer := httptest.NewRecorder()
				c, _ := gin.CreateTestContext(answer)
				pages.Error(c, 400, Error{Look: Look{Languages: []string{language}, RequestID: "f269206cdf0421829d22055c708f0f5f"}, Key: key, Home: AccountPath})
				got := hashesOf(pages.assets).Replace(answer.Body.String())
				golden := filepath.Join("testdata", "errors", key+"."+language+".html")
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil || got != string(want) {
					t.Errorf("differs from %s (%v); look at the page, then run with -update:\n%s", golden, err, got)
				}
			})
		}
	}
}
