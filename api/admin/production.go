package admin

import (
	"context"
	"net/http"

	"keyturn/audit/sentence"
)

// Task is one thing that production needs.
type Task struct {
	Name  TaskName  `json:"name"`
	State TaskState `json:"state"`
	// What it is, in English; those who make a task leave it to Tasks.
	What string `json:"what"`
	// Fact is how it is now, in words or Verbatim; it may be empty.
	Fact sentence.Sentence `json:"fact,omitzero"`
	// Do is the setting or command that changes it, empty for none.
	Do string `json:"do,omitempty"`
}

// TaskState says how far a task is.
type TaskState string

// The states of a task: Decide is what only a person can know.
const (
	Done   TaskState = "done"
	Todo   TaskState = "todo"
	Decide TaskState = "decide"
)

// TaskName names a task.
type TaskName string

// TaskNames are the tasks, in order.
func TaskNames() []TaskName {
	return []TaskName{
		TaskIssuer, TaskTLS, TaskJWKS, TaskDatabase, TaskMasterKey, TaskAdministrators, TaskSecondFactor, TaskMail, TaskSignUp, TaskAudit, TaskMetrics,
	}
}

// The tasks.
const (
	TaskIssuer         TaskName = "issuer"         // an https address of its own
	TaskTLS            TaskName = "tls"            // TLS here, or a proxy that is believed
	TaskJWKS           TaskName = "jwks"           // the key set is reached at the issuer
	TaskDatabase       TaskName = "database"       // PostgreSQL, or one file that is backed up
	TaskMasterKey      TaskName = "master_key"     // a place of its own
	TaskAdministrators TaskName = "administrators" // more than one
	TaskSecondFactor   TaskName = "second_factor"  // demanded of administrators
	TaskMail           TaskName = "mail"
	TaskSignUp         TaskName = "sign_up"
	TaskAudit          TaskName = "audit" // how long it is kept, and where its head is noted
	TaskMetrics        TaskName = "metrics"
)

// tasksInWords is what each task is; the console says the same in the reader's language.
var tasksInWords = map[TaskName]string{
	TaskIssuer:         "The issuer is an https address that never changes: every token names it, and all are invalid after a change. Passkeys need a host name: at an IP address there are none.",
	TaskTLS:            "Keyturn speaks TLS itself, or a proxy in front does and is believed when it says where somebody comes from. Without that all people are one place to the throttle.",
	TaskJWKS:           "Whoever verifies tokens fetches the keys from the issuer. This machine tries it now, each time that you look.",
	TaskDatabase:       "PostgreSQL for more than one instance. SQLite does for one, on a disk that is backed up. Practise to restore it.",
	TaskMasterKey:      "Without it no signing key can be opened. Keep a copy apart from the backups of the database; only you can know whether there is one.",
	TaskAdministrators: "If one is ill or locked out, somebody else can act.",
	TaskSecondFactor:   "A group that all administrators are in demands it, best a passkey. How many are in such a group stands here beside how many there are.",
	TaskMail:           "For invitations, forgotten passwords and news of changes. Send a test letter; only you can see whether it has come.",
	TaskSignUp:         "With sign-up on, anybody with a mailbox may. Without it administrators invite people.",
	TaskAudit:          "Decide how long it is kept, and note its head now and then where nobody who can write to the database can write. Nothing else shows that it was cut off.",
	TaskMetrics:        "Prometheus, or what reads its format, has come to this instance in the last ten minutes.",
}

// Words is what the task is, in English; empty for one that there are no words for.
func (n TaskName) Words() string { return tasksInWords[n] }

// Tasks is what production needs as things are now, with words.
func (o Operations) Tasks(ctx context.Context) []Task {
	all := []Task{}
	if o.Production != nil {
		all = append(all, o.Production(ctx)...)
	}
	for n := range all {
		all[n].What = all[n].Name.Words()
	}
	return all
}

// listTasks answers what production needs, of this instance as it is now.
func (h *Handlers) listTasks(r *request) error {
	return r.write(http.StatusOK, listed[Task]{Items: h.Operations.Tasks(r.ctx)})
}
