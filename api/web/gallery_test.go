package web

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"
)

// Gallery serves each of testCases at /NAME, in the language of the request, for the tests in a browser. The
// scripts that lead somewhere are empty, so that their pages stay.
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
		if a.Path == pages.assets.submit || a.Path == pages.assets.onward {
			a.Body = nil
		}
		router.GET(a.Path, a.Get)
	}
	return names, router
}
