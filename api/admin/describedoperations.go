package admin

import (
	"net/http"

	"keyturn/accounts"
	"keyturn/audit/sentence"
)

func describedOperations() map[string]description {
	letter := Letter{
		ID: "9b1d4c55a0f2b7d81c7e9a463f6a4e0c", Kind: accounts.LetterPasswordReset, To: "spiderman@example.com", UserID: exampleUser.ID,
		CreatedAt: exampleTime, DueAt: exampleTime, Attempts: 2, Failure: "unreachable",
	}
	return map[string]description{
		"GET /settings": {
			ID: "listSettings", Tag: "operations", Summary: "List the settings in force, secrets masked", Text: "Those of the instance that answers.",
			Answer: listed[Setting]{Items: []Setting{{Name: "KEYTURN_DATABASE_URL", Value: "postgres://keyturn:***@db/keyturn", Doc: "The database.", Changed: true}}},
		},
		"GET /health": {
			ID: "readHealth", Tag: "operations", Summary: "Read how an instance stands", Text: "What /readyz knows, in words, of the instance that answers; 200 also where something has failed.",
			Answer: Health{Status: "ok", Version: "1.0.0", Checks: []Check{{Name: "database", Status: "ok", Detail: sentence.Verbatim("postgres")}}},
		},
		"GET /production": {
			ID: "listTasks", Tag: "operations", Summary: "List what production needs, as things are now", Text: "done, todo, or decide for what only a person can know; of the instance that answers.",
			Answer: listed[Task]{Items: []Task{{Name: TaskTLS, State: Todo, What: TaskTLS.Words(), Do: "KEYTURN_TRUSTED_PROXIES"}}},
		},
		"GET /activity": {
			ID: "listActivity", Tag: "operations", Summary: "Count sign-ins and refusals over time", Text: "In steps from since on, each there even if nothing happened; without parameters the last 24 hours by the hour.",
			Answer: listed[Activity]{Items: []Activity{{From: exampleTime, SignIns: 12, Refusals: 3}}},
		},
		"GET /letters/:id":               {ID: "readLetter", Tag: "operations", Summary: "Read a letter that waits, or that was given up", Answer: letter},
		"GET /letters":                   {ID: "listLetters", Tag: "operations", Summary: "List letters that wait, or that were given up", Answer: listed[Letter]{Items: []Letter{letter}}},
		"POST /letters/:id/retry":        {ID: "retryLetter", Tag: "operations", Summary: "Have a letter tried again at once"},
		"DELETE /letters/:id":            {ID: "dropLetter", Tag: "operations", Summary: "Remove a letter, which will never leave then"},
		"GET /users/:id/apps":            {ID: "listApps", Tag: "users", Summary: "List what a user has allowed clients", Answer: listed[App]{Items: []App{{ClientID: "shop", ClientName: "The shop", Scopes: []string{"openid", "email"}}}}},
		"DELETE /users/:id/apps/:client": {ID: "removeApp", Tag: "users", Summary: "Take back what a user has allowed a client, and end their sign-ins at it", Answer: Ended{Ended: 1}, Body: reasonBody},
		"POST /sessions/end-all": {
			ID: "endEverybody", Tag: "operations", Summary: "End every sign-in of everybody and revoke all refresh keys", Answer: EverybodyEnded{KeysRevoked: 2, Ended: 4711}, Also: []int{http.StatusConflict},
			Text: "The first step after a restore or a failover that lost commits. everybody must be true.",
			Body: &bodyOf{Must: "everybody", May: "reason", Example: `{"everybody": true, "reason": "restored from last night"}`},
		},
	}
}
