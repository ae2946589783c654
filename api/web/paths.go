package web

// Where the pages of self-service live. A one-time link is at LinkPath, its purpose, and "?token=" with its secret:
// query strings are never logged.
const (
	SignUpPath    = "/sign-up"
	ForgottenPath = "/forgotten"
	LinkPath      = "/link/"
	ProfilePath   = AccountPath + "/profile"
	EmailPath     = AccountPath + "/email"
	PasswordPath  = AccountPath + "/password"
	DownloadPath  = AccountPath + "/download"
	DeletePath    = AccountPath + "/delete"
	DeletedPath   = AccountPath + "/deleted"
)

// FirstClientPath is the page of the console that the first run goes on with.
const FirstClientPath = ConsolePath + "/set-up/client"
