package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keyturn/storage/storagetest"
)

// idleTime is how long a process is left alone before its memory is read.
const idleTime = 2 * time.Second

// BenchmarkServe builds the program and starts it on a database that it has used before: the time from
// exec to the first answered request, and the resident memory when it has answered some and is left alone.
func BenchmarkServe(b *testing.B) {
	program := filepath.Join(b.TempDir(), "keyturn")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	for _, c := range []struct {
		name     string
		database func(*testing.B) string
	}{
		{"SQLite", func(b *testing.B) string { return storagetest.SQLite(b) }},
		{"PostgreSQL", func(b *testing.B) string { url, _ := durablePostgres(b); return url }},
	} {
		b.Run(c.name, func(b *testing.B) {
			process := newServing(b, program, c.database(b))
			process.start(b)
			process.stop(b) // the schema and the keys are there now
			var took []float64
			var resident []int
			for b.Loop() {
				took = append(took, float64(process.start(b).Microseconds())/1000)
				for n := range 1000 {
					path := []string{"/.well-known/jwks.json", "/.well-known/openid-configuration"}[n%2]
					if _, err := process.ask(path); err != nil {
						b.Fatal(err)
					}
				}
				fresh := process.memory(b)
				time.Sleep(idleTime)
				resident = append(resident, process.memory(b))
				b.Logf("resident: %d KiB after 1000 requests, %d KiB after %v at rest", fresh, resident[len(resident)-1], idleTime)
				process.stop(b)
			}
			slices.Sort(resident)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(middle(took), "start-ms")
			b.ReportMetric(float64(resident[len(resident)/2])/1024, "idle-MiB")
			b.Logf("first answer after %.0f ms (%.0f to %.0f)", middle(took), slices.Min(took), slices.Max(took))
		})
	}
}

// serving is `keyturn serve` as a process, with one caller.
type serving struct {
	program, address string
	env              []string
	process          *exec.Cmd
	caller           *caller
}

func newServing(b *testing.B, program, database string) *serving {
	public, ops := anyPort(b), anyPort(b)
	public.Close()
	ops.Close()
	address := public.Addr().String()
	return &serving{program: program, address: address, env: []string{
		"KEYTURN_LISTEN=" + address, "KEYTURN_OPS_LISTEN=" + ops.Addr().String(),
		"KEYTURN_DATABASE_URL=" + database, "KEYTURN_DATA_DIR=" + b.TempDir(), "KEYTURN_DRAIN_DELAY=0s",
	}}
}

// start returns how long it took from exec to the first answer.
func (s *serving) start(b *testing.B) time.Duration {
	s.process = exec.Command(s.program, "serve")
	s.process.Env = s.env
	began := time.Now()
	if err := s.process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.process.Process.Kill() })
	for {
		s.caller = &caller{address: s.address}
		_, err := s.ask("/.well-known/jwks.json")
		if err == nil {
			return time.Since(began)
		}
		s.caller.close()
		if time.Since(began) > 10*time.Second {
			b.Fatalf("keyturn serve does not answer: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *serving) ask(path string) ([]byte, error) { return s.caller.ask("GET", path, "") }

func (s *serving) stop(b *testing.B) {
	s.caller.close()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := s.process.Wait(); err != nil {
		b.Fatal(err)
	}
}

// memory is the resident memory in KiB.
func (s *serving) memory(b *testing.B) int {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.process.Process.Pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	size, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return size
}
