package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// crowd is a process of clients that all send one request over and over. Without them in it, the CPU time of
// this process is the server's alone.
type crowd struct {
	orders  io.Writer
	answers *bufio.Reader
}

// The environment of a crowd: the address that it asks, and the request as it is written.
const (
	crowdAddress = "RUN_AS_CROWD"
	crowdRequest = "CROWD_REQUEST"
)

// newCrowd makes a side of clients that send the request.
func newCrowd(b *testing.B, name, address, request string) side {
	b.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), crowdAddress+"="+address, crowdRequest+"="+request)
	process.Stderr = os.Stderr
	orders, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	answers, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		orders.Close() // which ends it
		if err := process.Wait(); err != nil {
			b.Error(err)
		}
	})
	return side{name: name, crowd: &crowd{orders, bufio.NewReader(answers)}}
}

// work lets the crowd ask for a slice, and returns how often it did.
func (c *crowd) work() (done int, err error) {
	if _, err := io.WriteString(c.orders, "\n"); err != nil {
		return 0, err
	}
	line, err := c.answers.ReadString('\n')
	if err != nil {
		return 0, err
	}
	count, problem, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if problem != "" {
		return 0, fmt.Errorf("the clients met: %s", problem)
	}
	return strconv.Atoi(count)
}

// runCrowd is such a process: it works for a slice at each line that it reads, and writes how often it got
// its answer, and what went wrong.
func runCrowd() {
	var workers []func() error
	for range clients {
		c, request := &caller{address: os.Getenv(crowdAddress)}, []byte(os.Getenv(crowdRequest))
		workers = append(workers, func() error {
			_, err := c.exchange(request)
			return err
		})
	}
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		done, err := workAtOnce(workers)
		if err != nil {
			fmt.Printf("%d %q\n", done, err)
			continue
		}
		fmt.Println(done)
	}
}
