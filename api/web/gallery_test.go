package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// Gallery serves each of testCases at /NAME, in the language of the request, for the tests in a browser. The
// one page with a script gets an empty one, so that it stays.
func Gallery(t *testing.T) (names []string, gallery http.Handler) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	pages := testPages(t, Theme{})
	for _, tc := range testCases {
		names = append(names, tc.name)
		router.GET("/"+tc.name, func(c *gin.Context) {
			tc.write(pages, c, testLook(c.GetHeader("Accept-Language")))
		})
	}
	for _, a := range slices.Clone(pages.Assets()) {
		if strings.HasSuffix(a.Path, ".js") {
			a.Body = nil
		}
		router.GET(a.Path, a.Get)
	}
	return names, router
}
