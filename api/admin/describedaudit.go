package admin

import (
	"net/http"

	"keyturn/audit"
)

func describedAudit() map[string]description {
	const at = "2026-11-23T23:22:03.870319Z"
	event := audit.EventLine{
		ID: 4711, At: at, Action: audit.UserUpdated, ActorKind: "user", ActorID: exampleUser.ID, ActorName: "spiderman", Address: "192.0.2.7",
		SubjectKind: "user", SubjectID: exampleUser.ID, SubjectName: "spiderman", Details: map[string]string{"fields": "email"},
	}
	refusal := audit.RefusalLine{Minute: "2026-11-23T23:22:00.000000Z", Account: exampleUser.ID, Address: "192.0.2.7", Reason: "credentials", Count: 3}
	exported, refused := event, refusal
	exported.Type, exported.ActorName, exported.SubjectName, refused.Type = "event", "", "", "refusal"
	seal := audit.SealLine{Type: "seal", Number: 1, At: at}
	return map[string]description{
		"GET /audit":          {ID: "listEvents", Tag: "audit", Summary: "List what happened, newest first", Answer: listed[audit.EventLine]{Items: []audit.EventLine{event}, Next: "4711"}},
		"GET /audit/refusals": {ID: "listRefusals", Tag: "audit", Summary: "List refusals that changed nothing, newest first", Answer: listed[audit.RefusalLine]{Items: []audit.RefusalLine{refusal}}},
		"GET /audit/export": {
			Also: []int{http.StatusNotFound},
			ID:   "exportAudit", Tag: "audit", Summary: "Export the log with its seals, an object a line", Text: "Where the last line is missing the export was cut off. keyturn audit verify reads it.",
			Lines: []any{exported, refused, seal, audit.StartLine{Type: "start", Format: "keyturn-audit-1", Issuer: "https://id.example.com", ExportedAt: at, RefusalsSince: at}, audit.EndLine{Type: "end", Seals: 1, Events: 1}},
		},
	}
}
