// Package ginverify is verify's middleware for Gin. It only translates; every rule is in verify.
package ginverify

import (
	"github.com/gin-gonic/gin"

	"keyturn/verify"
)

// Handler lets requests with a good access token through and aborts all others with v's refusal. The
// token is in the request's context: Token and verify.FromContext both find it.
func Handler(v *verify.Verifier) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, err := v.Authenticate(c.Request)
		if err != nil {
			c.Abort()
			v.Refuse(c.Writer, c.Request, err)
			return
		}
		c.Request = c.Request.WithContext(verify.NewContext(c.Request.Context(), token))
		c.Next()
	}
}

// Token returns the token of the request that Handler let through.
func Token(c *gin.Context) (*verify.Token, bool) {
	return verify.FromContext(c.Request.Context())
}
