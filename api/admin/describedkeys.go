package admin

import (
	"net/http"
	"time"

	"keyturn/keys"
)

func describedKeys() map[string]description {
	later := func(d time.Duration) Instant { return Instant{exampleTime.Add(d)} }
	key := Key{
		KID: "m1QkJ0yq3nYt5v8x", Algorithm: keys.EdDSA, Purpose: keys.Token, Epoch: 3, State: keys.Signing, PublishedAt: exampleTime,
		SignsFrom: later(24 * time.Hour), SignsUntil: later(744 * time.Hour), VerifiesUntil: later(745 * time.Hour),
	}
	step := Step{
		Action: keys.Create, KID: "x8v5tYn3qy0JkQ1m", Algorithm: keys.EdDSA, Purpose: keys.Token, Epoch: 4, SignsFrom: later(48 * time.Hour),
		SignsUntil: later(768 * time.Hour), VerifiesUntil: later(769 * time.Hour), Why: "by hand",
	}
	outcome := Outcome{Steps: []Step{step}, SignsFrom: step.SignsFrom, SafeBy: step.VerifiesUntil, Notes: []string{}}
	plan := Plan{
		Steps: []Step{}, Lanes: []Lane{{Purpose: keys.Token, Algorithm: keys.EdDSA, SigningKID: key.KID, NextKID: step.KID, TurnsAt: step.SignsFrom}},
		Events: []Turn{{At: step.SignsFrom, Event: keys.Signs, KID: step.KID, Purpose: keys.Token, Algorithm: keys.EdDSA}},
	}
	return map[string]description{
		"GET /keys":      {ID: "listKeys", Tag: "keys", Summary: "List all signing keys, on one page", Answer: listed[Key]{Items: []Key{key}}},
		"GET /keys/plan": {ID: "planKeys", Tag: "keys", Summary: "Read what is to be done now, and what comes when", Answer: plan},
		"GET /keys/rotation": {
			ID: "foreseeRotation", Tag: "keys", Summary: "Read what a rotation would do, and from when everyone is safe", Answer: outcome, Also: []int{http.StatusNotFound, http.StatusConflict},
			Text: "Nothing is done. The parameters are the members of rotateKeys, and it is refused where that would be; with mode=compromised and kid it is the end of a key.",
		},
		"POST /keys/rotate": {
			ID: "rotateKeys", Tag: "keys", Summary: "Turn the keys", Answer: outcome, Also: []int{http.StatusConflict},
			Text: "The members are the flags of keyturn keys rotate. all asks no second time.",
			Body: &bodyOf{View: Key{}, May: "mode algorithm purpose kid force all reason", Example: `{"mode": "graceful", "reason": "new owner"}`},
		},
		"POST /keys/:kid/revoke": {ID: "revokeKey", Tag: "keys", Summary: "Revoke a key that is compromised", Answer: outcome, Also: []int{http.StatusConflict}, Body: reasonBody},
	}
}
