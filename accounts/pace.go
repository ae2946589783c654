package accounts

import (
	"sync"
	"time"
)

// remeasureAfter is how old the list of schemes in use may grow: another process may import users.
const remeasureAfter = 5 * time.Minute

// pace knows how long a check takes for each scheme and cost in use. A failed sign-in is stretched to
// the slowest, else the time would tell the users with an imported hash from those that don't exist.
type pace struct {
	mu sync.Mutex
	// took is by hash.cost, guarded by mu.
	took map[string]time.Duration
	// listed is when the schemes in use were last read, guarded by mu.
	listed time.Time
}

// learn notes that a check took d. A longer time counts at once (the machine is busy: everybody's
// checks take longer), a shorter one little by little.
func (p *pace) learn(cost string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.took == nil {
		p.took = make(map[string]time.Duration)
	}
	if was := p.took[cost]; d < was {
		d = was - (was-d)/8
	}
	p.took[cost] = d
}

func (p *pace) slowest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var longest time.Duration
	for _, d := range p.took {
		longest = max(longest, d)
	}
	return longest
}

// set replaces what was learned: a spike of a scheme that few users have would stay for long.
func (p *pace) set(took map[string]time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = took
}

// due is true for one caller each remeasureAfter.
func (p *pace) due(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.listed.IsZero() && now.Sub(p.listed) < remeasureAfter {
		return false
	}
	p.listed = now
	return true
}

// expire makes the next call of due return true.
func (p *pace) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed = time.Time{}
}
