package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// slice is how long each side of a comparison works at a stretch.
	slice = 800 * time.Millisecond
	// clients is how many ask at the same time, each over one connection that it keeps.
	clients = 32
)

// side is one of the things that are compared: what its workers do over and over, all at once.
type side struct {
	name    string
	workers []func() error
	// crowd asks from a process of its own, in place of workers.
	crowd *crowd
}

// sample is what a side did in one slice.
type sample struct {
	done int
	took time.Duration
	// cpu is of this process, which holds the clients too where they are no crowd; database is of PostgreSQL's
	// processes.
	cpu, database time.Duration
}

func (s sample) rate() float64 { return float64(s.done) / s.took.Seconds() }

// per is a time of the whole slice for each operation, in microseconds.
func (s sample) per(t time.Duration) float64 { return float64(t.Microseconds()) / float64(s.done) }

func (s side) run(b *testing.B, server *postgresServer) sample {
	runtime.GC() // the next side does not pay for this one's garbage
	cpu, database, began := processCPU(b), server.cpu(b), time.Now()
	var done int
	var err error
	if s.crowd != nil {
		done, err = s.crowd.work()
	} else {
		done, err = workAtOnce(s.workers)
	}
	if err != nil {
		b.Fatalf("%s: %v", s.name, err)
	}
	return sample{done: done, took: time.Since(began), cpu: processCPU(b) - cpu, database: server.cpu(b) - database}
}

// workAtOnce lets all workers work for a slice, and returns how often they did.
func workAtOnce(workers []func() error) (done int, err error) {
	var all sync.WaitGroup
	counts, failures := make([]int, len(workers)), make([]error, len(workers))
	began := time.Now()
	for n, work := range workers {
		all.Go(func() {
			for time.Since(began) < slice && failures[n] == nil {
				failures[n] = work()
				counts[n]++
			}
		})
	}
	all.Wait()
	for _, n := range counts {
		done += n
	}
	return done, errors.Join(failures...)
}

// compare runs ours and its floors by turns, forwards and backwards, so that a drift of the machine
// meets all alike. Each iteration of the benchmark is one such round; it reports the medians, and the
// smallest and largest ratio.
func compare(b *testing.B, server *postgresServer, ours side, floors ...side) {
	b.Helper()
	sides := append([]side{ours}, floors...)
	for _, s := range sides {
		s.run(b, server) // warm connections, caches and plans
	}
	rounds := make([][]sample, len(sides))
	for n := 0; b.Loop(); n++ {
		for k := range sides {
			if n%2 == 0 {
				k = len(sides) - 1 - k
			}
			rounds[k] = append(rounds[k], sides[k].run(b, server))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rounds[0], sample.rate), "op/s")
	b.ReportMetric(median(rounds[0], func(s sample) float64 { return s.per(s.cpu) }), "cpu-µs/op")
	b.Log(describe(ours.name, rounds[0], server))
	for k, floor := range floors {
		var rates, shares, costs []float64
		for n, f := range rounds[k+1] {
			o := rounds[0][n]
			rates = append(rates, o.rate()/f.rate())
			shares = append(shares, f.per(f.cpu)/o.per(o.cpu))
			costs = append(costs, o.per(o.cpu)/f.per(f.cpu))
		}
		b.ReportMetric(middle(rates), "x-"+strings.ReplaceAll(floor.name, " ", "-"))
		b.Logf("%s; ratio of rates %s, of CPU %s; ours costs %s times its CPU",
			describe("  floor: "+floor.name, rounds[k+1], server), spread(rates), spread(shares), spread(costs))
	}
}

func describe(name string, samples []sample, server *postgresServer) string {
	text := fmt.Sprintf("%-38s %7.0f/s  CPU %6.1f µs", name, median(samples, sample.rate),
		median(samples, func(s sample) float64 { return s.per(s.cpu) }))
	if server != nil && server.local {
		text += fmt.Sprintf(" + PostgreSQL %5.1f µs", median(samples, func(s sample) float64 { return s.per(s.database) }))
	}
	return text
}

func median(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func spread(values []float64) string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", middle(values), slices.Min(values), slices.Max(values))
}

// processCPU is the user and system time of this process so far.
func processCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// statFields are the fields of /proc/PID/stat after the program's name: the state is the first.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil // it has ended
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// ticks sums fields of statFields, which are in hundredths of a second.
func ticks(fields []string, which ...int) (sum time.Duration) {
	for _, n := range which {
		value, err := strconv.ParseInt(fields[n], 10, 64)
		if err != nil {
			return math.MinInt64 // a kernel that is not Linux
		}
		sum += time.Duration(value) * 10 * time.Millisecond
	}
	return sum
}

// caller is an HTTP/1.1 client with one connection that does nothing but what the measurement needs: the
// standard library's costs as much as the server.
type caller struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	text    []byte
	body    []byte
}

func newCaller(b *testing.B, address string) *caller {
	c := &caller{address: address}
	b.Cleanup(c.close)
	return c
}

// connect is for the first request: a server closes connections that are silent for some seconds.
func (c *caller) connect() (err error) {
	if c.conn, err = net.Dial("tcp", c.address); err == nil {
		c.in = bufio.NewReader(c.conn)
	}
	return err
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// ask sends a request and returns the body of the answer, valid until the next call; an error unless its
// status is 200.
func (c *caller) ask(method, path, body string) ([]byte, error) {
	c.text = append(c.text[:0], method+" "+path+" HTTP/1.1\r\nHost: bench\r\n"...)
	if body != "" {
		c.text = append(c.text, "Content-Type: application/json\r\nContent-Length: "...)
		c.text = append(strconv.AppendInt(c.text, int64(len(body)), 10), "\r\n"...)
	}
	c.text = append(append(c.text, "\r\n"...), body...)
	return c.exchange(c.text)
}

// exchange is ask for a request that is written out.
func (c *caller) exchange(request []byte) ([]byte, error) {
	if c.conn == nil {
		if err := c.connect(); err != nil {
			return nil, err
		}
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	var status []byte
	length := -1
	for n := 0; ; n++ {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if n == 0 {
			status = append(status, line...)
			continue
		}
		if len(line) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("%s: an answer without Content-Length", status)
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return nil, err
	}
	if !bytes.Contains(status, []byte(" 200 ")) {
		return nil, fmt.Errorf("%s: %s", status, c.body)
	}
	return c.body, nil
}

// callers makes a side of which every worker repeats what with makes of its own connection.
func callers(b *testing.B, name, address string, with func(n int, c *caller) func() error) side {
	s := side{name: name}
	for n := range clients {
		s.workers = append(s.workers, with(n, newCaller(b, address)))
	}
	return s
}

// everywhere makes a side of which each of so many workers does the same.
func everywhere(name string, workers int, work func() error) side {
	return side{name: name, workers: slices.Repeat([]func() error{work}, workers)}
}
