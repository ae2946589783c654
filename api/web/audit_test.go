package web_test

import (
	"context"
	"testing"
	"time"

	"keyturn/api/apitest"
	"keyturn/audit"
)

func auditEvents(t *testing.T, s *apitest.Server, action audit.Action) []audit.Event {
	t.Helper()
	events, err := s.DB.AuditEvents(context.Background(), audit.Query{Action: action, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// refusals counts those of an account for a reason.
func refusals(t *testing.T, s *apitest.Server, account, reason string) (n int64) {
	t.Helper()
	rows, err := s.DB.Refusals(context.Background(), audit.RefusalQuery{Account: account, Until: s.Now().Add(time.Hour), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Reason == reason {
			n += row.Count
		}
	}
	return n
}
